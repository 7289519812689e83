"""What a configuration may say: pydantic models, frozen, every key with its true default and its bounds.

The models know no YAML, no files and no environment: `reader` gives them raw text and turns what they refuse into
problems with a line and a column. `defaults` is not here: the reader lays it under each provider. Names of keys are
those of `config/smsd.yaml`, which says what each means; every duration is a float in seconds.
"""

from __future__ import annotations

import codecs
import re
from datetime import time
from functools import cache
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from phonenumbers import SUPPORTED_REGIONS
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_serializer,
    field_validator,
    model_validator,
)

from smsd.settings.scalars import (
    SECRET_SHOWN,
    AmqpUrl,
    CommandStatus,
    Duration,
    FailStatus,
    Filled,
    Heartbeat,
    HexBytes,
    HostName,
    Npi,
    Octet,
    PresetName,
    Regex,
    Tag,
    TimeOfDay,
    Ton,
    Wait,
    distinct_codes,
    octets,
    rule,
    spelt,
)
from smsd.settings.scalars import Secret as Secret

Durability = Literal["process", "power"]
QueueType = Literal["quorum", "classic"]
LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["auto", "console", "json"]
BindKind = Literal["transceiver", "transmitter", "receiver", "split"]
Version = Literal["3.3", "3.4", "5.0"]
NumberFormat = Literal["digits", "plus"]
LongMessages = Literal["udh", "udh16", "sar", "payload"]
IdForm = Literal["as_is", "decimal", "hex"]
ErrorClass = Literal["permanent", "retry", "throttle", "bind_fault", "no_credit"]
OnUncertain = Literal["report", "resend"]
Priority = Literal["urgent", "normal", "bulk"]
Typography = Literal["keep", "simplify"]
ReceiptFor = Literal["segments", "message"]
ReceiptStatus = Literal["delivered", "undelivered", "expired", "sent"]

# By national language identifier from 1 (3GPP TS 23.038 §6.2.1.2.4), in the codes of ISO 639-1.
NATIONAL_LANGUAGES = ("tr", "es", "pt", "bn", "gu", "hi", "kn", "ml", "or", "pa", "ta", "te", "ur")
NATIONAL_ENCODINGS = tuple(f"gsm7-{code}" for code in NATIONAL_LANGUAGES)

ASCII = r"^[\x20-\x7E]+$"
PREFIX = r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$"
LISTEN = r"^$|^(\[[0-9A-Fa-f:.]+\]|[^\s:/\[\]]+):[0-9]{1,5}$"

# The standard words (SMPP 3.4 appendix B) stand for these statuses wherever a provider's own word is explained.
STAT_WORDS = {
    "DELIVRD": "delivered",
    "EXPIRED": "expired",
    "UNDELIV": "undelivered",
    "DELETED": "undelivered",
    "REJECTD": "undelivered",
    "UNKNOWN": "undelivered",
    "FAILED": "undelivered",
    "SKIPPED": "undelivered",
    "ENROUTE": "sent",
    "ACCEPTD": "sent",
    "SCHEDULED": "sent",
    "BUFFERED": "sent",
}


class Section(BaseModel):
    """A mapping of the file with a fixed set of keys; one left empty says nothing and means its defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def empty_means_defaults(cls, value: Any) -> Any:
        return {} if value is None else value


class BrokerTls(Section):
    ca_file: Filled | None = None
    cert_file: Filled | None = None
    key_file: Filled | None = None


class Broker(Section):
    # Kept out of repr and dumps as it stands: it may hold a password.
    url: Annotated[tuple[AmqpUrl, ...], BeforeValidator(lambda url: (url,) if isinstance(url, str) else url)] = Field(
        default=("amqp://guest:guest@127.0.0.1:5672/%2F",), min_length=1, repr=False
    )
    password: Secret | None = None
    tls: BrokerTls = BrokerTls()
    heartbeat: Heartbeat = 5.0
    prefix: Annotated[
        str, Field(pattern=PREFIX), spelt(PREFIX, "1 to 64 of A-Z a-z 0-9 . _ - and not begin with a dot")
    ] = "sms"
    declare: bool = True
    default_queues: bool = True
    queue_type: QueueType = "quorum"

    @field_serializer("url")
    def hide_password(self, url: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(re.sub(r"(?<=//)([^:/@]*):.*@", rf"\1:{SECRET_SHOWN}@", one) for one in url)


class Journal(Section):
    path: Filled = "/var/lib/smsd/journal.db"
    durability: Durability = "power"
    keep: Wait = 7 * 86400.0


class Http(Section):
    listen: Annotated[
        str,
        BeforeValidator(lambda listen: "" if listen is None else listen),
        Field(pattern=LISTEN),
        spelt(LISTEN, "HOST:PORT, such as 127.0.0.1:9108, or empty for none"),
    ] = "127.0.0.1:9108"

    @field_validator("listen")
    @classmethod
    def port_exists(cls, listen: str) -> str:
        if listen and int(listen.rpartition(":")[2]) > 65535:  # 0: any free port
            raise ValueError
        return listen

    @property
    def address(self) -> tuple[str, int] | None:
        """Host (an IPv6 address without its brackets) and port, or None when the web side is off."""
        host, _, port = self.listen.rpartition(":")
        return (host.strip("[]"), int(port)) if port else None


class Log(Section):
    level: LogLevel = "info"
    format: LogFormat = "auto"
    pdus: bool = False


class Lease(Section):
    grace: Duration | None = 30.0


def host_port(host: str, port: int) -> str:
    """HOST:PORT; an IPv6 address is in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Host(Section):
    host: HostName
    port: Annotated[int, Field(ge=1, le=65535)] = 2775

    @property
    def where(self) -> str:
        """HOST:PORT."""
        return host_port(self.host, self.port)


class Tls(Section):
    ca_file: Filled | None = None
    verify: bool = True
    server_hostname: Filled | None = None
    cert_file: Filled | None = None
    key_file: Filled | None = None


class Encoding(Section):
    """One way to write a text, and the data_coding by which this provider knows it (SMPP 3.4 §5.2.19)."""

    name: Filled
    data_coding: Octet
    flash_data_coding: Octet | None = None
    septets: bool = False

    @field_validator("name")
    @classmethod
    def name_is_known(cls, name: str) -> str:
        if name not in ("gsm7", "ucs2", *NATIONAL_ENCODINGS):
            try:
                codecs.lookup(name)
                "".encode(name)  # refuses what is no text encoding, such as base64
            except (LookupError, ValueError):
                known = f"gsm7, ucs2, latin1, {NATIONAL_ENCODINGS[0]} or another encoding that Python knows"
                raise rule(f"must be {known}, got {name!r}") from None
        return name

    @field_validator("septets")
    @classmethod
    def septets_are_of_a_charset_of_octets(cls, septets: bool, info: ValidationInfo) -> bool:
        name = info.data.get("name")
        if septets and name is not None:
            if name in ("gsm7", "ucs2", *NATIONAL_ENCODINGS):
                raise rule(f"is for 8-bit charsets; {name} is counted as it is sent")
            if any(len(chr(code).encode(name, "ignore")) > 1 for code in range(0x20, 0x400)):
                raise rule(f"needs a charset with one octet for each character, which {name} is not")
        return septets


class ReceiptFormat(Section):
    id_regex: Regex | None = None
    stat_regex: Regex | None = None
    err_regex: Regex | None = None
    stat_map: dict[str, Annotated[ReceiptStatus, BeforeValidator(lambda word: STAT_WORDS.get(word, word))]] = {}
    text_fallback: bool = True


class MessageId(Section):
    submit: IdForm = "as_is"
    receipt: IdForm = "as_is"


class EnquireLink(Section):
    interval: Wait = 30.0
    timeout: Wait = 30.0
    when: Literal["idle", "always"] = "idle"


class Reconnect(Section):
    min: Wait = 1.0
    max: Wait = 60.0
    already_bound: Wait = 60.0
    auth_failed: Wait = 300.0

    @model_validator(mode="after")
    def min_is_not_above_max(self) -> Self:
        if self.min > self.max:
            raise rule(f"must not be above max, which is {self.max:g}s", "min")
        return self


class Retries(Section):
    max_age: Duration = 3600.0
    delays: Annotated[tuple[Wait, ...], Field(min_length=1)] = (5.0, 15.0, 60.0, 300.0)


@cache
def time_zones() -> set[str]:
    """Looked for once: it means reading a file for each."""
    return available_timezones()


class QuietHours(Section):
    """Hours of a day, in one time zone, in which the named priorities wait; `end` below `start` is past midnight."""

    start: TimeOfDay = Field(alias="from")
    end: TimeOfDay = Field(alias="to")
    timezone: str
    applies_to: Annotated[tuple[Priority, ...], Field(min_length=1)] = ("normal", "bulk")

    @field_validator("timezone")
    @classmethod
    def timezone_is_known(cls, timezone: str) -> str:
        if timezone not in time_zones():
            raise rule(f"must be a time zone such as Europe/Moscow, got {timezone!r}")
        return timezone

    @field_validator("end")
    @classmethod
    def hours_are_not_empty(cls, end: time, info: ValidationInfo) -> time:
        if end == info.data.get("start"):
            raise rule("must differ from `from`")
        return end

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


LONGEST_NAME, LONGEST_NUMBER = 11, 15


def fitting_sender(sender: str) -> str:
    if re.fullmatch(r"\+?[0-9]+", sender):
        if len(sender.lstrip("+")) > LONGEST_NUMBER:
            raise rule(f"a sender's number has at most {LONGEST_NUMBER} digits, got {sender!r}")
    elif len(sender) > LONGEST_NAME:
        raise rule(f"a sender's name has at most {LONGEST_NAME} characters, got {sender!r}")
    return sender


# SMPP 3.4 §5.2.8
Sender = Annotated[
    str, Field(pattern=ASCII), spelt(ASCII, "ASCII characters, at least one"), AfterValidator(fitting_sender)
]


_CALLED = {"UK": "GB", "EN": "GB", "EL": "GR", "YU": "RS", "SU": "RU", "TP": "TL", "ZR": "CD"}
"""Codes that are written for countries and are none (ISO 3166-1), or none any more."""


def _meant(region: str) -> str:
    """A code to write instead."""
    code = region.upper()
    code = _CALLED.get(code, code)
    return f"here {code}" if code in SUPPORTED_REGIONS else "such as RU"


def tls_switch(value: Any) -> Any:
    """Read `true` as TLS with every default, `false` as none."""
    text = str(value).lower()
    return {} if text in ("true", "yes", "on") else None if text in ("false", "no", "off") else value


class Provider(Section):
    name: str  # the key under `providers`
    title: str = ""
    active: bool = True
    preset: PresetName | None = None  # the reader lays it under the rest
    hosts: Annotated[tuple[Host, ...], Field(min_length=1)]
    tls: Annotated[Tls | None, BeforeValidator(tls_switch)] = None
    system_id: Annotated[str, octets(15)] = ""
    password: Secret = Secret("")
    bind: BindKind = "transceiver"
    version: Version = "3.4"
    system_type: Annotated[str, octets(12)] = ""
    service_type: Annotated[str, octets(5)] = ""
    address_range: Annotated[str, octets(40)] = ""
    bind_ton: Ton = 0
    bind_npi: Npi = 0
    source_ton: Ton | Literal["auto"] = "auto"
    source_npi: Npi | Literal["auto"] = "auto"
    dest_ton: Ton = 1
    dest_npi: Npi = 1
    number_format: NumberFormat = "digits"
    default_region: str | None = None
    senders: tuple[Sender, ...] = ()
    max_rate: Annotated[float, Field(gt=0, le=100_000)] | None = None
    window: Annotated[int, Field(ge=1, le=10_000)] = 10
    encodings: Annotated[tuple[Encoding, ...], Field(min_length=1)] = (
        Encoding(name="gsm7", data_coding=0),
        Encoding(name="ucs2", data_coding=8),
    )
    encoding: str = "auto"  # after encodings: it must be one of them
    long_messages: LongMessages = "udh"  # after encodings: some need a header
    max_segments: Annotated[int, Field(ge=1, le=255)] = 10
    receipts: bool = True
    receipt_wait: Wait | None = None
    receipt_for: ReceiptFor = "segments"
    receipt_format: ReceiptFormat = ReceiptFormat()
    message_id: MessageId = MessageId()
    receipt_group: Filled | None = None
    parts_wait: Wait = 600.0
    validity: Wait | Literal["never"] | None = None
    priority_flag: Annotated[int, Field(ge=0, le=4)] = 0  # SMPP 3.4 §5.2.14; 5.0 adds 4
    protocol_id: Octet = 0
    tlvs: Annotated[dict[Tag, HexBytes], BeforeValidator(distinct_codes)] = {}
    submit_timeout: Wait = 60.0
    bind_timeout: Wait = 10.0
    enquire_link: EnquireLink = EnquireLink()
    reconnect: Reconnect = Reconnect()
    retries: Retries = Retries()
    errors: Annotated[dict[CommandStatus, ErrorClass], BeforeValidator(distinct_codes)] = {}
    deliver_fail_status: FailStatus = 0x14
    on_uncertain: OnUncertain = "report"
    typography: Typography = "keep"
    quiet_hours: QuietHours | None = None
    # Of later work: whatever they say is kept as it stands.
    per_recipient: Any = None
    block_list: Any = None
    prefer: Any = None
    kind: Any = None

    @model_validator(mode="before")
    @classmethod
    def title_is_the_name_if_absent(cls, value: Any) -> Any:
        return {"title": value["name"], **value} if isinstance(value, dict) and "name" in value else value

    @field_validator("password")
    @classmethod
    def password_fits(cls, password: Secret) -> Secret:
        text = password.reveal()
        if len(text) > 64 or not text.isascii() or not (text.isprintable() or not text):
            raise rule("must be at most 64 printable ASCII characters")
        return password

    @field_validator("default_region")
    @classmethod
    def region_is_known(cls, region: str | None) -> str | None:
        if region is not None and region not in SUPPORTED_REGIONS:
            raise rule(f"must be a country's code of two capital letters, {_meant(region)}, got {region!r}")
        return region

    @field_validator("senders")
    @classmethod
    def senders_differ(cls, senders: tuple[str, ...]) -> tuple[str, ...]:
        for at, sender in enumerate(senders):
            if sender in senders[:at]:
                raise rule(f"{sender!r} is listed twice", at)
        return senders

    @field_validator("encodings")
    @classmethod
    def encodings_differ(cls, encodings: tuple[Encoding, ...]) -> tuple[Encoding, ...]:
        names = ["auto"]
        for at, encoding in enumerate(encodings):
            if encoding.name in names:
                raise rule(f"{encoding.name!r} is taken", at, "name")
            names.append(encoding.name)
        return encodings

    @field_validator("long_messages")
    @classmethod
    def national_tables_have_a_header(cls, long_messages: str, info: ValidationInfo) -> str:
        national = [one.name for one in info.data.get("encodings", ()) if one.name in NATIONAL_ENCODINGS]
        if national and long_messages not in ("udh", "udh16"):
            raise rule(f"must be udh or udh16 with {national[0]}, which a header names, got {long_messages!r}")
        return long_messages

    @field_validator("encoding")
    @classmethod
    def encoding_is_listed(cls, encoding: str, info: ValidationInfo) -> str:
        names = ["auto", *(one.name for one in info.data.get("encodings", ()))]
        if "encodings" in info.data and encoding not in names:
            raise rule(f"must be one of encodings ({', '.join(names)}), got {encoding!r}")
        return encoding


class Settings(Section):
    broker: Broker = Broker()
    journal: Journal = Journal()
    http: Http = Http()
    log: Log = Log()
    node: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    stop_timeout: Duration = 30.0
    lease: Lease = Lease()
    providers: dict[str, Provider] = {}
    routes: Any = None  # of later work
