"""A request and a provider's settings become submit_sm bodies, or a reason to reject.

Everything of a provider that is the same for each of its messages is worked out once, here.
"""

import hashlib
import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from smsd.core import address, concat, text
from smsd.core.contract import SendRequest
from smsd.core.errors import ContractError, LocalProtocolError
from smsd.core.message import Part, parts_of
from smsd.core.smpp import pdus
from smsd.core.smpp.codec import cstring, encode_tlvs
from smsd.core.typography import split_short
from smsd.settings.model import Provider

UDHI = 0x40
"""esm_class: the user data begins with a header (SMPP 3.4 §5.2.12)."""

RECEIPT_WANTED = 0x01
"""registered_delivery: a receipt whether delivered or not (SMPP 3.4 §5.2.17)."""

LATEST = 4_102_444_799
"""2099-12-31T23:59:59Z in seconds since 1970: the year of a validity_period has two digits (SMPP 3.4 §7.1.1.1)."""


@dataclass(slots=True)
class Composed:
    """What compose makes of one request."""

    recipient: str
    sender: str
    encoding: str
    segments: int
    parts: list[Part]
    receipt_asked: bool
    reference: int | None
    """Concatenation reference, where there is one."""
    cut: str
    """A digest of all that a handset joins several segments by: sender, encoding, framing, reference, and where the
    text was cut. Segments of one message must never be of two cuts. Empty where there is nothing to join."""
    text_changed: bool
    """Whether signs of the text were replaced (`typography`)."""


class Composer:
    """Makes one provider's submit_sm bodies. `seed` is where its concatenation references begin."""

    def __init__(self, provider: Provider, seed: int) -> None:
        self._references = concat.References(seed)
        self.adopt(provider)

    def adopt(self, provider: Provider) -> None:
        """Composes by these settings from now on; references go on where they are."""
        self._provider = provider
        self._reference_bits = self._references.bits = 16 if provider.long_messages in ("udh16", "sar") else 8
        self._service_type = cstring("service_type", provider.service_type.encode("latin-1"), 6)
        self._tlvs = encode_tlvs(sorted(provider.tlvs.items()))
        self._heads: dict[str, bytes] = {}

    def compose(self, request: SendRequest, reference: int | None = None) -> Composed:
        """Raises ContractError naming the field, what is wrong and what to do.

        `reference` is given where segments of the same message were sent before: all of them must carry the same. One
        that `long_messages` has no room for any more is replaced.
        """
        provider = self._provider
        recipient = address.recipient(request.to, default_region=provider.default_region)
        sender = address.sender(request.sender, provider.senders)
        if request.tlvs and provider.version == "3.3":
            raise ContractError("tlvs", "can't be sent to this provider, which speaks SMPP 3.3: leave them out")
        most = min(request.max_segments or provider.max_segments, provider.max_segments)
        forced = request.encoding if request.encoding not in (None, "auto") else provider.encoding
        split, changed = split_short(
            request.text,
            partial(
                text.split,
                encodings=provider.encodings,
                forced=forced,
                flash=bool(request.flash),
                long_messages=provider.long_messages,
                max_segments=most,
            ),
            simplify=provider.typography == "simplify",
        )
        receipt = provider.receipts if request.receipt is None else request.receipt
        before, after = self._frame(request, recipient, sender, split.data_coding, receipt)
        total = len(split.segments)
        cut = ""
        if total == 1:
            parts = parts_of([_alone(before, after, split, self._optional(request))])
        elif split.payload is not None:
            tlvs = encode_tlvs([(pdus.TLV_MESSAGE_PAYLOAD, split.payload)])
            parts = parts_of([_body(before, 0, after, b"", tlvs + self._optional(request))], cost=total)
        else:
            if reference is None or reference >> self._reference_bits:
                reference = self._references.next(recipient)
            parts = parts_of(self._segments(before, after, split, reference, self._optional(request)))
            cut = self._cut(sender, split, reference)
        return Composed(recipient, sender, split.encoding, total, parts, receipt, reference, cut, changed)

    def _cut(self, sender: str, split: text.Split, reference: int) -> str:
        provider = self._provider
        source = address.source(sender, provider.source_ton, provider.source_npi)
        framing = (*source, split.data_coding, provider.long_messages, reference, *map(len, split.segments))
        octets = repr(framing).encode() + split.elements + b"".join(split.segments)
        return hashlib.blake2b(octets, digest_size=8).hexdigest()

    def _segments(self, before: bytes, after: bytes, split: text.Split, reference: int, tlvs: bytes) -> list[bytes]:
        segments, elements = split.segments, split.elements
        total = len(segments)
        if self._provider.long_messages == "sar":
            return [
                _body(before, 0, after, segment, encode_tlvs(concat.sar(reference, total, n)) + tlvs)
                for n, segment in enumerate(segments, 1)
            ]
        bits = self._reference_bits
        return [
            _body(before, UDHI, after, concat.udh(reference, total, n, bits=bits, elements=elements) + segment, tlvs)
            for n, segment in enumerate(segments, 1)
        ]

    def _frame(
        self, request: SendRequest, recipient: str, sender: str, data_coding: int, receipt: bool
    ) -> tuple[bytes, bytes]:
        """What comes before esm_class, and what comes between it and sm_length."""
        provider = self._provider
        head = self._heads.get(sender)
        if head is None:
            source = address.source(sender, provider.source_ton, provider.source_npi)
            head = self._service_type + bytes(source[:2]) + _sender_field(source.addr)
            if len(self._heads) < 1000:
                self._heads[sender] = head
        to = address.destination(recipient, provider.dest_ton, provider.dest_npi, provider.number_format)
        before = head + bytes((to.ton, to.npi)) + to.addr + b"\0"
        validity = self._validity(request)
        after = _AFTER_ESM_CLASS.pack(provider.protocol_id, provider.priority_flag) + validity
        return before, after + bytes((RECEIPT_WANTED if receipt else 0, 0, data_coding, 0))

    def _validity(self, request: SendRequest) -> bytes:
        """validity_period: absolute for expires_at, else the provider's `validity` as a time from now (§7.1.1)."""
        if self._provider.validity == "never":
            return b"\0"
        if request.expires_at is not None:
            moment = datetime.fromtimestamp(min(request.expires_at, LATEST), UTC)
            return moment.strftime("%y%m%d%H%M%S").encode() + b"000+\0"
        if self._provider.validity is None:
            return b"\0"
        minutes, seconds = divmod(max(1, round(self._provider.validity)), 60)
        hours, minutes = divmod(minutes, 60)
        days, hours = divmod(hours, 24)
        months, days = divmod(days, 30)
        years, months = divmod(months, 12)
        return f"{years:02d}{months:02d}{days:02d}{hours:02d}{minutes:02d}{seconds:02d}000R".encode() + b"\0"

    def _optional(self, request: SendRequest) -> bytes:
        """Vendor TLVs: the request's own come instead of the provider's of the same tag."""
        if not request.tlvs:
            return self._tlvs
        return encode_tlvs(sorted((self._provider.tlvs | dict(request.tlvs)).items()))


_AFTER_ESM_CLASS = struct.Struct(">BBx")
"""protocol_id, priority_flag, and an empty schedule_delivery_time."""


def _alone(before: bytes, after: bytes, split: text.Split, tlvs: bytes) -> bytes:
    """The body of a text that one segment holds; a header only where it names national tables."""
    octets, elements = split.segments[0], split.elements
    if not elements:
        return _body(before, 0, after, octets, tlvs)
    return _body(before, UDHI, after, bytes((len(elements),)) + elements + octets, tlvs)


def _body(before: bytes, esm_class: int, after: bytes, short_message: bytes, tlvs: bytes) -> bytes:
    return b"%b%c%b%c%b%b" % (before, esm_class, after, len(short_message), short_message, tlvs)


def _sender_field(value: bytes) -> bytes:
    try:
        return cstring("source_addr", value, 21)
    except LocalProtocolError as error:
        raise ContractError("from", str(error), "sender-not-allowed") from None
