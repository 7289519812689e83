"""Delivery receipts as deliver_sm bodies (SMPP 3.4 Appendix B, §5.2.12, §5.3.2.12, §5.3.2.35)."""

from collections.abc import Iterator
from datetime import UTC, datetime

from smsd.core.smpp import pdus
from smsd.core.smpp.codec import Pdu, Tlvs, decode, encode_body
from smsd.simulator.messages import ENROUTE, Delivery, Message, message_state
from smsd.simulator.rules import Receipts
from smsd.simulator.texts import UDHI, octets_of

INTERMEDIATE = 0x20
"""esm_class of an intermediate notification, and in registered_delivery half of it asks for one."""

_GSM_NETWORK = 3
_ADDRESS = 20
"""The most octets of an address in deliver_sm; a data_sm may come with longer ones."""
_ECHOED = 20
"""Octets of the message that its receipt repeats."""


def wants_receipt(registered_delivery: int, stat: str) -> bool:
    """Whether the submit asked to hear of such an end: bits 0 and 1 of SMPP 3.4 §5.2.17, and 3 of 5.0."""
    asked = registered_delivery & 0x03
    if asked == 0x02:
        return stat != "DELIVRD"
    return asked == 0x01 or (asked == 0x03 and stat == "DELIVRD")


def wants_intermediate(registered_delivery: int) -> bool:
    """Bit 4 of SMPP 3.4 §5.2.17."""
    return bool(registered_delivery & 0x10)


def receipts_of(message: Message, form: Receipts, now: float) -> Iterator[Delivery]:
    """The final receipt of a message, as often as the rules say."""
    assert message.stat is not None, "a message that never ends has no receipt"
    body = receipt_body(message, form, message.stat, message.err, now)
    for _ in range(form.copies):
        yield Delivery(message.system_id, "receipt", message.message_id, body)


def intermediate_of(message: Message, form: Receipts, now: float) -> Delivery:
    """The notification that a message is under way."""
    body = receipt_body(message, form, ENROUTE, "000", now, INTERMEDIATE)
    return Delivery(message.system_id, "receipt", message.message_id, body)


def receipt_body(
    message: Message, form: Receipts, stat: str, err: str, now: float, esm_class: int | None = None
) -> bytes:
    """deliver_sm from the message's destination to its source. Times in the text are UTC."""
    submit = decode(message.frame)
    text = form.template.format(
        id=message.receipt_id,
        dlvrd="001" if stat == "DELIVRD" else "000",
        submitted=_appendix_b_time(message.accepted_at),
        done=_appendix_b_time(now),
        stat=stat,
        err=err,
        text=_echo(submit),
    )
    return encode_body(
        pdus.DELIVER_SM,
        {
            "source_addr_ton": submit.number("dest_addr_ton"),
            "source_addr_npi": submit.number("dest_addr_npi"),
            "source_addr": submit.octets("destination_addr")[:_ADDRESS],
            "dest_addr_ton": submit.number("source_addr_ton"),
            "dest_addr_npi": submit.number("source_addr_npi"),
            "destination_addr": submit.octets("source_addr")[:_ADDRESS],
            "esm_class": form.esm_class if esm_class is None else esm_class,
            "short_message": text.encode("latin-1", "replace")[:254],
        },
        _tlvs(message.receipt_id, stat, err) if form.tlvs else (),
    )


def _echo(submit: Pdu) -> str:
    """The first octets of a text; nothing of what is not plainly text: UCS-2, 8-bit data, a user data header."""
    if submit.number("data_coding") or submit.number("esm_class") & UDHI:
        return ""
    return octets_of(submit)[:_ECHOED].decode("latin-1")


def _tlvs(receipt_id: str, stat: str, err: str) -> Tlvs:
    tlvs = [
        (pdus.TLV_RECEIPTED_MESSAGE_ID, receipt_id.encode("ascii") + b"\0"),
        (pdus.TLV_MESSAGE_STATE, bytes((message_state(stat),))),
    ]
    if err.isascii() and err.isdigit() and 0 < int(err) <= 0xFFFF:
        tlvs.append((pdus.TLV_NETWORK_ERROR_CODE, bytes((_GSM_NETWORK,)) + int(err).to_bytes(2, "big")))
    return tuple(tlvs)


def _appendix_b_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%y%m%d%H%M")
