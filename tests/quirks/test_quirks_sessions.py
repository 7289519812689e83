"""Quirks Q42 to Q51: how SMSCs fall silent, leave, come back, and what may be believed of what they said before."""

import asyncio
import socket
from collections.abc import Callable
from itertools import pairwise

import pytest
from by_hand import HANDSET, OK, SENDER, Field, HandSmsc, bind_resp, field, pdu, response
from rig.daemon import provider
from rig.stage import Stage
from session_peer import bound, frame, sent
from world import eventually, in_a_loop

from smsd.core.smpp import pdus, session
from smsd.core.smpp.codec import Pdu, encode_body
from smsd.core.smpp.events import Closed

ALREADY_BOUND = 0x05
FLOOD = 4_000
QUICK = {"interval": "50ms", "timeout": "100ms"}


def waits(smsc: HandSmsc) -> list[float]:
    """Seconds from the beginning of each connection, which ends at once, to the beginning of the next."""
    return [later.opened - earlier.opened for earlier, later in pairwise(smsc.lines)]


# --- alive or not


def test_q42_while_anything_comes_an_enquiry_without_answer_ends_nothing() -> None:
    """Told by the session, whose clock is a number: interval 30 s, timeout 20 s."""
    esme = bound()
    for now in range(10, 200, 10):
        assert esme.tick(now) == []
        esme.receive_data(frame(pdus.DELIVER_SM, now), now)
    assert esme.tick(220.0) == []
    assert pdus.ENQUIRE_LINK in [request.command for request in sent(esme)]
    assert esme.receive_data(frame(pdus.ALERT_NOTIFICATION, 7), 239.0)
    assert esme.tick(240.0) == []
    assert esme.tick(269.0) == []
    assert esme.tick(289.0) == [Closed("enquire_link was not answered", (), False)]


@in_a_loop
async def test_q43_a_peer_that_fell_silent_is_left_and_its_messages_are_accounted_for() -> None:
    async with field(enquire_link=QUICK) as f:
        await f.come()
        f.smsc.replies = {pdus.BIND_TRANSCEIVER: bind_resp}
        assert (await f.becomes("uncertain"))["reason"] == "connection-lost"
        await eventually(lambda: len(f.smsc.lines) > 1)
        assert "enquire_link was not answered" in f.events("lost")[0]["detail"]


@in_a_loop
async def test_q43_the_kernel_too_watches_over_a_connection() -> None:
    async with field() as f:
        of_tcp = f.flow.holding.binds[0]._connection._transport.get_extra_info("socket")
        assert of_tcp.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert of_tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) <= 60
        assert 0 < of_tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) <= 60_000


# --- the end of a session, and the next one


def unbind(f: Field) -> None:
    f.smsc.send(pdu(pdus.UNBIND, 0x569D3E36))


def fin(f: Field) -> None:
    f.smsc.lines[-1].transport.write_eof()


def reset(f: Field) -> None:
    f.smsc.lines[-1].transport.abort()


@pytest.mark.parametrize(("leave", "event"), [(unbind, "unbound"), (fin, "lost"), (reset, "lost")])
@in_a_loop
async def test_q44_when_the_smsc_leaves_we_come_back(leave: Callable[[Field], None], event: str) -> None:
    async with field() as f:
        leave(f)
        await eventually(lambda: len(f.smsc.lines) == 2 and f.flow.holding.state == "open")
        assert (len(f.events(event)), f.events("bound")[-1]["state"]) == (1, "open")
        await f.accept(b"77")
        assert f.smsc.lines[0].lost


@in_a_loop
async def test_q44_the_smscs_unbind_is_answered_before_we_leave() -> None:
    async with field() as f:
        unbind(f)
        answer = await f.smsc.hears(pdus.UNBIND_RESP)
        assert (answer.status, answer.sequence) == (OK, 0x569D3E36)


@in_a_loop
async def test_q45_already_bound_is_no_bind_and_is_tried_again_after_a_wait_of_its_own() -> None:
    answers = iter([ALREADY_BOUND, ALREADY_BOUND])
    smsc = HandSmsc({pdus.BIND_TRANSCEIVER: lambda bind: response(bind, b"smsc\0", next(answers, OK))})
    async with field(smsc, bound=False, reconnect={"min": "1ms", "max": "1ms", "already_bound": "150ms"}) as f:
        await eventually(lambda: f.events("already_bound"))
        assert f.flow.holding.state == "closed"
        f.request()
        await eventually(lambda: f.flow.holding.state == "open")
        assert len(f.events("already_bound")) == len(waits(smsc)) == 2
        assert min(waits(smsc)) >= 0.149
        assert len(smsc.heard(pdus.SUBMIT_SM)) <= 1


@in_a_loop
async def test_q45_we_say_unbind_before_we_leave() -> None:
    async with field() as f:
        await f.flow.holding.leave("", 0.0)
        assert f.smsc.received[-1].command == pdus.UNBIND
        assert len(f.smsc.lines) == 1


@in_a_loop
async def test_q46_there_is_a_least_wait_between_connections_that_doubles_while_they_fail() -> None:
    smsc = HandSmsc({pdus.BIND_TRANSCEIVER: lambda bind: response(bind, b"", 0x08)})
    async with field(smsc, bound=False, reconnect={"min": "40ms", "max": "100ms"}):
        await eventually(lambda: len(smsc.lines) == 5)
        assert all(waited >= least - 0.001 for waited, least in zip(waits(smsc), [0.04, 0.08, 0.1, 0.1], strict=True))


@in_a_loop
async def test_q47_an_unbind_that_is_never_answered_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "UNBIND_TIMEOUT", 0.1)
    async with field() as f:
        del f.smsc.replies[pdus.UNBIND]
        await asyncio.wait_for(f.flow.holding.leave("", 0.0), 2.0)
        await eventually(lambda: f.smsc.lines[0].lost)
        assert f.smsc.heard(pdus.UNBIND)


# --- what came before


def flooding(bind: Pdu) -> bytes:
    """The bind_resp, and in the same breath all receipts of a day; an enquire_link in the middle and at the end."""
    stored = []
    for n in range(FLOOD):
        text = b"id:stored-%d sub:001 dlvrd:001 stat:DELIVRD err:000" % n
        fields = {"source_addr": HANDSET, "destination_addr": SENDER, "esm_class": 4, "short_message": text}
        stored.append(pdu(pdus.DELIVER_SM, n, encode_body(pdus.DELIVER_SM, fields)))
    half = FLOOD // 2
    enquiries = [pdu(pdus.ENQUIRE_LINK, n) for n in (1, 2)]
    return b"".join([bind_resp(bind), *stored[:half], enquiries[0], *stored[half:], enquiries[1]])


@in_a_loop
async def test_q48_a_flood_of_stored_receipts_starves_neither_submit_sm_nor_enquire_link() -> None:
    async with field(HandSmsc({pdus.BIND_TRANSCEIVER: flooding})) as f:
        await f.come()
        await f.smsc.hears(pdus.ENQUIRE_LINK_RESP)
        heard = [each.command for each in f.smsc.received]
        assert heard[: heard.index(pdus.ENQUIRE_LINK_RESP)].count(pdus.DELIVER_SM_RESP) < FLOOD // 2
        await eventually(lambda: len(f.smsc.heard(pdus.DELIVER_SM_RESP)) == FLOOD, 40)
        assert {answer.status for answer in f.smsc.heard(pdus.DELIVER_SM_RESP)} == {OK}
        assert len(f.smsc.heard(pdus.ENQUIRE_LINK_RESP)) == 2


@in_a_loop
async def test_q49_a_message_whose_response_never_came_is_uncertain_and_not_sent_again() -> None:
    async with field(on_uncertain="report") as f:
        await f.come()
        reset(f)
        uncertain = await f.becomes("uncertain")
        assert (uncertain["final"], uncertain["attempts"], uncertain["possible_duplicate"]) == (True, 1, False)
        await f.accept(b"77")
        assert len(f.smsc.heard(pdus.SUBMIT_SM)) == 2


@in_a_loop
async def test_q49_with_resend_it_is_sent_again_and_the_result_says_so() -> None:
    async with field(on_uncertain="resend", retries={"delays": ["50ms"]}) as f:
        await f.come()
        reset(f)
        f.smsc.send(response(await f.smsc.hears(pdus.SUBMIT_SM, 2), b"77\0"))
        result = await f.becomes("sent")
        assert (result["attempts"], result["possible_duplicate"]) == (2, True)


@in_a_loop
async def test_q50_a_receipt_may_come_by_another_session_than_its_message() -> None:
    async with field() as f:
        await f.accept(b"77")
        reset(f)
        await eventually(lambda: len(f.smsc.lines) == 2 and f.flow.holding.state == "open")
        assert await f.deliver(b"id:77 stat:DELIVRD") == OK
        await f.becomes("delivered")


def test_q50_a_receipt_may_come_after_a_restart_and_by_another_bind_of_its_account(stage: Stage) -> None:
    silent = {"stat": None}
    one, other = stage.simulator(receipts=silent), stage.simulator(receipts=silent)
    account = {"receipts": True, "receipt_group": "acme"}
    providers = {"p": provider(one.port, **account), "q": provider(other.port, **account)}
    daemon = stage.daemon(providers)
    daemon.bound()
    crm = stage.crm
    parts = crm.result(crm.send("x" * 200), "sent")["parts"]
    daemon.kill9()
    stage.daemon(providers).bound()
    for simulator, part in zip((one, other), parts, strict=True):
        simulator.receipt(part["smsc_id"])
    assert crm.final("m1")["status"] == "delivered"
    assert crm.receipts == []


@in_a_loop
async def test_q51_accepted_is_not_delivered() -> None:
    async with field() as f:
        await f.accept(b"77")
        assert f.results()[0]["final"] is False
        assert await f.deliver(b"id:77 stat:REJECTD err:412") == OK
        undelivered = await f.becomes("undelivered")
        assert (undelivered["final"], undelivered["parts"][0]["receipt"]["err"]) == (True, "412")


@in_a_loop
async def test_q51_accepted_and_never_heard_of_again_is_unconfirmed() -> None:
    async with field(receipt_wait="50ms") as f:
        await f.accept(b"77")

        def unconfirmed() -> bool:
            f.flow.holding.sweep()
            return "unconfirmed" in f.statuses()

        await eventually(unconfirmed)
        assert f.results()[-1]["final"] is True
