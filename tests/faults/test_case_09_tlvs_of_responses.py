"""Cases 9 and 10: what an SMSC says in the TLVs of its submit_sm_resp, and in words when it refuses."""

from typing import Any

import pytest
from by_hand import OK, Document, Field, field, pdu, response
from receipts import appendix_b
from rig.stage import Stage
from world import in_a_loop

from smsd.core.smpp import pdus

PRICE = bytes.fromhex("14220008302e3033353030001423000631322e33340014020006323530303100")
SHOWN = {"0x1422": "302e303335303000", "0x1423": "31322e333400", "0x1402": "323530303100"}
STOP_LIST = bytes.fromhex("001d00246e756d626572206973206f6e20746865206f70657261746f722073746f70206c6973740004250001 01")


def forget(f: Field) -> None:
    """Memory has nothing of the message any more: the journal's file is asked."""
    f.flow.journal._recent.clear()
    f.flow.journal._names.clear()
    f.flow.journal._live.clear()


def tlv(tag: int, value: bytes) -> bytes:
    return tag.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value


def words(value: bytes) -> bytes:
    return b"\0" + tlv(0x001D, value)


async def answered(f: Field, body: bytes, status: int = OK) -> None:
    f.smsc.send(response(await f.come(), body, status))


async def rejected(body: bytes, status: int = 0x0B, **settings: Any) -> Document:
    """The result of a message that is refused so."""
    async with field(**settings) as f:
        await answered(f, body, status)
        return await f.becomes("rejected")


# --- kept


@in_a_loop
async def test_case_09_tlvs_of_a_response_are_in_the_result() -> None:
    async with field() as f:
        await answered(f, b"100000\0" + PRICE)
        sent = await f.becomes("sent")
        assert (sent["parts"][0]["smsc_id"], sent["parts"][0]["tlvs"]) == ("100000", SHOWN)
        forget(f)
        assert await f.deliver(appendix_b("100000")) == OK
        assert (await f.becomes("delivered"))["parts"][0]["tlvs"] == SHOWN


@in_a_loop
async def test_case_09_a_response_without_any_has_none() -> None:
    async with field() as f:
        await f.accept(b"77")
        assert "tlvs" not in (await f.becomes("sent"))["parts"][0]


@in_a_loop
async def test_case_09_each_segment_has_its_own_and_of_two_alike_the_last() -> None:
    async with field() as f:
        f.request("x" * 400)
        for n, said in enumerate((tlv(0x1422, b"a") + tlv(0x1422, b"b"), b"", tlv(0x00AB, b"")), 1):
            f.smsc.send(response(await f.smsc.hears(pdus.SUBMIT_SM, n), b"7%d\0" % n + said))
        parts = (await f.becomes("sent"))["parts"]
        assert [part.get("tlvs") for part in parts] == [{"0x1422": "62"}, None, {"0x00AB": ""}]


@in_a_loop
async def test_case_09_those_of_the_last_response_count() -> None:
    async with field(retries={"delays": ["50ms"]}) as f:
        await answered(f, b"\0" + PRICE, 0x08)
        f.smsc.send(response(await f.smsc.hears(pdus.SUBMIT_SM, 2), b"77\0"))
        assert "tlvs" not in (await f.becomes("sent"))["parts"][0]
        forget(f)
        assert await f.deliver(appendix_b("77")) == OK
        assert "tlvs" not in (await f.becomes("delivered"))["parts"][0]


@in_a_loop
async def test_case_09_a_late_response_and_a_generic_nack_have_theirs() -> None:
    async with field(submit_timeout="200ms", receipts=False) as f:
        late = await f.come()
        await f.becomes("uncertain")
        f.smsc.send(response(late, b"77\0" + PRICE))
        assert (await f.becomes("sent"))["parts"][0]["tlvs"] == SHOWN
        nacked = await f.come()
        f.smsc.send(pdu(pdus.GENERIC_NACK, nacked.sequence, words(b"no such service")[1:], 0x0B))
        refused = await f.becomes("rejected", "m2")
        assert refused["parts"][0]["tlvs"] == {"0x001D": b"no such service".hex()}


@in_a_loop
async def test_case_09_no_more_than_a_kilobyte_of_a_response_is_kept() -> None:
    async with field() as f:
        await answered(f, b"77\0" + tlv(0x1401, b"x" * 1000) + tlv(0x1402, b"y" * 100) + tlv(0x1403, b"z"))
        assert list((await f.becomes("sent"))["parts"][0]["tlvs"]) == ["0x1401", "0x1403"]


# --- a refusal's own words


@pytest.mark.parametrize("nul", [b"\0", b""], ids=["empty-id", "no-id"])
@in_a_loop
async def test_case_10_a_refusal_s_own_words_are_in_detail(nul: bytes) -> None:
    result = await rejected(nul + STOP_LIST)
    assert "number is on the operator stop list" in result["detail"]
    assert result["detail"].startswith("ESME_RINVDSTADR")
    assert result["parts"][0]["smsc_id"] is None
    assert result["parts"][0]["tlvs"] == {"0x001D": b"number is on the operator stop list\0".hex(), "0x0425": "01"}


@pytest.mark.parametrize("first", [0x0425, 0x1401, 0x2010], ids=hex)
@in_a_loop
async def test_case_10_a_refusal_without_an_id_may_begin_with_any_tlv(first: int) -> None:
    result = await rejected(tlv(first, b"\x01") + words(b"no credit")[1:])
    assert result["parts"][0]["tlvs"] == {f"0x{first:04X}": "01", "0x001D": b"no credit".hex()}
    assert "no credit" in result["detail"]


@in_a_loop
async def test_case_10_a_refusal_with_an_id_keeps_both() -> None:
    result = await rejected(b"0A1B\0" + words(b"spam")[1:])
    assert "spam" in result["detail"]
    assert result["parts"][0]["tlvs"] == {"0x001D": b"spam".hex()}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("номер в стоп-листе".encode(), "номер в стоп-листе"),
        (b"num\xe9ro refus\xe9\0", "numéro refusé"),
        (b"two\r\nlines\x1b[31m\0\0", "twolines[31m"),
        (b"z" * 300, "z" * 200),
    ],
    ids=["utf-8", "latin-1", "control", "long"],
)
@in_a_loop
async def test_case_10_words_are_shown_as_people_can_read_them(value: bytes, shown: str) -> None:
    detail = (await rejected(words(value)))["detail"]
    assert detail.endswith(f': "{shown}"')


@pytest.mark.parametrize("value", [b"", b"\0", b" \0", b"\x01\x02"], ids=bytes.hex)
@in_a_loop
async def test_case_10_where_there_are_no_words_detail_has_none(value: bytes) -> None:
    assert (await rejected(words(value)))["detail"] == (await rejected(b"\0"))["detail"]


@in_a_loop
async def test_case_10_words_of_a_refusal_that_outlived_its_retries_are_told() -> None:
    async with field(retries={"max_age": "0s"}) as f:
        await answered(f, words(b"queue of this route is full"), 0x08)
        assert "queue of this route is full" in (await f.becomes("failed"))["detail"]


@in_a_loop
async def test_case_10_words_of_a_late_refusal_are_told() -> None:
    async with field(submit_timeout="200ms") as f:
        late = await f.come()
        await f.becomes("uncertain")
        f.smsc.send(response(late, words(b"unknown subscriber"), 0x0B))
        assert "unknown subscriber" in (await f.becomes("rejected"))["detail"]


@in_a_loop
async def test_case_10_words_are_not_in_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    assert "casino" in (await rejected(words(b"no casino here")))["detail"]
    shown = capsys.readouterr().out
    assert "status=rejected" in shown
    assert "casino" not in shown


@in_a_loop
async def test_case_10_words_of_one_refused_segment_are_told() -> None:
    async with field() as f:
        f.request("x" * 200)
        f.smsc.send(response(await f.smsc.hears(pdus.SUBMIT_SM, 1), b"71\0"))
        f.smsc.send(response(await f.smsc.hears(pdus.SUBMIT_SM, 2), words(b"too many parts"), 0x0B))
        failed = await f.becomes("failed")
        assert (failed["reason"], "too many parts" in failed["detail"]) == ("partly-sent", True)


# --- processes


def test_case_09_tlvs_and_words_survive_a_restart(stage: Stage) -> None:
    errors = [{"text": "casino", "status": "0x0B", "words": "no casinos"}]
    simulator = stage.simulator(tlvs={"0x1422": "302e3033"}, errors=errors, receipts={"stat": None})
    daemon = stage.bound(simulator, receipts=True)
    crm = stage.crm
    sent, refused = crm.send("hello", id="sent"), crm.send("casino", id="refused")
    assert "no casinos" in crm.final(refused)["detail"]
    assert crm.result(sent, "sent")["parts"][0]["tlvs"] == {"0x1422": "302e3033"}
    daemon.kill9()
    stage.bound(simulator, receipts=True)
    (submit,) = [submit for submit in simulator.submits() if submit["text"] == "hello"]
    simulator.receipt(submit["message_id"])
    delivered = crm.result(sent, "delivered")
    assert delivered["parts"][0]["tlvs"] == {"0x1422": "302e3033"}
    assert delivered["host"] == f"127.0.0.1:{simulator.port}"
