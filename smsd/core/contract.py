"""Requests as the contract wants them (version 1): octets from the broker in, a `SendRequest` or a refusal out."""

import contextlib
import json
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError
from pydantic_core import PydanticCustomError, to_json

from smsd.core.errors import ContractError

PRIORITIES = ("urgent", "normal", "bulk")
"""From first to last; a routing key without one means normal."""

REQUEST_TYPE = "sms.request.v1"
RESULT_TYPE = "sms.result.v1"
RECEIPT_TYPE = "sms.receipt.v1"
INBOUND_TYPE = "sms.inbound.v1"
EVENT_TYPE = "sms.event.v1"
CONTROL_TYPE = "sms.control.v1"

BODY_MAX = 256 * 1024
"""Octets that a request may have: 255 segments of escaped letters, and all else at its longest."""

CALLBACK_MAX = 1024
"""Octets of JSON that `callback` may have."""

TLVS_MAX = 16 * 1024
"""Octets that a request's `tlvs` may have in all, so that they fit into a PDU."""


class Unreadable(Exception):
    """A body that no one can be answered about: not JSON. It goes to the dead queue with this slug and sentence."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Refused(ContractError):
    """A request that is answered `rejected`; carries what could be read of it."""

    def __init__(self, error: ContractError, known: dict[str, Any]) -> None:
        super().__init__(error.field, error.sentence, error.reason)
        self.known = known


def epoch(value: Any) -> float:
    """An RFC 3339 time as seconds since 1970. A time without a zone is refused: it would be somebody's guess.

    Its `T` and `Z` may be small letters (RFC 3339 §5.6).
    """
    if not isinstance(value, str):
        raise PydanticCustomError("time", "must be a time like 2026-03-01T12:00:00Z")
    try:
        moment = datetime.fromisoformat(value.upper())
        seconds = moment.timestamp()
    except (ValueError, OverflowError):
        raise PydanticCustomError("time", "must be a time like 2026-03-01T12:00:00Z") from None
    if moment.tzinfo is None:
        raise PydanticCustomError("time", "must say its zone, as in 2026-03-01T12:00:00Z")
    return seconds


def timestamp(moment: float) -> str:
    """Seconds since 1970 as RFC 3339 UTC with milliseconds."""
    return _timestamp(int(moment * 1000))


@lru_cache(maxsize=1024)
def _timestamp(milliseconds: int) -> str:
    second, thousandth = divmod(milliseconds, 1000)
    return f"{_whole_second(second)}{thousandth:03d}Z"


@lru_cache(maxsize=64)
def _whole_second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.")


def _vendor_tlvs(value: Any) -> tuple[tuple[int, bytes], ...]:
    wrong = PydanticCustomError("tlvs", 'must be an object like {"0x1401": "0a0b"}: a tag and its octets in hex')
    if value == []:
        return ()  # PHP's empty object
    if not isinstance(value, dict):
        raise wrong
    found = []
    for tag, octets in value.items():
        try:
            number, content = int(tag, 0), bytes.fromhex(octets)
        except (TypeError, ValueError):
            raise wrong from None
        if not 0 < number <= 0xFFFF or len(content) > 1024:
            raise PydanticCustomError("tlvs", "a tag must be from 0x0001 to 0xFFFF, a value at most 1024 octets")
        found.append((number, content))
    if sum(4 + len(content) for _, content in found) > TLVS_MAX:
        raise PydanticCustomError("tlvs", "must have at most 16 KiB in all, so that they fit into a PDU")
    return tuple(found)


def _callback(value: Any) -> Any:
    try:
        size = len(to_json(value, inf_nan_mode="constants"))
    except ValueError:  # a lone surrogate: legal JSON, echoed escaped
        size = len(json.dumps(value))
    if size > CALLBACK_MAX:
        raise PydanticCustomError("callback", "must be at most 1 KiB of JSON")
    if _not_finite(value):
        raise PydanticCustomError("callback", "must not hold NaN or Infinity, which are not JSON")
    return value


def _not_finite(value: Any) -> bool:
    if isinstance(value, float):
        return not math.isfinite(value)
    if isinstance(value, dict):
        return any(map(_not_finite, value.values()))
    return isinstance(value, list) and any(map(_not_finite, value))


Time = Annotated[float, PlainValidator(epoch)]


class SendRequest(BaseModel):
    """One request. Times are seconds since 1970; fields are those of the contract."""

    model_config = ConfigDict(frozen=True, strict=True, extra="allow", populate_by_name=False)

    id: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    to: Annotated[str, Field(max_length=128)]
    text: Annotated[str, Field(min_length=1)]
    sender: Annotated[str, Field(max_length=20)] | None = Field(default=None, alias="from")
    encoding: Annotated[str, Field(max_length=64)] | None = "auto"
    flash: bool | None = False
    expires_at: Time | None = None
    send_after: Time | None = None
    receipt: bool | None = None
    max_segments: Annotated[int, Field(ge=1, le=255)] | None = None
    on_uncertain: Literal["report", "resend"] | None = None
    campaign: Annotated[str, Field(max_length=128)] | None = None
    tlvs: Annotated[tuple[tuple[int, bytes], ...], PlainValidator(_vendor_tlvs)] | None = None
    callback: Annotated[Any, PlainValidator(_callback)] = None


_VALIDATE: Callable[[bytes], SendRequest] = SendRequest.__pydantic_validator__.validate_json
"""model_validate_json without its own layer: it is called for every message."""


def read_request(body: bytes, message_id: str | None) -> SendRequest:
    """The request in `body`; `message_id` (AMQP) stands in for a missing id.

    Raises Unreadable for what is not JSON, and Refused, naming the field and what to do, for everything else.
    """
    if len(body) > BODY_MAX:
        raise _too_long(body, message_id)
    try:
        request = _VALIDATE(body)
    except ValidationError:
        request = _reread(body, message_id)
    if request.id is None:
        request = _named(request, message_id)
    if "\0" in request.text:
        raise _refusal(request, ContractError("text", "holds U+0000: leave it out", "text-not-encodable"))
    if request.send_after and request.expires_at and request.send_after > request.expires_at:
        raise _refusal(request, ContractError("send_after", "is after expires_at: swap or drop one"))
    return request


_FIRST_ID = re.compile(
    rb'\s*+\{(?:\s*+"(?!id")[^"\\]*+"\s*+:\s*+(?:"(?:[^"\\]|\\.)*+"|[\w.+-]++)\s*+,)*+'
    rb'\s*+"id"\s*+:\s*+("(?:[^"\\]|\\.){1,768}+")',
    re.DOTALL,
)
"""An object's `id`, where only plain values stand before it."""

_LOOKED_AT = 4096
"""Octets at the beginning of a body that is too long to be read, in which its `id` is looked for."""


def _too_long(body: bytes, message_id: str | None) -> Exception:
    """A body that is not read: answered if who it is can be told at a glance."""
    sentence = f"has {len(body)} octets: {BODY_MAX} are the most"
    known: dict[str, Any] = {}
    if (found := _FIRST_ID.match(body[:_LOOKED_AT])) is not None:
        with contextlib.suppress(ValueError):
            known = _known({"id": json.loads(found[1])}, message_id)
    elif message_id:
        known = _known(None, message_id)
    if known.get("id") is None:
        return Unreadable("too-long", f"the body {sentence}, and no id stands at its beginning")
    return Refused(ContractError("body", sentence), known)


def drop_unknown_fields(request: SendRequest) -> list[str]:
    """The names of fields that the contract does not have; what they hold is not kept."""
    if not request.model_extra:
        return []
    names = list(request.model_extra)
    request.model_extra.clear()
    return names


def _named(request: SendRequest, message_id: str | None) -> SendRequest:
    if _may_be_id(message_id):
        return request.model_copy(update={"id": message_id})
    why = "no AMQP message_id of 1 to 128 characters stands in"
    if message_id and _lone_surrogate(message_id) is not None:
        why = "the AMQP message_id that stands in is not UTF-8, a UUID in octets perhaps"
    raise _refusal(request, ContractError("id", f"is missing, and {why}: give each request its own"))


def _may_be_id(message_id: str | None) -> bool:
    return message_id is not None and 0 < len(message_id) <= 128 and _lone_surrogate(message_id) is None


def _refusal(request: SendRequest, error: ContractError) -> Refused:
    return Refused(error, request.model_dump(by_alias=True, include={"id", "to", "campaign", "callback", "sender"}))


def _reread(body: bytes, message_id: str | None) -> SendRequest:
    """The slow way, for bodies that the fast one refused: finds the field to blame, or reads them after all."""
    try:
        found = json.loads(body.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        what = f"not UTF-8: {error.reason} at octet {error.start}"
        raise Unreadable("not-utf8", f"the body is {_wrapped(body) or what}") from None
    except RecursionError:
        raise Unreadable("not-json", "the body is nested too deeply") from None
    except ValueError as error:
        raise Unreadable("not-json", f"the body is {_wrapped(body) or f'not JSON: {error}'}") from None
    known = _known(found, message_id)
    if not isinstance(found, dict):
        raise Refused(ContractError("body", f"must be a JSON object, not {_kind(found)}"), known)
    if isinstance(text := found.get("text"), str) and (at := _lone_surrogate(text)) is not None:
        sentence = f"holds a lone surrogate at character {at + 1}: send whole characters"
        raise Refused(ContractError("text", sentence, "text-not-encodable"), known)
    try:
        return SendRequest.model_validate(found)
    except ValidationError as error:
        raise Refused(_blame(error), known) from None
    except RecursionError:
        raise Refused(ContractError("callback", "is nested too deeply"), known | {"callback": None}) from None


_COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"\x78\x01": "zlib",
    b"\x78\x5e": "zlib",
    b"\x78\x9c": "zlib",
    b"\x78\xda": "zlib",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
"""How a body begins that was compressed (RFC 1952, RFC 1950 and their like)."""

_SECTIONS = {0x75: "data section", 0x76: "sequence", 0x77: "value"}
"""AMQP 1.0 §3.2: what a body may be, each behind 00 53. RabbitMQ unwraps data sections alone."""


def _wrapped(body: bytes) -> str | None:
    """What the body is that is no JSON by its first octets, and what to do."""
    if body[:2] == b"\x00\x53" and body[2:3] and (section := _SECTIONS.get(body[2])):
        return f"an AMQP 1.0 {section}, which RabbitMQ does not unwrap: send the JSON's octets as one data section"
    for magic, name in _COMPRESSED.items():
        if body.startswith(magic):
            return f"compressed ({name}): send the JSON as it is, in UTF-8"
    return None


def _known(found: Any, message_id: str | None) -> dict[str, Any]:
    """What an answer can echo of a request that is refused: only what has the right type."""
    known: dict[str, Any] = {"id": message_id if _may_be_id(message_id) else None}
    if not isinstance(found, dict):
        return known
    for name, most in (("id", 128), ("to", 64), ("from", 64), ("campaign", 128)):
        value = found.get(name)
        if isinstance(value, str) and 0 < len(value) <= most and _lone_surrogate(value) is None:
            known[name] = value
    try:
        known["callback"] = _callback(found.get("callback"))
    except (PydanticCustomError, RecursionError):
        known["callback"] = None
    return known


def _blame(error: ValidationError) -> ContractError:
    first = error.errors(include_url=False, include_context=True)[0]
    field = ".".join(str(step) for step in first["loc"] if not str(step).startswith(("function", "constrained")))
    field = field or "body"
    kind, context = first["type"], first.get("ctx", {})
    value = first.get("input")
    if kind == "missing":
        return ContractError(field, "is missing: it is required")
    if kind == "string_type":
        return ContractError(field, f"must be a string, not {_kind(value)}")
    if kind == "string_too_short":
        return ContractError(field, "must not be empty")
    if kind == "string_too_long":
        return ContractError(field, f"must have at most {context['max_length']} characters, this one has {len(value)}")
    if kind == "bool_type":
        return ContractError(field, f"must be true or false, not {_kind(value)}")
    if kind.startswith("int") or kind in ("greater_than_equal", "less_than_equal"):
        return ContractError(field, "must be a whole number from 1 to 255")
    if kind == "literal_error":
        return ContractError(field, f"must be {context['expected'].replace(chr(39), '')}")
    if kind == "string_unicode":
        return ContractError(field, "holds a lone surrogate: send whole characters")
    return ContractError(field, first["msg"])


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    names = {bool: "true or false", int: "a number", float: "a number", str: "a string", list: "a list"}
    return names.get(type(value), "an object")


def _lone_surrogate(text: str) -> int | None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        return error.start
    return None


def fingerprint(to: str, text: str) -> bytes:
    """Tells a repeat of a request from another request with the same id."""
    return blake2b(f"{to}\0{text}".encode("utf-8", "surrogatepass"), digest_size=16).digest()


def result_id(*parts: str | None) -> str:
    """The same for the same parts on every machine and after every crash, so that a repeat can be recognised.

    A part that is None counts as not given.
    """
    given = "\x1f".join([part for part in parts if part is not None])
    return blake2b(given.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def dumps(document: dict[str, Any]) -> bytes:
    """JSON octets of what we publish."""
    try:
        return to_json(document)
    except ValueError:  # lone surrogates that a caller put into `callback`: escaped they stay legal JSON
        return json.dumps(document, separators=(",", ":")).encode()
