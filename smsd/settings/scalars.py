"""The words a configuration is made of: durations, codes, names, secrets, each with its bounds and its sentence.

A type here takes raw text (from the file) as well as the Python value (from code that builds settings itself).
What a bound refuses is put into words from the JSON Schema of the field, with `errorMessage` where the bound alone
would read badly; only what needs words of its own raises `rule`. Every duration is a float in seconds. As JSON each
is written as it would be in the file.

What pydantic calls is written in Python, even where a built-in would do: it reads signatures, and those of built-ins
differ from one Python to the next (with `"…".format` nothing starts on 3.13).
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from datetime import time
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, GetCoreSchemaHandler, PlainSerializer, WithJsonSchema
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from smsd.settings.presets import PRESETS

YEAR = 366 * 86400.0  # no wait is longer; keeps every sum of times far from a timer's limits
UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
DURATION = r"^[0-9]+(\.[0-9]+)?(ms|s|m|h|d)$"
HH_MM = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
CODE = r"^(0[xX][0-9A-Fa-f]{1,8}|[0-9]{1,10})$"
SECRET_SHOWN = "<secret>"


def rule(sentence: str, *at: int | str) -> PydanticCustomError:
    """Return the error for what no bound can say: a whole sentence, on the field itself or what is `at` in it."""
    return PydanticCustomError("rule", "{sentence}", {"sentence": sentence, "at": at})


class Secret:
    """A password that shows itself to nobody who does not ask by name."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return SECRET_SHOWN

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        text = core_schema.no_info_after_validator_function(cls, core_schema.str_schema())
        return core_schema.union_schema(
            [core_schema.is_instance_schema(cls), text],
            serialization=core_schema.plain_serializer_function_ser_schema(cls.__repr__),
        )


def seconds(value: Any) -> Any:
    """Return `1.5h` as 5400.0; what is not text is left to pydantic. Text without its unit raises ValueError."""
    if not isinstance(value, str):
        return value
    if not re.fullmatch(DURATION, value):
        raise ValueError(value)
    number = value.rstrip("mshd")
    return float(number) * UNIT_SECONDS[value[len(number) :]]


def in_units(seconds: float) -> str:
    """Return 5400.0 as `90m`, in the largest unit of which it is a whole number (at least 1)."""
    whole = (unit for unit in reversed(UNIT_SECONDS) if seconds and round(seconds / UNIT_SECONDS[unit], 6) % 1 == 0)
    unit = next(whole, "s")
    return f"{seconds / UNIT_SECONDS[unit]:.12g}{unit}"


def number(value: Any) -> Any:
    """Return `0xFE` or `254` as 254; what is not text is left to pydantic. Other text raises ValueError."""
    if not isinstance(value, str):
        return value
    if not re.fullmatch(CODE, value):
        raise ValueError(value)
    return int(value, 16 if value[:2] in ("0x", "0X") else 10)


def same_code(one: Any, other: Any) -> bool:
    """Tell whether two keys are one number, however each is spelt: `0xFE`, `0xfe`, `254`."""
    codes = [number(key) for key in (one, other) if isinstance(key, str) and re.fullmatch(CODE, key)]
    return codes[:1] == codes[1:]


def spelt(pattern: str, message: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, "errorMessage": f"must be {message}"})


def duration_spelt(bounds: str) -> WithJsonSchema:
    return spelt(DURATION, f"a duration {bounds}: a number and its unit (ms, s, m, h, d), such as 30s")


def code(low: int, high: int) -> Any:
    """Return the constraint of a number that the field's documents write in hexadecimal."""
    message = f"must be a number from {low} to {high} (0x{high:X})"
    return Field(
        ge=low, le=high, json_schema_extra={"type": ["integer", "string"], "pattern": CODE, "errorMessage": message}
    )


def octets(limit: int) -> Any:
    """Return the constraint of a C-Octet String with room for `limit` characters and its NUL (SMPP 3.4 §3.1)."""
    message = f"must be at most {limit} ASCII characters"
    return Field(max_length=limit, pattern=r"^[\x20-\x7E]*$", json_schema_extra={"errorMessage": message})


Seconds = Annotated[float, BeforeValidator(seconds), PlainSerializer(in_units, when_used="json")]
Duration = Annotated[Seconds, Field(ge=0, le=YEAR), duration_spelt("from 0s to 366d")]
Wait = Annotated[Seconds, Field(gt=0, le=YEAR), duration_spelt("above 0s, at most 366d")]
Heartbeat = Annotated[Seconds, Field(ge=1, le=3600), duration_spelt("from 1s to 1h")]
Code = Annotated[int, BeforeValidator(number), PlainSerializer(lambda code: f"0x{code:02X}", when_used="json")]
Octet = Annotated[int, BeforeValidator(number), code(0, 0xFF)]
CommandStatus = Annotated[Code, code(0, 0xFFFFFFFF)]
FailStatus = Annotated[Code, code(1, 0xFFFFFFFF)]  # 0 would confirm what is not safe yet
Tag = Annotated[Code, code(1, 0xFFFF)]
Ton = Annotated[int, Field(ge=0, le=6)]  # SMPP 3.4 §5.2.5
Npi = Annotated[int, Field(ge=0, le=18)]  # SMPP 3.4 §5.2.6
Filled = Annotated[str, Field(min_length=1, json_schema_extra={"errorMessage": "must be text, not empty"})]


def one_group(pattern: str) -> str:
    try:
        groups = re.compile(pattern).groups
    except (re.error, OverflowError, RecursionError) as error:
        raise rule(f"must be a regular expression, but {error}") from None
    if groups != 1:
        raise rule(f"must have exactly one group, (…), and has {groups}")
    return pattern


def host_name(host: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,253}", host):
        ipaddress.IPv6Address(host)
    return host


def amqp_url(url: str) -> str:
    """Refuse what clients of AMQP cut off without a word. No part of it is shown: a misread one may be the password."""
    if "#" in url:
        raise rule("nothing behind a # is read: write # as %23, be it in the login or in the virtual host")
    parts = urlsplit(url)
    if parts.scheme not in ("amqp", "amqps") or not parts.hostname or parts.port == 0:
        raise ValueError
    if "?" in url:
        raise rule(
            "nothing behind a ? is read: `heartbeat` and `tls` are settings beside `url`; write a ? itself as %3F"
        )
    if "/" in parts.path[1:]:
        raise rule(
            "a virtual host with a / in its name is cut off there: write %2F for it, as in amqp://host/sms%2Fprod"
        )
    if re.search(r"%(?![0-9A-Fa-f]{2})", url):
        raise rule("a % stands before two digits in hexadecimal: write % itself as %25")
    return url


def time_of_day(value: Any) -> Any:
    """Return `22:30` as a time; what is not text is left to pydantic. Other text raises ValueError."""
    if not isinstance(value, str):
        return value
    if not re.fullmatch(HH_MM, value):
        raise ValueError(value)
    return time.fromisoformat(value)


def hex_bytes(value: Any) -> Any:
    return bytes.fromhex(value) if isinstance(value, str) else value


def known_preset(name: str) -> str:
    if name in PRESETS:
        return name
    close = difflib.get_close_matches(name.lower(), PRESETS, 1)
    raise rule(f"unknown preset; did you mean {close[0]!r}?" if close else f"must be one of {', '.join(PRESETS)}")


def distinct_codes(value: Any) -> Any:
    """Refuse two spellings of one number, such as `0xFE` and `254`, as keys of one mapping."""
    seen: dict[int, str] = {}
    for key in value if isinstance(value, dict) else ():
        if isinstance(key, str) and re.fullmatch(CODE, key):
            first = seen.setdefault(number(key), key)
            if first != key:
                raise rule(f"the same number as {first}", key)
    return value


TimeOfDay = Annotated[
    time,
    BeforeValidator(time_of_day),
    PlainSerializer(lambda moment: f"{moment:%H:%M}", when_used="json"),
    spelt(HH_MM, "a time of day, HH:MM"),
]
PresetName = Annotated[str, AfterValidator(known_preset), WithJsonSchema({"type": "string", "enum": [*PRESETS]})]
Regex = Annotated[str, AfterValidator(one_group)]
HostName = Annotated[
    str, AfterValidator(host_name), spelt(r"^[^/\s]+$", "a host name or an address, without scheme and port")
]
AmqpUrl = Annotated[
    str,
    AfterValidator(amqp_url),
    WithJsonSchema({"type": "string", "writeOnly": True, "errorMessage": "must be amqp://… or amqps://… with a host"}),
]
HexBytes = Annotated[
    bytes,
    BeforeValidator(hex_bytes),
    PlainSerializer(lambda octets: octets.hex(), when_used="json"),
    Field(max_length=0xFFFF),
    spelt(r"^([0-9A-Fa-f]{2})*$", "bytes in hexadecimal, two digits each"),
]
