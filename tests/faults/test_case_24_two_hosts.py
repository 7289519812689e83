"""Case 24: where a message was handed over is in its results, and that its segments went two ways."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from by_hand import OK, Field, HandSmsc, field, pdu, response
from receipts import appendix_b
from rig.daemon import provider
from rig.ports import free_port
from rig.stage import Stage
from world import in_a_loop

from smsd.core.smpp import pdus
from smsd.core.smpp.codec import Pdu

TWO = "x" * 200
FULL = 0x14


def accepts(id: bytes) -> HandSmsc:
    return HandSmsc({pdus.SUBMIT_SM: lambda submit: response(submit, id + b"\0")})


def leaves_after(status: int, id: bytes = b"71") -> HandSmsc:
    """Answers one submit_sm, unbinds, and does not come back."""

    def answer(submit: Pdu) -> bytes:
        smsc.replies[pdus.BIND_TRANSCEIVER] = lambda bind: response(bind, status=0x08)
        return response(submit, id + b"\0", status) + pdu(pdus.UNBIND, 1)

    smsc = HandSmsc({pdus.SUBMIT_SM: answer})
    return smsc


@asynccontextmanager
async def two(first: HandSmsc, second: HandSmsc, **settings: Any) -> AsyncIterator[tuple[Field, str, str]]:
    """A field with a backup, and the two hosts' names."""
    await second.start()
    try:
        async with field(first, window=1, backups=[second.port], **settings) as f:
            yield f, f"127.0.0.1:{first.port}", f"127.0.0.1:{second.port}"
    finally:
        await second.stop()


def forget(f: Field) -> None:
    """Memory has nothing of the message any more: the journal's file is asked."""
    f.flow.journal._recent.clear()
    f.flow.journal._names.clear()
    f.flow.journal._live.clear()


@in_a_loop
async def test_case_24_the_host_is_in_every_result_and_read_back() -> None:
    async with field(accepts(b"77")) as f:
        await f.come()
        sent = await f.becomes("sent")
        assert (sent["host"], sent["detail"]) == (f"127.0.0.1:{f.smsc.port}", None)
        forget(f)
        assert await f.deliver(appendix_b()) == OK
        assert (await f.becomes("delivered"))["host"] == sent["host"]


@in_a_loop
async def test_case_24_segments_that_went_two_ways_say_so() -> None:
    first, second = leaves_after(OK), accepts(b"72")
    async with two(first, second) as (f, here, there):
        f.request(TWO)
        sent = await f.becomes("sent")
        assert (len(first.heard(pdus.SUBMIT_SM)), len(second.heard(pdus.SUBMIT_SM))) == (1, 1)
        assert sent["host"] == here
        assert f"{here} and {there}" in sent["detail"]
        forget(f)
        f.smsc = second
        for id in ("71", "72"):
            assert await f.deliver(appendix_b(id)) == OK
        delivered = await f.becomes("delivered")
        assert (delivered["host"], delivered["detail"]) == (here, sent["detail"])


@in_a_loop
async def test_case_24_a_segment_refused_at_one_host_went_one_way() -> None:
    async with two(leaves_after(FULL), accepts(b"72"), retries={"delays": ["50ms"]}) as (f, here, _):
        f.request(TWO)
        sent = await f.becomes("sent")
        assert (sent["host"], sent["detail"]) == (here, None)


@in_a_loop
async def test_case_24_a_message_that_was_never_handed_over_has_no_host() -> None:
    async with field() as f:
        f.flow.holding.pause("")
        f.request(id="late", expires_at="2020-01-01T00:00:00Z")
        f.request(id="none", to="12")
        await f.quiet()
        assert [
            "host" in (await f.becomes(status, id)) for status, id in (("expired", "late"), ("rejected", "none"))
        ] == [
            False,
            False,
        ]


def test_case_24_an_ipv6_host_is_in_brackets_and_uncertain_after_kill_9_has_it(stage: Stage) -> None:
    simulator = stage.simulator(listen="[::1]:0", no_answer=[{"text": "silence"}])
    daemon = stage.daemon({"p": provider(simulator.port, host="::1")})
    daemon.bound()
    crm = stage.crm
    id = crm.send("silence")
    simulator.sent(1)
    daemon.kill9()
    stage.daemon({"p": provider(free_port(), host="::1")})
    uncertain = crm.final(id)
    assert (uncertain["status"], uncertain["host"]) == ("uncertain", f"[::1]:{simulator.port}")
