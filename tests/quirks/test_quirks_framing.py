"""Quirks Q31 to Q41: octets, lengths, fields, commands and sequence numbers that no specification knows."""

import asyncio

import pytest
from by_hand import HANDSET, OK, SENDER, HandSmsc, bind_resp, field, pdu, response
from world import eventually, in_a_loop

from smsd.core.smpp import pdus, session
from smsd.core.smpp.codec import MAX_PDU, encode_body

UNKNOWN_COMMAND, INVALID_LENGTH, WRONG_STATE = 0x03, 0x02, 0x04


def message(text: bytes = b"hello") -> bytes:
    """The body of a message from a handset."""
    return encode_body(pdus.DELIVER_SM, {"source_addr": HANDSET, "destination_addr": SENDER, "short_message": text})


@pytest.mark.parametrize("piece", [1, 7, 1000])
@in_a_loop
async def test_q31_pdus_may_be_cut_anywhere_and_come_together(piece: int) -> None:
    async with field() as f:
        submit = await f.come()
        deliveries = [pdu(pdus.DELIVER_SM, n, message(b"%d" % n)) for n in range(1, 6)]
        stream = b"".join([deliveries[0], response(submit, b"77\0"), *deliveries[1:]])
        for at in range(0, len(stream), piece):
            f.smsc.send(stream[at : at + piece])
            await asyncio.sleep(0)
        await f.smsc.hears(pdus.DELIVER_SM_RESP, 5)
        await f.becomes("sent")
        await f.quiet()
        assert [each["text"] for each in f.inbound] == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize("length", [0, 8, 15, MAX_PDU + 1, 0x7FFFFFFF, 0xFFFFFFFF])
@in_a_loop
async def test_q32_after_a_length_that_can_not_be_the_connection_is_opened_anew(length: int) -> None:
    async with field() as f:
        await f.come()
        f.smsc.send(length.to_bytes(4, "big") + b"\0" * 12)
        nack = await f.smsc.hears(pdus.GENERIC_NACK)
        assert (nack.status, nack.sequence) == (INVALID_LENGTH, 0)
        assert (await f.becomes("uncertain"))["reason"] == "connection-lost"
        await eventually(lambda: len(f.smsc.lines) == 2 and f.flow.holding.state == "open")
        assert f.smsc.lines[0].lost
        await f.accept(b"77")


@pytest.mark.parametrize("spoken", [b"\r\n\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x15\x03\x01\x00\x02\x02\x16"])
@in_a_loop
async def test_q33_a_peer_that_speaks_another_protocol_is_left_and_tried_again(spoken: bytes) -> None:
    first = iter([spoken, spoken])
    smsc = HandSmsc({pdus.BIND_TRANSCEIVER: lambda bind: next(first, None) or bind_resp(bind)})
    async with field(smsc) as f:
        assert len(smsc.lines) == 3
        assert all("can't be read any more" in event["detail"] for event in f.events("lost"))
        await f.accept(b"77")


@in_a_loop
async def test_q33_a_port_that_does_not_speak_tls_is_told_as_such() -> None:
    async with field(bound=False, tls=True) as f:
        lost = await eventually(lambda: f.events("lost"))
        assert f"is {f.smsc.port} a TLS port?" in lost[0]["detail"]
        assert f.flow.holding.state == "closed"


@pytest.mark.parametrize(
    "tail", ["00", "0000", "1418 00", "1418 0004 000030", "1418 ffff", "0427 0009 02", "0424 0000 001e 0002 37"]
)
@in_a_loop
async def test_q34_a_tlv_cut_off_by_the_end_of_its_pdu_costs_nothing(tail: str) -> None:
    async with field() as f:
        await f.accept(b"7")
        assert await f.deliver(b"id:7 stat:DELIVRD", tail=bytes.fromhex(tail)) == OK
        await f.becomes("delivered")


@pytest.mark.parametrize(
    "tlvs",
    [
        "1403 0000 1403 0000 1454 0002 0001",
        "060d 0003 313233",
        "0202 0001 2b",
        "0204 0002 00c5 0210 0001 34 0426 0001 01",  # not of a deliver_sm
        "0381 0008 0100393739303030",
        "0427 0003 000002 0423 0001 00",
        "0000 0000 ffff 0001 ff",
    ],
)
@in_a_loop
async def test_q35_tlvs_that_are_unknown_or_out_of_place_are_carried_raw(tlvs: str) -> None:
    async with field() as f:
        octets = bytes.fromhex(tlvs)
        assert await f.deliver(b"hello", tail=octets, esm_class=0) == OK
        assert await f.deliver(b"id:7 stat:DELIVRD", tail=octets) == OK
        await f.quiet()
        assert [each["text"] for each in f.inbound] == ["hello"]
        (unmatched,) = f.unmatched
        assert unmatched["receipt"]["tlvs"].keys() == {f"0x{tag:04X}" for tag in tags_of(octets)}


def tags_of(tlvs: bytes) -> set[int]:
    at, tags = 0, set()
    while at < len(tlvs):
        tags.add(int.from_bytes(tlvs[at : at + 2], "big"))
        at += 4 + int.from_bytes(tlvs[at + 2 : at + 4], "big")
    return tags


@pytest.mark.parametrize("command", [pdus.DELIVER_SM, pdus.DATA_SM])
@pytest.mark.parametrize("body", [b"", b"\0\1\1", b"\0\1\x01" + HANDSET + b"\0\0\0" + SENDER + b"\0"], ids=bytes.hex)
@in_a_loop
async def test_q36_a_message_that_can_not_be_read_is_refused_for_good(command: int, body: bytes) -> None:
    async with field() as f:
        assert await f.deliver_octets(body, command) == 0x01
        assert await f.deliver(b"hello", esm_class=0) == OK
        await f.quiet()
        assert [each["text"] for each in f.inbound] == ["hello"]
        assert len(f.smsc.lines) == 1
        assert b'smsd_bad_pdus_total{provider="p"} 1\n' in f.flow.meter.render()


@in_a_loop
async def test_q36_a_message_whose_text_is_said_to_be_longer_than_it_is_is_refused_for_good() -> None:
    async with field() as f:
        assert await f.deliver_octets(message()[:-6] + b"\xffhello") == 0x01


@in_a_loop
async def test_q37_fields_longer_than_smpp_allows_are_read() -> None:
    async with field() as f:
        body = b"SERVICE-TYPE\0\1\1" + b"7" * 60 + b"\0\1\1" + b"1" * 70 + b"\0" + bytes(3) + b"2" * 30 + b"\0\0"
        assert await f.deliver_octets(body + b"\0\0\0\0" + b"\5hello") == OK
        await f.quiet()
        (inbound,) = f.inbound
        assert (inbound["from"], inbound["to"], inbound["text"]) == ("7" * 60, "1" * 70, "hello")


@pytest.mark.parametrize("id", [b"7" * 64 + b"\0", b"7" * 100 + b"\0", b"0A00"], ids=["64", "100", "no NUL"])
@in_a_loop
async def test_q37_a_message_id_that_is_too_long_or_has_no_nul_is_read(id: bytes) -> None:
    async with field() as f:
        f.smsc.send(response(await f.come(), id))
        assert (await f.becomes("sent"))["parts"][0]["smsc_id"] == id.rstrip(b"\0").decode()
        assert await f.deliver(b"id:" + id.rstrip(b"\0") + b" stat:DELIVRD") == OK
        await f.becomes("delivered")


@in_a_loop
async def test_q37_no_field_of_ours_is_longer_than_smpp_allows() -> None:
    async with field() as f:
        for request in ({"from": "A" * 21}, {"from": "A\0B"}, {"to": "7" * 16}, {"tlvs": {"0x1400": "00" * 70_000}}):
            f.request(**request)
        await f.quiet()
        results = [body for exchange, body in f.published if exchange == "sms.results"]
        assert {result["status"] for result in results} == {"rejected"}
        assert (len(results), f.smsc.heard(pdus.SUBMIT_SM)) == (4, [])


@pytest.mark.parametrize("command", [0x00010200, 0x000102FF, 0x21, 0x111, 0x7FFFFFFF], ids=hex)
@in_a_loop
async def test_q38_an_unknown_command_is_answered_generic_nack_with_its_sequence(command: int) -> None:
    async with field() as f:
        f.smsc.send(pdu(command, 0x80000007, b"whatever"))
        nack = await f.smsc.hears(pdus.GENERIC_NACK)
        assert (nack.status, nack.sequence) == (UNKNOWN_COMMAND, 0x80000007)
        await f.accept(b"77")


@in_a_loop
async def test_q38_alert_notification_has_no_answer() -> None:
    async with field() as f:
        before = len(f.smsc.received)
        alert = encode_body(pdus.ALERT_NOTIFICATION, {"source_addr": HANDSET, "esme_addr": SENDER})
        f.smsc.send(pdu(pdus.ALERT_NOTIFICATION, 7, alert), pdu(pdus.ENQUIRE_LINK, 8))
        await f.smsc.hears(pdus.ENQUIRE_LINK_RESP)
        assert [(each.command, each.sequence) for each in f.smsc.received[before:]] == [(pdus.ENQUIRE_LINK_RESP, 8)]


@pytest.mark.parametrize("body", [b"smsc\0secret\0", b""], ids=["whole", "empty"])
@in_a_loop
async def test_q39_an_outbind_on_our_own_connection_ends_nothing(body: bytes) -> None:
    async with field() as f:
        f.smsc.send(pdu(pdus.OUTBIND, 7, body))
        await f.accept(b"77")
        assert len(f.smsc.lines) == 1


@in_a_loop
async def test_q40_the_smscs_sequences_are_echoed_whatever_they_are() -> None:
    async with field(window=1) as f:
        submit = await f.come()
        sequences = [0, 0x80000000, 0xFFFFFFFF, 1, 1, submit.sequence, 0x1625D269]
        for n, sequence in enumerate(sequences):
            assert await f.deliver_octets(message(b"%d" % n), sequence=sequence) == OK
            f.smsc.send(pdu(pdus.ENQUIRE_LINK, sequence))
        await f.smsc.hears(pdus.ENQUIRE_LINK_RESP, len(sequences))
        assert [each.sequence for each in f.smsc.heard(pdus.DELIVER_SM_RESP)] == sequences
        assert [each.sequence for each in f.smsc.heard(pdus.ENQUIRE_LINK_RESP)] == sequences
        f.smsc.send(response(submit, b"77\0"))
        await f.becomes("sent")
        await f.quiet()
        assert len(f.inbound) == len(sequences)


@in_a_loop
async def test_q40_our_own_sequences_begin_again_with_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "MAX_SEQUENCE", 4)
    async with field() as f:
        for n in range(8):
            await f.accept(b"%d" % n)
        assert [submit.sequence for submit in f.smsc.heard(pdus.SUBMIT_SM)] == [2, 3, 4, 1, 2, 3, 4, 1]


@in_a_loop
async def test_q41_what_comes_before_the_bind_resp_is_answered() -> None:
    early = pdu(pdus.ENQUIRE_LINK, 5) + pdu(pdus.DELIVER_SM, 6, message())
    async with field(HandSmsc({pdus.BIND_TRANSCEIVER: lambda bind: early + bind_resp(bind)})) as f:
        assert (await f.smsc.hears(pdus.ENQUIRE_LINK_RESP)).sequence == 5
        refused = await f.smsc.hears(pdus.DELIVER_SM_RESP)
        assert (refused.status, refused.sequence) == (WRONG_STATE, 6)
        assert await f.deliver_octets(message()) == OK
        await f.quiet()
        assert len(f.inbound) == 1
