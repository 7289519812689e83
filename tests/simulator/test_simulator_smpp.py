"""The simulated SMSC over real sockets: binds, duties, submits, faults."""

import asyncio
from typing import Any

import pytest
from esme import Esme, bound_esme, smsc_with

from smsd.core.smpp import pdus
from smsd.core.smpp.codec import HEADER, Pdu, encode


async def bind_status(port: int, **bind: Any) -> int:
    esme = await Esme.connect(port)
    return (await esme.bind(**bind)).status


def test_anyone_may_bind_without_credentials_and_learns_the_version() -> None:
    async def scene() -> list[tuple[int, str, bytes | None]]:
        answers = []
        async with smsc_with() as smsc:
            for version in (0x33, 0x34, 0x50):
                esme = await Esme.connect(smsc.port)
                answer = await esme.bind(version=version)
                answers.append((answer.status, answer.text("system_id"), answer.tlv(pdus.TLV_SC_INTERFACE_VERSION)))
        return answers

    assert asyncio.run(scene()) == [(0, "smsd-sim", None), (0, "smsd-sim", b"\x34"), (0, "smsd-sim", b"\x50")]


def test_wrong_credentials_are_told_apart() -> None:
    async def scene() -> list[int]:
        async with smsc_with(credentials={"acme": "secret"}) as smsc:
            binds = [{}, {"password": "wrong"}, {"system_id": "nobody"}]
            return [await bind_status(smsc.port, **bind) for bind in binds]

    assert asyncio.run(scene()) == [0, 0x0E, 0x0F]


def test_every_bind_is_refused_with_bind_status() -> None:
    async def scene() -> int:
        async with smsc_with(bind_status="0x0D") as smsc:
            return await bind_status(smsc.port)

    assert asyncio.run(scene()) == 0x0D


def test_single_bind_refuses_only_kinds_that_clash() -> None:
    async def scene() -> list[int]:
        async with bound_esme("transmitter", single_bind=True) as (smsc, _):
            binds = [{"kind": "receiver"}, {"kind": "transmitter"}, {"kind": "transceiver"}, {"system_id": "other"}]
            return [await bind_status(smsc.port, **bind) for bind in binds]

    assert asyncio.run(scene()) == [0, 5, 5, 0]


def test_a_second_bind_on_one_connection_is_refused() -> None:
    async def scene() -> int:
        async with bound_esme() as (_, esme):
            return (await esme.bind()).status

    assert asyncio.run(scene()) == 5


@pytest.mark.parametrize("kind", ["receiver", ""])
def test_a_submit_needs_a_bind_that_transmits(kind: str) -> None:
    async def scene() -> int:
        async with smsc_with() as smsc:
            esme = await (Esme.bound(smsc.port, kind) if kind else Esme.connect(smsc.port))
            return (await esme.submitted()).status

    assert asyncio.run(scene()) == 4


def test_enquire_link_is_answered_and_unknown_commands_get_a_generic_nack() -> None:
    async def scene() -> list[tuple[int, int]]:
        async with bound_esme() as (_, esme):
            alive = await esme.ask(pdus.ENQUIRE_LINK)
            esme.write(HEADER.pack(16, 0x00010001, 0, 77))
            unknown = await esme.next()
            assert unknown.sequence == 77
            return [(pdu.command, pdu.status) for pdu in (alive, unknown)]

    assert asyncio.run(scene()) == [(pdus.ENQUIRE_LINK_RESP, 0), (pdus.GENERIC_NACK, 3)]


def test_unbind_is_answered_and_closes() -> None:
    async def scene() -> tuple[int, bool]:
        async with bound_esme() as (_, esme):
            return (await esme.ask(pdus.UNBIND)).command, await esme.is_closed()

    assert asyncio.run(scene()) == (pdus.UNBIND_RESP, True)


def test_a_cut_off_submit_is_answered_and_counted() -> None:
    async def scene() -> tuple[tuple[int, int, int], int]:
        async with bound_esme() as (smsc, esme):
            esme.write(HEADER.pack(18, pdus.SUBMIT_SM, 0, 9) + b"\0\0")
            answer = await esme.next()
            return (answer.command, answer.status, answer.sequence), smsc.counts()["malformed"]

    assert asyncio.run(scene()) == ((pdus.SUBMIT_SM_RESP, 1, 9), 1)


def test_lost_framing_ends_the_connection_after_what_came_before_is_answered() -> None:
    async def scene() -> tuple[list[int], bool]:
        async with bound_esme() as (_, esme):
            esme.write(encode(Pdu(pdus.ENQUIRE_LINK, sequence=5)) + b"\xff" * 16)
            return [(await esme.next()).command for _ in range(2)], await esme.is_closed()

    assert asyncio.run(scene()) == ([pdus.ENQUIRE_LINK_RESP, pdus.GENERIC_NACK], True)


def test_the_smscs_own_enquire_links_end_a_connection_that_does_not_answer() -> None:
    async def scene() -> bool:
        async with bound_esme(enquire_link=0.2) as (_, esme):
            first = await esme.next()
            esme.answer(first)
            second = await esme.next()
            assert [first.command, second.command] == [pdus.ENQUIRE_LINK] * 2
            return await esme.is_closed()

    assert asyncio.run(scene())


def test_submits_are_recorded_as_they_came() -> None:
    async def scene() -> tuple[list[dict[str, Any]], str]:
        async with bound_esme() as (smsc, esme):
            text = "привет".encode("utf-16-be")
            answer = await esme.submitted(short_message=text, data_coding=8, registered_delivery=0)
            esme.send(pdus.DATA_SM, {"destination_addr": b"79000000002"}, [(pdus.TLV_MESSAGE_PAYLOAD, b"data")])
            assert (await esme.next()).command == pdus.DATA_SM_RESP
            return smsc.record.submits(), answer.text("message_id")

    (submit, data), message_id = asyncio.run(scene())
    expected = {
        "n": 1,
        "system_id": "acme",
        "connection": 1,
        "command": "submit_sm",
        "sequence": 2,
        "source_addr": "ACME",
        "destination_addr": "79000000000",
        "data_coding": 8,
        "esm_class": 0,
        "registered_delivery": 0,
        "validity_period": "",
        "short_message": "043f04400438043204350442",
        "text": "привет",
        "tlvs": {},
        "message_id": message_id,
        "status": 0,
    }
    assert {key: submit[key] for key in expected} == expected
    assert (data["n"], data["command"], data["text"], data["tlvs"]) == (2, "data_sm", "data", {"0x0424": "64617461"})
    assert 0 <= data["monotonic"] - submit["monotonic"] < 5


def test_a_record_of_counts_keeps_no_submits() -> None:
    async def scene() -> tuple[list[Any], int]:
        async with bound_esme(record="counts") as (smsc, esme):
            await esme.submitted()
            return smsc.record.submits(), smsc.counts()["submits"]

    assert asyncio.run(scene()) == ([], 1)


def test_answers_wait_for_their_latency_and_the_window_limit_counts_them() -> None:
    async def scene() -> tuple[list[int], float]:
        async with bound_esme(latency=0.1, throttle={"window": 2, "window_status": "0x14"}) as (_, esme):
            loop = asyncio.get_running_loop()
            begun = loop.time()
            for _ in range(3):
                esme.submit()
            return [(await esme.next()).status for _ in range(3)], loop.time() - begun

    answered, seconds = asyncio.run(scene())
    assert answered == [0, 0, 0x14]
    assert seconds >= 0.1


def test_random_latency_lets_answers_overtake_each_other() -> None:
    async def scene() -> list[int]:
        async with bound_esme(latency=[0, 0.1], seed=1) as (_, esme):
            sent = [esme.submit() for _ in range(10)]
            got = [(await esme.next()).sequence for _ in range(10)]
            assert sorted(got) == sent
            return got

    got = asyncio.run(scene())
    assert got != sorted(got)


def test_a_submit_that_matches_no_answer_gets_none() -> None:
    async def scene() -> list[int | None]:
        async with bound_esme(no_answer=[{"to": "8$"}]) as (smsc, esme):
            esme.submit(destination_addr=b"79000000008")
            second = esme.submit()
            assert (await esme.next()).sequence == second
            return [submit["status"] for submit in smsc.record.submits()]

    assert asyncio.run(scene()) == [None, 0]


@pytest.mark.parametrize(("when", "answers"), [("before", 0), ("after", 1)])
def test_a_connection_is_cut_before_or_after_the_answer(when: str, answers: int) -> None:
    async def scene() -> bool:
        async with bound_esme(disconnect=[{"text": "cut", "when": when}]) as (_, esme):
            esme.submit(short_message=b"cut")
            for _ in range(answers):
                assert (await esme.next()).status == 0
            return await esme.is_closed()

    assert asyncio.run(scene())


def test_an_esme_that_does_not_read_its_answers_is_not_read_from_either() -> None:
    async def scene() -> int:
        async with bound_esme() as (smsc, esme):
            esme.write(encode(Pdu(pdus.ENQUIRE_LINK, sequence=5)) * 2_000_000)
            before = -1
            while (taken := smsc.record.received[pdus.ENQUIRE_LINK]) != before:
                before = taken
                await asyncio.sleep(0.05)
            return taken

    assert 0 < asyncio.run(scene()) < 2_000_000


def test_query_sm_knows_whether_a_message_has_ended() -> None:
    async def scene() -> list[tuple[int, int, bool]]:
        async with bound_esme(receipts={"delay": 60, "rules": [{"to": "2$", "stat": "UNDELIV"}]}) as (smsc, esme):
            waiting = await esme.submitted()
            smsc.rules = smsc.rules.model_copy(
                update={"receipts": smsc.rules.receipts.model_copy(update={"delay": 0.0})}
            )
            ended = await esme.submitted(destination_addr=b"79000000002")
            asked = [waiting.octets("message_id"), ended.octets("message_id"), b"nobody's"]
            answers = [await esme.ask(pdus.QUERY_SM, {"message_id": message_id}) for message_id in asked]
            return [(pdu.status, pdu.number("message_state"), bool(pdu.octets("final_date"))) for pdu in answers]

    assert asyncio.run(scene()) == [(0, 1, False), (0, 5, True), (0x67, 0, False)]
