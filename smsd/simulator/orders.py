"""What the control port can be asked to send: messages from handsets, and receipts out of turn."""

from itertools import count
from typing import Annotated

from pydantic import AfterValidator, Field

from smsd.core import concat, gsm, national, text
from smsd.core.smpp import pdus
from smsd.core.smpp.codec import Pdu, Value, encode, encode_body
from smsd.simulator.messages import Delivery, Message
from smsd.simulator.receipts import receipt_body
from smsd.simulator.rules import Facts, Octet, Receipts, Template
from smsd.simulator.texts import UDHI, Charsets, encoding_of

_UCS2 = 8
_references = count(1)


def _hex(octets: str) -> str:
    bytes.fromhex(octets)
    return octets


def _language(code: str) -> str:
    if code not in national.CODES:
        raise ValueError(f"{code!r} is none of {', '.join(national.CODES)}")
    return code


Hex = Annotated[str, AfterValidator(_hex)]
Language = Annotated[str, AfterValidator(_language)]
Address = Annotated[str, Field(max_length=20)]


class Inbound(Facts):
    """A message from a handset (mobile originated)."""

    sender: Address = Field(..., alias="from")
    to: Address
    text: str = ""
    parts: tuple[str, ...] | None = Field(None, min_length=1, max_length=255)
    """The texts of the segments of a concatenated message; without it, `text` is cut where it has to be."""
    order: tuple[int, ...] | None = None
    """Which segments are sent, counted from 1, in this order; one may be left out or come twice."""
    reference: int | None = Field(None, ge=0, le=255)
    data_coding: Octet | None = None
    """None: GSM 7-bit if that has every character, else UCS-2."""
    locking: Language | None = None
    """Whose national locking shift table stands in for the default alphabet of GSM 7-bit, as `tr`."""
    single: Language | None = None
    """Whose national single shift table stands in for its extension."""
    tlvs: dict[str, Hex] = Field(default_factory=dict)
    """On every segment, `{"0x1401": "0a"}`."""
    system_id: str | None = None
    """Whom it is for; None: whoever is bound."""

    @property
    def tables(self) -> national.Tables:
        """National tables by their numbers."""
        return national.Tables(national.CODES.get(self.locking or "", 0), national.CODES.get(self.single or "", 0))

    def segments(self, charsets: Charsets) -> tuple[bytes, ...]:
        """The octets of each segment. Raises ValueError (UnicodeEncodeError) when data_coding has no such character."""
        name = encoding_of(self.coding(charsets), charsets)
        if self.parts is not None:
            return tuple(self._octets(part, name) for part in self.parts)
        octets, taken = self._octets(self.text, name), len(concat.shift_elements(self.tables))
        if len(octets) <= text.room(name, text.USER_DATA_OCTETS - (taken and taken + 1)):
            return (octets,)
        return text.cut(self.text, octets, name, text.USER_DATA_OCTETS - concat.UDH_OCTETS["udh"] - taken)

    def _octets(self, words: str, name: str) -> bytes:
        return text.encode(words, name) if self.tables == national.DEFAULT else gsm.encode(words, self.tables)

    def coding(self, charsets: Charsets) -> int:
        """data_coding, chosen where it is not given."""
        if self.data_coding is not None:
            return self.data_coding
        if self.tables != national.DEFAULT:
            return 0
        try:
            text.encode(self.text if self.parts is None else "".join(self.parts), charsets[0])
        except UnicodeEncodeError:
            return _UCS2
        return 0


def inbound_deliveries(order: Inbound, system_id: str, charsets: Charsets) -> list[Delivery]:
    """The deliver_sm of one inbound message. Raises ValueError for what can't be made of it."""
    segments = order.segments(charsets)
    if any(not 1 <= number <= len(segments) for number in order.order or ()):
        raise ValueError(f"order names a segment that is not there: there are {len(segments)}")
    concatenated = order.parts is not None or len(segments) > 1
    reference = next(_references) % 256 if order.reference is None else order.reference
    elements = concat.shift_elements(order.tables)
    tlvs = [(int(tag, 16), bytes.fromhex(value)) for tag, value in order.tlvs.items()]
    deliveries = []
    for number in order.order or range(1, len(segments) + 1):
        header = bytes((len(elements),)) + elements if elements else b""
        if concatenated:
            header = concat.udh(reference, len(segments), number, bits=8, elements=elements)
        fields: dict[str, Value] = {
            **_address("source_addr", order.sender, "source_addr"),
            **_address("dest_addr", order.to, "destination_addr"),
            "esm_class": UDHI if header else 0,
            "data_coding": order.coding(charsets),
            "short_message": header + segments[number - 1],
        }
        deliveries.append(Delivery(system_id, "inbound", "", encode_body(pdus.DELIVER_SM, fields, tlvs)))
    return deliveries


def _address(prefix: str, address: str, field: str) -> dict[str, Value]:
    """A number is international (TON 1, NPI 1), anything else a name (TON 5, NPI 0)."""
    digits = address.removeprefix("+")
    is_number = digits.isascii() and digits.isdigit()
    return {
        f"{prefix}_ton": 1 if is_number else 5,
        f"{prefix}_npi": 1 if is_number else 0,
        field: (digits if is_number else address).encode("latin-1", "replace"),
    }


class ReceiptOrder(Facts):
    """A receipt sent at once, for a message of the simulator's or any other id."""

    message_id: str = Field(..., max_length=64)
    stat: str = Field("DELIVRD", max_length=20)
    err: str = Field("000", max_length=8)
    template: Template | None = None
    """These three override the rules for this one receipt."""
    tlvs: bool | None = None
    esm_class: Octet | None = None
    system_id: str | None = None
    to: Address | None = None
    """Of the message that it is about, where the simulator does not know it."""
    sender: Address | None = Field(None, alias="from")


def ordered_receipt(
    order: ReceiptOrder, message: Message | None, system_id: str, form: Receipts, now: float
) -> Delivery:
    """The deliver_sm; `message` is what the simulator knows under that id, `now` seconds since the epoch."""
    known = message or _unknown_message(order, system_id, now)
    given = order.model_dump(include={"template", "tlvs", "esm_class"}, exclude_none=True)
    body = receipt_body(known, form.model_copy(update=given), order.stat, order.err, now)
    return Delivery(system_id, "receipt", order.message_id, body)


def _unknown_message(order: ReceiptOrder, system_id: str, now: float) -> Message:
    fields = {
        **_address("source_addr", order.sender or "", "source_addr"),
        **_address("dest_addr", order.to or "", "destination_addr"),
    }
    frame = encode(Pdu(pdus.SUBMIT_SM, fields=fields))
    return Message(order.message_id, order.message_id, system_id, frame, 0, now, order.stat, order.err, now)
