"""Receipts and inbound messages of the simulated SMSC: what they say, whom they go to, when they come again."""

import asyncio
import re
from typing import Any

import pytest
from esme import Esme, bound_esme, smsc_with

from smsd.core import concat, text
from smsd.core.smpp import pdus
from smsd.core.smpp.codec import Pdu
from smsd.simulator.orders import Inbound, ReceiptOrder

AT_ONCE = {"delay": 0}


def stat(receipt: Pdu) -> str:
    found = re.search(r"stat:(\w+)", receipt.text("short_message"))
    assert found is not None
    return found[1]


def inbound(**order: Any) -> Inbound:
    return Inbound.model_validate({"from": "79000000001", "to": "ACME", **order})


def test_a_receipt_follows_appendix_b_and_goes_back_to_the_source() -> None:
    async def scene() -> tuple[str, Pdu]:
        async with bound_esme(receipts={**AT_ONCE, "tlvs": True, "stat": "UNDELIV", "err": "027"}) as (_, esme):
            answer = await esme.submitted(registered_delivery=1)
            return answer.text("message_id"), await esme.next_delivery()

    message_id, receipt = asyncio.run(scene())
    assert re.fullmatch(
        rf"id:{message_id} sub:001 dlvrd:000 submit date:\d{{10}} done date:\d{{10}} stat:UNDELIV err:027 text:hello",
        receipt.text("short_message"),
    )
    assert receipt.number("esm_class") == 0x04
    assert (receipt.text("source_addr"), receipt.number("source_addr_ton")) == ("79000000000", 1)
    assert (receipt.text("destination_addr"), receipt.number("dest_addr_ton")) == ("ACME", 5)
    assert receipt.tlv(pdus.TLV_RECEIPTED_MESSAGE_ID) == message_id.encode() + b"\0"
    assert receipt.tlv(pdus.TLV_MESSAGE_STATE) == b"\x05"
    assert receipt.tlv(pdus.TLV_NETWORK_ERROR_CODE) == b"\x03\x00\x1b"


@pytest.mark.parametrize(
    ("registered_delivery", "reported"),
    [(0, []), (1, ["DELIVRD", "UNDELIV"]), (2, ["UNDELIV"]), (3, ["DELIVRD"])],
)
def test_registered_delivery_is_honoured(registered_delivery: int, reported: list[str]) -> None:
    async def scene() -> list[str]:
        rules = [{"to": "2$", "stat": "UNDELIV"}, {"to": "3$", "stat": None}]
        async with bound_esme(receipts={**AT_ONCE, "rules": rules}) as (_, esme):
            for to in (b"71", b"72", b"73"):
                esme.submit(destination_addr=to, registered_delivery=registered_delivery)
            got = [await esme.next() for _ in range(3 + len(reported))]
            assert (await esme.ask(pdus.ENQUIRE_LINK)).command == pdus.ENQUIRE_LINK_RESP
            return [stat(pdu) for pdu in got if pdu.command == pdus.DELIVER_SM]

    assert asyncio.run(scene()) == reported


def test_a_receipt_can_come_before_its_answer() -> None:
    async def scene() -> list[int]:
        async with bound_esme(receipts={"before_response": True}) as (_, esme):
            esme.submit(registered_delivery=1)
            return [(await esme.next()).command for _ in range(2)]

    assert asyncio.run(scene()) == [pdus.DELIVER_SM, pdus.SUBMIT_SM_RESP]


def test_enroute_comes_first_and_copies_come_after() -> None:
    async def scene() -> list[tuple[str, int]]:
        async with bound_esme(receipts={**AT_ONCE, "enroute": True, "copies": 2}) as (_, esme):
            await esme.submitted(registered_delivery=1)
            return [(stat(pdu), pdu.number("esm_class")) for pdu in [await esme.next_delivery() for _ in range(3)]]

    assert asyncio.run(scene()) == [("ENROUTE", 0x20), ("DELIVRD", 0x04), ("DELIVRD", 0x04)]


def test_an_empty_template_makes_a_receipt_of_tlvs_only() -> None:
    async def scene() -> Pdu:
        ids = {"submit": "hex", "receipt": "decimal", "start": 255}
        async with bound_esme(receipts={**AT_ONCE, "template": "", "tlvs": True}, message_ids=ids) as (_, esme):
            assert (await esme.submitted(registered_delivery=1)).text("message_id") == "ff"
            return await esme.next_delivery()

    receipt = asyncio.run(scene())
    assert receipt.octets("short_message") == b""
    assert receipt.tlv(pdus.TLV_RECEIPTED_MESSAGE_ID) == b"255\0"


def test_receipts_wait_until_a_receiver_of_the_same_system_id_binds() -> None:
    async def scene() -> tuple[int, str]:
        async with bound_esme("transmitter", receipts=AT_ONCE) as (smsc, transmitter):
            await transmitter.submitted(registered_delivery=1)
            await Esme.bound(smsc.port, "receiver", "other")
            while not (waiting := smsc.counts()["waiting"]):
                await transmitter.ask(pdus.ENQUIRE_LINK)
            receiver = await Esme.bound(smsc.port, "receiver")
            return waiting, stat(await receiver.next_delivery())

    assert asyncio.run(scene()) == (1, "DELIVRD")


def test_deliveries_take_turns_among_receivers() -> None:
    async def scene() -> list[str]:
        async with bound_esme() as (smsc, first):
            second = await Esme.bound(smsc.port)
            for word in ("one", "two", "three", "four"):
                smsc.inbound(inbound(text=word))
            got = [await esme.next_delivery() for esme in (first, second, first, second)]
            return [pdu.text("short_message") for pdu in got]

    assert asyncio.run(scene()) == ["one", "two", "three", "four"]


def test_the_window_of_deliver_sm_is_kept() -> None:
    async def scene() -> tuple[dict[str, int], str]:
        async with bound_esme(receipts={"window": 1}) as (smsc, esme):
            for word in ("one", "two"):
                smsc.inbound(inbound(text=word))
            counts = {key: smsc.counts()[key] for key in ("sent", "waiting")}
            await esme.next_delivery()
            return counts, (await esme.next_delivery()).text("short_message")

    assert asyncio.run(scene()) == ({"sent": 1, "waiting": 1}, "two")


@pytest.mark.parametrize(("status", "again"), [(0x14, True), (0x58, True), (0x0B, False)])
def test_a_delivery_with_a_temporary_answer_comes_again(status: int, again: bool) -> None:
    async def scene() -> list[dict[str, Any]]:
        async with bound_esme(receipts={"resend_after": 0.01}) as (smsc, esme):
            smsc.inbound(inbound(text="hello"))
            esme.answer(await esme.next(), status)
            if again:
                assert (await esme.next_delivery()).text("short_message") == "hello"
            await esme.ask(pdus.ENQUIRE_LINK)
            return smsc.record.deliveries()

    answers = asyncio.run(scene())
    assert [(answer["status"], answer["again"]) for answer in answers] == [(status, again)] + [(0, False)] * again


def test_what_a_lost_connection_had_not_answered_goes_to_the_next_before_all_else() -> None:
    async def scene() -> list[str]:
        async with bound_esme(receipts={"window": 2}) as (smsc, first):
            for word in ("one", "two", "three"):
                smsc.inbound(inbound(text=word))
            await first.next()
            smsc.disconnect()
            second = await Esme.bound(smsc.port)
            return [(await second.next_delivery()).text("short_message") for _ in range(3)]

    assert asyncio.run(scene()) == ["one", "two", "three"]


def test_an_inbound_text_is_cut_where_it_is_too_long() -> None:
    async def scene() -> list[Pdu]:
        async with bound_esme() as (smsc, esme):
            assert smsc.inbound(inbound(text="я" * 71)) == 2
            return [await esme.next_delivery() for _ in range(2)]

    parts = [
        (pdu.number("data_coding"), *concat.split_udh(pdu.octets("short_message"))) for pdu in asyncio.run(scene())
    ]
    assert [coding for coding, _, _ in parts] == [8, 8]
    assert [header[-2:] for _, header, _ in parts] == [b"\x02\x01", b"\x02\x02"]
    assert "".join(text.decode(octets, "ucs2") for _, _, octets in parts) == "я" * 71


def test_inbound_parts_are_sent_in_the_order_given() -> None:
    async def scene() -> list[tuple[int, bytes]]:
        async with bound_esme() as (smsc, esme):
            smsc.inbound(inbound(parts=["He", "llo"], order=[2, 2, 1], reference=7))
            got = [await esme.next_delivery() for _ in range(3)]
            return [(pdu.number("esm_class"), pdu.octets("short_message")) for pdu in got]

    first, second = b"\x05\x00\x03\x07\x02\x01He", b"\x05\x00\x03\x07\x02\x02llo"
    assert asyncio.run(scene()) == [(0x40, second), (0x40, second), (0x40, first)]


def test_an_order_of_parts_that_are_not_there_is_refused() -> None:
    async def scene() -> None:
        async with bound_esme() as (smsc, _):
            smsc.inbound(inbound(parts=["a", "b"], order=[3]))

    with pytest.raises(ValueError, match="there are 2"):
        asyncio.run(scene())


def test_an_inbound_text_is_written_in_the_smscs_own_data_coding() -> None:
    async def scene() -> Pdu:
        async with bound_esme(data_codings={2: "ucs2"}) as (smsc, esme):
            smsc.inbound(inbound(text="я", data_coding=2))
            return await esme.next_delivery()

    pdu = asyncio.run(scene())
    assert (pdu.number("data_coding"), pdu.octets("short_message")) == (2, b"\x04\x4f")


def test_a_receipt_can_be_ordered_for_any_id() -> None:
    async def scene() -> list[Pdu]:
        async with bound_esme() as (smsc, esme):
            known = (await esme.submitted()).text("message_id")
            smsc.receipt(ReceiptOrder(message_id=known, stat="EXPIRED"))
            order = {"message_id": "nobody's", "template": "id:{id} {stat}", "esm_class": 0, "to": "79000000005"}
            smsc.receipt(ReceiptOrder.model_validate(order))
            return [await esme.next_delivery() for _ in range(2)]

    known, unknown = asyncio.run(scene())
    assert (stat(known), known.text("source_addr")) == ("EXPIRED", "79000000000")
    assert (unknown.text("short_message"), unknown.number("esm_class")) == ("id:nobody's DELIVRD", 0)
    assert unknown.text("source_addr") == "79000000005"


def test_an_order_for_nobody_is_refused_unless_it_names_someone() -> None:
    async def scene() -> int:
        async with smsc_with() as smsc:
            with pytest.raises(LookupError, match="nobody is bound"):
                smsc.inbound(inbound(text="hello"))
            smsc.inbound(inbound(text="hello", system_id="acme"))
            return int(smsc.counts()["waiting"])

    assert asyncio.run(scene()) == 1
