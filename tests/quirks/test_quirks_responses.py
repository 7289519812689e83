"""Quirks Q23 to Q30: what SMSCs answer, and what they want to be answered."""

import pytest
from by_hand import OK, Field, HandSmsc, field, pdu, response
from world import eventually, in_a_loop

from smsd.core.smpp import pdus
from smsd.core.smpp.codec import Pdu

SYSTEM_ERROR, INVALID_SOURCE = 0x08, 0x0A


async def answered(f: Field, id: str, status: int, body: bytes) -> None:
    """A request comes, and its submit_sm_resp has this status and body."""
    submit = await f.come(id=id)
    f.smsc.send(response(submit, body, status))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\0",
        b"00000000\0",
        b"0A00000000000000\0",
        b"0A00",
        b"\0\x00\x1d\x00\x05why?\0",  # additional_status_info_text
        b"\0\x04\x25\x00\x01\x01\x14",  # delivery_failure_reason, and a TLV that is cut off
    ],
    ids=bytes.hex,
)
@in_a_loop
async def test_q23_a_refusal_is_read_with_and_without_a_body(body: bytes) -> None:
    async with field() as f:
        await answered(f, "refused", INVALID_SOURCE, body)
        refused = await f.becomes("rejected", "refused")
        assert (refused["reason"], refused["smpp_status"]["code"]) == ("refused-by-provider", INVALID_SOURCE)
        assert refused["parts"][0]["smsc_id"] is None
        await f.accept(b"77", id="next")


@pytest.mark.parametrize("body", [b"", b"\0", b"smsc\0", b"smsc"], ids=bytes.hex)
@in_a_loop
async def test_q23_a_refused_bind_is_read_with_and_without_a_body(body: bytes) -> None:
    refuses = HandSmsc({pdus.BIND_TRANSCEIVER: lambda bind: response(bind, body, 0x53)})
    async with field(refuses, bound=False, reconnect={"auth_failed": "1h"}) as f:
        (refused,) = await eventually(lambda: f.events("auth_failed"))
        assert refused["smpp_status"] == {"code": 0x53, "hex": "0x53", "name": "ESME_RINVSYSTYP"}
        assert (f.flow.holding.state, len(refuses.lines)) == ("closed", 1)


@pytest.mark.parametrize(
    "tlvs",
    ["0428 0001 00", "0428 0001 63", "1400 0000", "1401 0003 000000 1401 0003 000000", "0427 0001 08", "ffff 00ff 00"],
)
@in_a_loop
async def test_q24_tlvs_of_a_response_that_nobody_knows_are_passed_over(tlvs: str) -> None:
    async with field() as f:
        id = b"00000000-0000-4000-8000-00000000abcd"
        await answered(f, "m1", OK, id + b"\0" + bytes.fromhex(tlvs))
        sent = await f.becomes("sent")
        assert sent["parts"][0]["smsc_id"] == id.decode()


@pytest.mark.parametrize("body", [b"", b"\0"], ids=bytes.hex)
@in_a_loop
async def test_q25_a_message_accepted_without_an_id_is_sent(body: bytes) -> None:
    async with field() as f:
        await answered(f, "m1", OK, body)
        sent = await f.becomes("sent")
        assert (sent["parts"][0]["smsc_id"], sent["final"]) == (None, False)
        assert await f.deliver(b"id: stat:DELIVRD") == OK
        await f.quiet()
        assert (f.statuses(), len(f.unmatched)) == (["sent"], 1)


@in_a_loop
async def test_q26_a_status_of_the_vendors_own_is_permanent_and_its_number_is_kept() -> None:
    statuses = [0x22, 0x68, 0xC5, 0x400, 0x410, 0x4FF, 0x0A0B, 0x80000000, 0xFFFFFFFF]
    async with field() as f:
        for status in statuses:
            await answered(f, hex(status), status, b"")
            rejected = await f.becomes("rejected", hex(status))
            assert rejected["smpp_status"]["code"] == status
            assert (rejected["reason"], rejected["permanent"]) == ("refused-by-provider", True)


@in_a_loop
async def test_q26_a_providers_own_status_means_what_errors_says() -> None:
    async with field(errors={"0x410": "retry"}, retries={"delays": ["50ms"]}) as f:
        await answered(f, "m1", 0x410, b"")
        f.smsc.send(response(await f.smsc.hears(pdus.SUBMIT_SM, 2), b"77\0"))
        assert (await f.becomes("sent"))["attempts"] == 2


@in_a_loop
async def test_q27_responses_out_of_order_find_their_messages() -> None:
    async with field(window=3) as f:
        submits = [await f.come(id=id) for id in "abc"]
        f.smsc.send(*(response(submit, b"%d\0" % n) for n, submit in reversed(list(enumerate(submits)))))
        sent = [await f.becomes("sent", id) for id in "abc"]
        assert [result["parts"][0]["smsc_id"] for result in sent] == ["0", "1", "2"]


@in_a_loop
async def test_q27_a_response_after_submit_timeout_corrects_what_was_reported() -> None:
    async with field(submit_timeout="50ms", receipts=False) as f:
        submit = await f.come()
        uncertain = await f.becomes("uncertain")
        f.smsc.send(response(submit, b"77\0"))
        sent = await f.becomes("sent")
        assert (sent["corrects"], sent["final"]) == (uncertain["result_id"], True)


@in_a_loop
async def test_q27_a_response_that_comes_twice_or_answers_nothing_is_passed_over() -> None:
    async with field() as f:
        submit = await f.come()
        accepted = response(submit, b"77\0")
        f.smsc.send(accepted, accepted, response(submit, b"78\0", SYSTEM_ERROR))
        f.smsc.send(*(pdu(pdus.SUBMIT_SM_RESP, sequence, b"79\0") for sequence in (0, 4711, 0xFFFFFFFF)))
        f.smsc.send(pdu(pdus.DATA_SM_RESP, submit.sequence), pdu(0x80000777, submit.sequence))
        await f.accept(b"80")
        await f.quiet()
        assert (f.statuses("m1"), f.statuses("m2")) == (["sent"], ["sent"])
        assert f.results("m1")[0]["parts"][0]["smsc_id"] == "77"
        assert len(f.smsc.lines) == 1


@pytest.mark.parametrize(("status", "shown"), [(0x01, 0x01), (0x03, 0x03), (0, 0x03)])
@in_a_loop
async def test_q28_a_generic_nack_with_our_sequence_refuses_that_message(status: int, shown: int) -> None:
    async with field(window=2) as f:
        refused, accepted = await f.come(id="refused"), await f.come(id="accepted")
        f.smsc.send(pdu(pdus.GENERIC_NACK, refused.sequence, status=status))
        assert (await f.becomes("rejected", "refused"))["smpp_status"]["code"] == shown
        f.smsc.send(response(accepted, b"77\0"))
        await f.becomes("sent", "accepted")


@in_a_loop
async def test_q28_a_generic_nack_of_nothing_refuses_nothing() -> None:
    async with field() as f:
        submit = await f.come()
        f.smsc.send(*(pdu(pdus.GENERIC_NACK, sequence, status=0x01) for sequence in (0, 4711)))
        f.smsc.send(response(submit, b"77\0"))
        await f.becomes("sent")
        assert f.statuses() == ["sent"]


@pytest.mark.parametrize(
    ("command", "body"),
    [
        (pdus.BIND_TRANSCEIVER_RESP, ""),
        (pdus.BIND_TRANSCEIVER_RESP, "00"),
        (pdus.BIND_TRANSCEIVER_RESP, "00 0210 0001 50"),
        (pdus.BIND_TRANSCEIVER_RESP, "59656e74613100 1002 0001 34"),  # the tag's octets swapped
        (pdus.BIND_TRANSCEIVER_RESP, "736d7363"),  # no NUL
        (pdus.BIND_TRANSCEIVER_RESP, "41" * 60 + "00"),
        (pdus.BIND_TRANSCEIVER_RESP, "736d736300 0210 0000"),
        (pdus.BIND_TRANSCEIVER_RESP, "736d736300 0210 0009 34"),
        (pdus.BIND_TRANSMITTER_RESP, "736d736300"),
        (pdus.BIND_RECEIVER_RESP, "736d736300"),
    ],
)
@in_a_loop
async def test_q29_a_bind_is_open_whatever_its_bind_resp_looks_like(command: int, body: str) -> None:
    smsc = HandSmsc({pdus.BIND_TRANSCEIVER: lambda bind: pdu(command, bind.sequence, bytes.fromhex(body))})
    async with field(smsc) as f:
        assert f.flow.holding.state == "open"
        await f.accept(b"77")


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (pdus.DELIVER_SM, "00000011 80000005 00000000 000000ff 00"),
        (pdus.DATA_SM, "00000011 80000103 00000000 000000ff 00"),
    ],
)
@in_a_loop
async def test_q30_a_message_is_answered_with_one_nul_for_its_message_id(command: int, answer: str) -> None:
    async with field() as f:
        body = b"\0\0\0\0\0\0\0\0\0\0" if command == pdus.DATA_SM else bytes(17)
        assert await f.deliver_octets(body, command, sequence=0xFF) == OK
        assert f.smsc.heard(command | pdus.RESPONSE)[0].frame == bytes.fromhex(answer)


@in_a_loop
async def test_q30_a_refused_message_is_answered_in_the_same_form() -> None:
    async with field() as f:
        f.smsc.send(pdu(pdus.DELIVER_SM, 7))
        refused: Pdu = await f.smsc.hears(pdus.DELIVER_SM_RESP)
        assert refused.frame == bytes.fromhex("00000011 80000005 00000001 00000007 00")
