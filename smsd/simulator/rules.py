"""What the simulated SMSC does, as data: read from JSON, written as JSON, replaced as a whole while it runs.

Pure: nothing here knows a socket or a clock. `script` carries the rules out.
"""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from smsd.core import text


def _number(value: Any) -> Any:
    """Statuses are mostly written in hex, which JSON has no numbers for: "0x58" is taken as well as 88."""
    return int(value, 16) if isinstance(value, str) and value[:2].lower() == "0x" else value


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
    return pattern


def _encodes(name: str) -> str:
    try:
        text.encode("", name)
    except LookupError:
        raise ValueError(f"{name!r} is no encoding") from None
    return name


def _rising(span: Any) -> Any:
    if isinstance(span, tuple) and span[0] > span[1]:
        raise ValueError("the first number of [min, max] is the greater one")
    return span


Status = Annotated[int, BeforeValidator(_number), Field(ge=0, le=0xFFFFFFFF)]
Octet = Annotated[int, BeforeValidator(_number), Field(ge=0, le=255)]
Tag = Annotated[str, Field(pattern=r"^0[xX][0-9A-Fa-f]{4}$")]
Hex = Annotated[str, Field(pattern=r"^([0-9A-Fa-f]{2})*$")]
Regex = Annotated[str, AfterValidator(_compiles)]
EncodingName = Annotated[str, AfterValidator(_encodes)]
Seconds = Annotated[float, Field(ge=0)]
Span = Annotated[Seconds | tuple[Seconds, Seconds], AfterValidator(_rising)]
"""Seconds: one number, or [min, max] to draw from evenly."""

APPENDIX_B = "id:{id} sub:001 dlvrd:{dlvrd} submit date:{submitted} done date:{done} stat:{stat} err:{err} text:{text}"
"""The receipt's text after SMPP 3.4 Appendix B."""


def _formats(template: str) -> str:
    try:
        template.format(id="", dlvrd="", submitted="", done="", stat="", err="", text="")
    except (LookupError, ValueError) as error:
        raise ValueError(f"a receipt can't be made from {template!r}: {error!r}") from None
    return template


Template = Annotated[str, AfterValidator(_formats)]


class Facts(BaseModel):
    """Rules are values: they are replaced, never changed."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Match(Facts):
    """Which submits a rule is for: those in which every given pattern is found; without patterns, all of them."""

    to: Regex | None = None
    sender: Regex | None = Field(None, alias="from")
    text: Regex | None = None
    times: int | None = Field(None, ge=1)
    """It applies this often and then no more; null is always."""
    each_number: bool = False
    """Counts `times` for each destination by itself and begins anew after the submit that it let pass."""
    probability: float = Field(1.0, ge=0, le=1)


class ErrorRule(Match):
    """Submits that are refused with `status`, and with these words in additional_status_info_text if any."""

    status: Status
    words: str = Field("", max_length=255)


class DisconnectRule(Match):
    """Submits at which the connection is aborted, before or after their answer."""

    when: Literal["before", "after"] = "before"


class OutcomeRule(Match):
    """Messages that end as `stat`; null: nobody ever hears of them again."""

    stat: str | None = Field(..., max_length=20)
    err: str = Field("000", max_length=8)


class Throttle(Facts):
    """What is refused for being too much; null is no limit."""

    per_second: int | None = Field(None, ge=1)
    """Submits accepted within any `seconds` from one system_id; above it: `status`."""
    seconds: float = Field(1.0, gt=0)
    status: Status = 0x58
    window: int | None = Field(None, ge=1)
    """Unanswered submits on one connection; above it: `window_status`."""
    window_status: Status = 0x58
    queue: int | None = Field(None, ge=0)
    """Messages of one system_id whose receipts are still to come; above it: ESME_RMSGQFUL (0x14)."""


class Receipts(Facts):
    """Delivery receipts, for submits whose registered_delivery asks for them (SMPP 3.4 §5.2.17)."""

    delay: Span = 0.1
    """From the answer to the receipt."""
    stat: str | None = Field("DELIVRD", max_length=20)
    err: str = Field("000", max_length=8)
    rules: tuple[OutcomeRule, ...] = ()
    template: Template = APPENDIX_B
    """An empty one makes receipts of TLVs only."""
    tlvs: bool = False
    """Adds receipted_message_id (0x001E), message_state (0x0427) and, unless err is 0, network_error_code (0x0423)."""
    esm_class: Octet = 0x04
    before_response: bool = False
    """Sends the receipt just before the submit_sm_resp, whatever the delay."""
    enroute: bool = False
    """Sends an intermediate ENROUTE first; registered_delivery bit 4 asks for it too."""
    copies: int = Field(1, ge=1, le=100)
    window: int = Field(100, ge=1)
    """Unanswered deliver_sm on one connection, inbound messages among them."""
    resend_after: Seconds = 1.0
    """After a deliver_sm_resp with a temporary status."""


Base = Literal["decimal", "hex", "HEX", "uuid"]


class MessageIds(Facts):
    """How message_id is written in the answer and in the receipt; both come from one number."""

    submit: Base = "decimal"
    receipt: Base | None = None
    """null: as in the answer."""
    start: int | None = Field(None, ge=0)
    """The first number; null: the clock, so that ids don't come again after a restart. With `uuid`: always random."""
    width: int = Field(0, ge=0, le=64)
    """Filled with zeros up to this many characters."""


class Rules(Facts):
    """All that the simulator can be told to do."""

    name: str = Field("smsd-sim", max_length=15)
    """The SMSC's own system_id in bind responses."""
    credentials: dict[str, str] | None = None
    """system_id → password; null takes anyone."""
    bind_status: Status = 0
    """Refuses every bind with it, unless 0."""
    single_bind: bool = False
    """Refuses with 0x05 a bind that clashes with one of the same system_id.

    A transceiver clashes with every kind, a transmitter or receiver with its like.
    """
    latency: Span = 0.0
    """From a submit to its answer."""
    tlvs: dict[Tag, Hex] = {}
    """What the answer to an accepted submit carries besides its message_id, such as a price."""
    throttle: Throttle = Throttle()
    errors: tuple[ErrorRule, ...] = ()
    no_answer: tuple[Match, ...] = ()
    disconnect: tuple[DisconnectRule, ...] = ()
    receipts: Receipts = Receipts()
    message_ids: MessageIds = MessageIds()
    alphabet: Literal["gsm7", "latin1"] = "gsm7"
    """What data_coding 0 stands for."""
    data_codings: dict[Octet, EncodingName] = {}
    """What others stand for where that is not what SMPP 3.4 §5.2.19 says: gsm7, ucs2 or a name that Python knows."""
    enquire_link: Annotated[float, Field(gt=0)] | None = None
    """Seconds between the SMSC's own enquire_links; one without answer by the time of the next ends the connection."""
    record: Literal["all", "counts"] = "all"
    """`counts` keeps no submits, only their number: for speed."""
    seed: int | None = None
    """Of everything random; null: another run, another course."""

    @property
    def charsets(self) -> dict[int, str]:
        """What this SMSC says of data_coding: 0, and those that it uses in a way of its own."""
        return {0: self.alphabet, **self.data_codings}


MAGIC_OUTCOMES = (
    OutcomeRule(to="0001$", stat="DELIVRD"),
    OutcomeRule(to="0002$", stat="UNDELIV", err="001"),
    OutcomeRule(to="0003$", stat="EXPIRED", err="027"),
    OutcomeRule(to="0005$", stat="REJECTD", err="008"),
    OutcomeRule(to="0006$", stat=None),
)
MAGIC_ERRORS = (
    ErrorRule(to="0004$", status=0x58, times=2, each_number=True),
    ErrorRule(to="0007$", status=0x0B),
)
MAGIC_SILENCE = (Match(to="0008$"),)


def with_magic(rules: Rules) -> Rules:
    """The rules and, after them, the documented number endings 0001 to 0008."""
    receipts = rules.receipts.model_copy(update={"rules": (*rules.receipts.rules, *MAGIC_OUTCOMES)})
    changes = {
        "receipts": receipts,
        "errors": (*rules.errors, *MAGIC_ERRORS),
        "no_answer": (*rules.no_answer, *MAGIC_SILENCE),
    }
    return rules.model_copy(update=changes)


def merged(rules: Rules, changes: dict[str, Any]) -> Rules:
    """The rules with some top-level keys replaced. Raises pydantic's ValidationError."""
    return Rules.model_validate({**as_json(rules), **changes})


def as_json(rules: Rules) -> dict[str, Any]:
    """What `Rules.model_validate` takes back."""
    return rules.model_dump(mode="json", by_alias=True)


def problems(error: ValidationError) -> str:
    """What is wrong, and where, without the values: one may be a password."""
    return "; ".join(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors())
