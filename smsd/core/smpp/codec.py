"""SMPP PDUs to octets and back (SMPP 3.4 §3.2, §4, §5).

Strict out, lenient in: what we send fits the standard or raises `LocalProtocolError`; what we get is read as far as it
makes sense. Responses may lack any part of their body (many SMSCs leave it out), requests must hold their mandatory
fields, TLVs are kept raw whatever their tag, and one that is cut off by the end of the PDU is kept as far as it goes.
"""

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from smsd.core.errors import LocalProtocolError, RemoteProtocolError
from smsd.core.smpp import pdus

MIN_PDU = 16
MAX_PDU = 65_536
"""Octets of the longest PDU taken: a message_payload of 64 KiB does not fit, as in every SMSC met (Kannel: 7 424)."""

HEADER = struct.Struct(">IIII")
_TLV = struct.Struct(">HH")

Value = int | bytes
Tlvs = tuple[tuple[int, bytes], ...]


@dataclass(slots=True)
class Pdu:
    """One PDU. `fields` holds the mandatory fields by their SMPP names, `tlvs` the optional ones in their order."""

    command: int
    status: int = 0
    sequence: int = 0
    fields: dict[str, Value] = field(default_factory=dict)
    tlvs: Tlvs = ()
    frame: bytes = field(default=b"", compare=False, repr=False)
    """The octets it was read from, where somebody may want to keep them."""

    def text(self, name: str) -> str:
        """A C string as text. Latin-1, so that no octet an SMSC may send is lost or fatal."""
        value = self.fields.get(name, b"")
        return value.decode("latin-1") if isinstance(value, bytes) else str(value)

    def octets(self, name: str) -> bytes:
        value = self.fields.get(name, b"")
        return value if isinstance(value, bytes) else b""

    def number(self, name: str) -> int:
        value = self.fields.get(name, 0)
        return value if isinstance(value, int) else 0

    def tlv(self, tag: int) -> bytes | None:
        """The value of the first TLV with this tag."""
        return next((value for known, value in self.tlvs if known == tag), None)


def encode(pdu: Pdu) -> bytes:
    """The PDU's octets. Fields that are not given are 0 or empty. Raises LocalProtocolError for what does not fit."""
    body = encode_body(pdu.command, pdu.fields, pdu.tlvs)
    try:
        return HEADER.pack(MIN_PDU + len(body), pdu.command, pdu.status, pdu.sequence) + body
    except struct.error:
        raise LocalProtocolError("command_status or sequence_number is not a number of 32 bits") from None


def encode_body(command: int, fields: Mapping[str, Value], tlvs: Iterable[tuple[int, bytes]] = ()) -> bytes:
    """Everything after the header. Raises LocalProtocolError for what the fields can't hold."""
    try:
        spec = pdus.FIELDS[command]
    except KeyError:
        raise LocalProtocolError(f"no such PDU: {pdus.name(command)}") from None
    parts = []
    for name, kind, size in spec:
        if kind == pdus.INT:
            parts.append(_octet(name, fields.get(name, 0)))
        elif kind == pdus.CSTRING:
            parts.append(cstring(name, fields.get(name, b""), size))
        else:
            parts.append(_counted(name, fields.get(name, b""), size))
    if unknown := fields.keys() - {known.name for known in spec}:
        raise LocalProtocolError(f"{pdus.name(command)} has no field {', '.join(sorted(unknown))}")
    return b"".join(parts) + encode_tlvs(tlvs)


def masked(frame: bytes) -> bytes:
    """A PDU fit to be shown: a bind's (or an outbind's) password is `***`, so that not even its length shows."""
    _, command, status, sequence = HEADER.unpack_from(frame)
    if command not in pdus.WITH_PASSWORD:
        return frame
    system_id, _, rest = frame[MIN_PDU:].partition(b"\0")
    _, nul, rest = rest.partition(b"\0")
    body = system_id + b"\0***" + nul + rest
    return HEADER.pack(MIN_PDU + len(body), command, status, sequence) + body


def encode_tlvs(tlvs: Iterable[tuple[int, bytes]]) -> bytes:
    """Optional parameters: tag, length, value (SMPP 3.4 §5.3.1)."""
    try:
        return b"".join([_TLV.pack(tag, len(value)) + value for tag, value in tlvs])
    except struct.error:
        raise LocalProtocolError("a TLV has a tag or a value of more than 65 535") from None


def cstring(name: str, value: Value, size: int) -> bytes:
    """A C string with its NUL; `size` is the most octets it may have with it."""
    if not isinstance(value, bytes):
        raise LocalProtocolError(f"{name} must be octets")
    if len(value) >= size:
        raise LocalProtocolError(f"{name} has {len(value)} octets, at most {size - 1} fit")
    if 0 in value:
        raise LocalProtocolError(f"{name} holds a NUL")
    return value + b"\0"


def _octet(name: str, value: Value) -> bytes:
    if not isinstance(value, int) or not 0 <= value <= 255:
        raise LocalProtocolError(f"{name} must be a number from 0 to 255")
    return bytes((value,))


def _counted(name: str, value: Value, size: int) -> bytes:
    if not isinstance(value, bytes):
        raise LocalProtocolError(f"{name} must be octets")
    if len(value) > size:
        raise LocalProtocolError(f"{name} has {len(value)} octets, at most {size} fit")
    return bytes((len(value),)) + value


def decode(frame: bytes) -> Pdu:
    """One whole PDU, header included. Raises RemoteProtocolError, and nothing else, for what is not one."""
    if len(frame) < MIN_PDU:
        raise RemoteProtocolError(f"a PDU of {len(frame)} octets has no whole header", frame)
    length, command, status, sequence = HEADER.unpack_from(frame)
    if length != len(frame):
        raise RemoteProtocolError(f"command_length says {length}, the PDU has {len(frame)} octets", frame)
    pdu = Pdu(command, status, sequence)
    spec = pdus.FIELDS.get(command)
    if spec is None:
        return pdu
    lenient = command >= pdus.RESPONSE
    at = MIN_PDU
    if lenient and length == MIN_PDU:
        return pdu
    fields = pdu.fields
    if command == pdus.SUBMIT_SM_RESP and frame.find(0, at) == length - 1:  # the commonest by far, in the short way
        fields["message_id"] = frame[at : length - 1]
        return pdu
    for name, kind, _ in spec:
        if at >= length:
            if lenient:
                return pdu
            raise RemoteProtocolError(f"{pdus.name(command)} ends before {name}", frame, status=0x01)
        if kind == pdus.INT:
            fields[name] = frame[at]
            at += 1
        elif kind == pdus.CSTRING:
            end = frame.find(0, at)
            if end < 0:  # unterminated: what is there is the value (met in the field, quirk Q37)
                end = length
            fields[name] = frame[at:end]
            at = end + 1
        else:
            count = frame[at]
            at += 1
            if at + count > length:
                raise RemoteProtocolError(
                    f"{name} is said to have {count} octets, {length - at} are there", frame, status=0x01
                )
            fields[name] = frame[at : at + count]
            at += count
    if at < length:
        if command == pdus.SUBMIT_SM_RESP and not _holds_tlvs(frame, at) and _holds_tlvs(frame, MIN_PDU):
            fields["message_id"], at = b"", MIN_PDU  # some refusals leave it out, with its NUL
        pdu.tlvs = decode_tlvs(frame, at)
    return pdu


def _holds_tlvs(frame: bytes, at: int) -> bool:
    """Whether what follows is whole TLVs, but for filling."""
    while at + _TLV.size <= len(frame):
        at += _TLV.size + _TLV.unpack_from(frame, at)[1]
    return at <= len(frame)


def decode_tlvs(frame: bytes, at: int) -> Tlvs:
    """The TLVs from `at` to the end; fewer than four octets at the end are filling (a stray NUL is common)."""
    found = []
    length = len(frame)
    while at + 4 <= length:
        tag, size = _TLV.unpack_from(frame, at)
        found.append((tag, frame[at + 4 : at + 4 + size]))
        at += 4 + size
    return tuple(found)


class Framer:
    """Cuts a byte stream into PDUs, whatever the pieces it comes in."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    @property
    def pending(self) -> int:
        """Octets that wait for the rest of their PDU."""
        return len(self._rest)

    def feed(self, chunk: bytes) -> list[bytes]:
        """The whole PDUs that are now there.

        Raises RemoteProtocolError (fatal) for a command_length outside 16 octets to 64 KiB: what follows can't be
        framed any more. Good PDUs before it are returned first; the next call (with no octets, if none came) raises.
        """
        data = self._rest + chunk if self._rest else chunk
        frames: list[bytes] = []
        at, end = 0, len(data)
        while end - at >= 4:
            length = int.from_bytes(data[at : at + 4], "big")
            if not MIN_PDU <= length <= MAX_PDU:
                if frames:
                    break
                self._rest = data[at : at + 64]  # it stays lost, whatever comes
                raise RemoteProtocolError(
                    f"command_length {length} is outside {MIN_PDU} to {MAX_PDU}", self._rest, fatal=True
                )
            if end - at < length:
                break
            frames.append(data[at : at + length])
            at += length
        self._rest = data[at:]
        return frames
