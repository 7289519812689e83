"""Receipts of Appendix B, and what one of them does to its message."""

from typing import Any

from by_hand import OK, field

from smsd.core.smpp import pdus

RECEIPTED_MESSAGE_ID, NETWORK_ERROR_CODE, MESSAGE_PAYLOAD, MESSAGE_STATE = 0x001E, 0x0423, 0x0424, 0x0427
DELIVERED = (MESSAGE_STATE, b"\x02")


def appendix_b(id: str = "77", stat: str = "DELIVRD", err: str = "000", text: str = "hello") -> bytes:
    dates = "submit date:2601150904 done date:2601150905"
    return f"id:{id} sub:001 dlvrd:001 {dates} stat:{stat} err:{err} text:{text}".encode("latin-1")


async def delivered(
    smsc_id: bytes, short_message: bytes, *tlvs: tuple[int, bytes], command: int = pdus.DELIVER_SM, **settings: Any
) -> dict[str, Any]:
    """The receipt in the result of a message that was accepted as `smsc_id` and is delivered by this one PDU."""
    async with field(**settings) as f:
        await f.accept(smsc_id)
        assert await f.deliver(short_message, *tlvs, command=command) == OK
        result = await f.becomes("delivered")
        assert (result["parts"][0]["smsc_id"], f.unmatched) == (smsc_id.decode(), [])
        receipt: dict[str, Any] = result["parts"][0]["receipt"]
        return receipt
