"""Delivery receipts: what a deliver_sm or data_sm says about a message sent before (SMPP 3.4 Appendix B).

The field knows more forms than the specification: fields missing, in another order, in other words, in TLVs only. What
is there is kept verbatim, what is not there stays absent, and nothing in a receipt is ever an error.
"""

import re
from codecs import BOM_UTF16_LE
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from smsd.core import message_id
from smsd.core.concat import split_udh

MESSAGE_TYPE, UDHI = 0x3C, 0x40
"""Masks of esm_class (SMPP 3.4 §5.2.12)."""
SMSC_RECEIPT, SME_ACKNOWLEDGEMENT, INTERMEDIATE_NOTIFICATION = 0x04, 0x08, 0x20
"""The first and the last are receipts, and also seen together; the second comes from a handset."""
RECEIPTED_MESSAGE_ID, NETWORK_ERROR_CODE, MESSAGE_PAYLOAD, MESSAGE_STATE = 0x001E, 0x0423, 0x0424, 0x0427
_OF_RECEIPTS = {RECEIPTED_MESSAGE_ID, NETWORK_ERROR_CODE, MESSAGE_STATE}


class Outcome(StrEnum):
    """What became of the message. The setting `stat_map` says `sent` for INTERMEDIATE."""

    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    EXPIRED = "expired"
    INTERMEDIATE = "intermediate"


_OUTCOMES: dict[Outcome, str] = {
    Outcome.DELIVERED: "DELIVRD DELIVERED",
    Outcome.EXPIRED: "EXPIRED",
    Outcome.UNDELIVERED: "UNDELIV UNDELIVERED UNDELIVERABLE DELETED REJECTD REJECTED UNKNOWN FAILED SKIPPED",
    Outcome.INTERMEDIATE: "ENROUTE ACCEPTD ACCEPTED SCHEDULED BUFFERED BUFFERD BUFFRED",
}
_OUTCOME_OF_STAT = {word: outcome for outcome, words in _OUTCOMES.items() for word in words.split()}
_OUTCOME_OF_STAT_MAP = {**{outcome.value: outcome for outcome in Outcome}, "sent": Outcome.INTERMEDIATE}

_STAT_OF_STATE = {
    1: "ENROUTE",
    2: "DELIVRD",
    3: "EXPIRED",
    4: "DELETED",
    5: "UNDELIV",
    6: "ACCEPTD",
    7: "UNKNOWN",
    8: "REJECTD",
}
"""SMPP 3.4 §5.2.28, in the words of Appendix B."""
_OUTCOME_OF_STATE = {
    **{state: _OUTCOME_OF_STAT[word] for state, word in _STAT_OF_STATE.items()},
    0: Outcome.INTERMEDIATE,
    9: Outcome.UNDELIVERED,
}
"""With SCHEDULED and SKIPPED of SMPP 5.0 §4.7.15."""

_KEY = r"(?:id|sub|dlvrd|submit[ _]?date|done[ _]?date|stat|err|text):"
# A value stands right behind its colon, or behind blanks if it cannot be taken for the next key. Some are in quotes.
_QUOTED = r""""[ \t]*[^\s"\0]*[ \t]*"|'[ \t]*[^\s'\0]*[ \t]*'"""
_VALUE = rf"{_QUOTED}|[^\s\0]+|[ \t]++(?!{_KEY}|(?:submit|done)\b)[^\s\0:]++(?!:)"
_FIELD = re.compile(rf"(?<![\w-])({_KEY})({_VALUE})?", re.IGNORECASE | re.ASCII)
_KEY_FOLLOWS = re.compile(rf"[ \t]+{_KEY}", re.IGNORECASE | re.ASCII)
_KEY_FIRST = re.compile(rf"[\s\0]*{_KEY}", re.IGNORECASE | re.ASCII)
_UCS2_DATA_CODINGS = (0x08, 0x18)


class ReceiptFormat(Protocol):
    """A provider's `receipt_format`. Each regex has one group, the value."""

    @property
    def id_regex(self) -> str | None: ...
    @property
    def stat_regex(self) -> str | None: ...
    @property
    def err_regex(self) -> str | None: ...
    @property
    def stat_map(self) -> Mapping[str, str]: ...
    @property
    def text_fallback(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt: its fields verbatim, None where the PDU had none, and what they mean.

    `stat` comes from the TLV message_state where the text has none; `id` from receipted_message_id where the text has
    none. `raw` is the text as received, `raw_hex` its octets, a user data header included. `unexplained`: its stat word
    is none that SMPP or the settings know.
    """

    outcome: Outcome
    raw: str
    raw_hex: str
    tlvs: dict[str, str] = field(default_factory=dict)
    id: str | None = None
    sub: str | None = None
    dlvrd: str | None = None
    submit_date: str | None = None
    done_date: str | None = None
    stat: str | None = None
    err: str | None = None
    text: str | None = None
    state: int | None = None
    receipted_message_id: str | None = None
    unexplained: bool = False

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids that may be the message's, verbatim, in the order to try.

        An SMSC may have named its first message `0`; where there is another id, zeros only fill a field (quirk Q7).
        """
        found = tuple(dict.fromkeys(filter(None, (self.receipted_message_id, self.id))))
        return found if len(found) < 2 else tuple(sorted(found, key=message_id.identifies, reverse=True))

    def keys(self, submit: str, receipt: str) -> tuple[str, ...]:
        """What to look for among the submit ids, in order; the two bases are those of the setting `message_id`.

        Where TLV and text carry different ids, the TLV repeats the submit_sm_resp and is in its base.
        """
        ids = self.ids
        telling = [id for id in ids if message_id.identifies(id)]
        if len({message_id.comparable(id, receipt) for id in telling}) == 2:
            bases = (submit, receipt)
        else:
            bases = (receipt, receipt)
        of_telling = (key for id, base in zip(telling, bases, strict=False) for key in message_id.keys(id, base))
        of_zeros = (key for id in ids[len(telling) :] for key in message_id.keys(id, receipt))
        return tuple(dict.fromkeys((*of_telling, *of_zeros)))

    def as_json(self) -> dict[str, Any]:
        """The object `receipt` of a result."""
        names = ("id", "sub", "dlvrd", "submit_date", "done_date", "stat", "err", "text", "state")
        present = {name: value for name in names if (value := getattr(self, name)) is not None}
        return {**present, "raw": self.raw, "raw_hex": self.raw_hex, "tlvs": self.tlvs}


def parse(
    short_message: bytes,
    esm_class: int,
    data_coding: int,
    tlvs: Sequence[tuple[int, bytes]],
    format: ReceiptFormat,
) -> Receipt | None:
    """The receipt in a deliver_sm or data_sm; None when it is a message from a handset.

    It is a receipt by esm_class, if anything in it says so too; by its TLV receipted_message_id; or, with
    `text_fallback`, by a text that begins as receipts do. What comes from a handset by its esm_class never is. Never
    raises, whatever the octets are.
    """
    kind = esm_class & MESSAGE_TYPE
    if kind == SME_ACKNOWLEDGEMENT:
        return None
    values: dict[int, bytes] = {}
    for tag, value in tlvs:
        values.setdefault(tag, value)
    octets = short_message or values.get(MESSAGE_PAYLOAD, b"")
    raw = _text_of(split_udh(octets)[1] if esm_class & UDHI else octets, data_coding)
    of_text = _fields(raw)
    fields = of_text | _by_regex(raw, format)
    if kind == SMSC_RECEIPT and not (fields.keys() & {"id", "stat"} or values.keys() & _OF_RECEIPTS):
        return None
    marked = kind & (SMSC_RECEIPT | INTERMEDIATE_NOTIFICATION)
    if not (marked or RECEIPTED_MESSAGE_ID in values or (format.text_fallback and _begins_as_receipt(raw, of_text))):
        return None

    tlv_id = values.get(RECEIPTED_MESSAGE_ID, b"").split(b"\0")[0].decode("latin-1").strip() or None
    state = _state(values.get(MESSAGE_STATE))
    word = fields.pop("stat", None)
    known = _known(word, format.stat_map)
    outcome = known or _of_state(state, format.stat_map)
    if kind == INTERMEDIATE_NOTIFICATION and outcome is not Outcome.DELIVERED:
        # The SMSC goes on trying: a failed attempt is not the end.
        outcome = Outcome.INTERMEDIATE
    return Receipt(
        outcome=outcome,
        raw=raw,
        raw_hex=octets.hex(),
        tlvs={f"0x{tag:04X}": value.hex() for tag, value in values.items()},
        id=fields.pop("id", tlv_id),
        stat=word or _STAT_OF_STATE.get(state or 0),
        state=state,
        receipted_message_id=tlv_id,
        unexplained=word is not None and known is None,
        **fields,
    )


def _state(value: bytes | None) -> int | None:
    """message_state is one octet (SMPP 3.4 §5.3.2.35); some SMSCs write a zero beside it."""
    return (value.strip(b"\0") or value)[0] if value else None


def _text_of(octets: bytes, data_coding: int) -> str:
    # Some SMSCs copy the data_coding of the message and leave the receipt in ASCII, where no octet is zero, or put the
    # octets of the message behind `text:` as they are.
    text = octets.decode("latin-1")
    if data_coding not in _UCS2_DATA_CODINGS or b"\0" not in octets or _KEY_FIRST.match(text):
        return text
    order = "utf-16-le" if octets.startswith(BOM_UTF16_LE) else "utf-16-be"
    return octets.decode(order, "replace").removeprefix("\ufeff")


def _fields(raw: str) -> dict[str, str]:
    """The fields in front of `text:`, the first of each name.

    What stands behind it is the recipient's to see and the sender's to choose, so a key in there is no field, unless
    `text:` itself is empty and the fields go on.
    """
    fields: dict[str, str] = {}
    for match in _FIELD.finditer(raw):
        name = re.sub("[ _]?date:", "_date", match[1].lower()).rstrip(":")
        value = (match[2] or "").lstrip(" \t")
        if name == "text":
            behind = match.end(1)
            if not _KEY_FOLLOWS.match(raw, behind):
                fields.setdefault("text", raw[behind:])
                break
            fields.setdefault("text", "")
        elif value:
            fields.setdefault(name, value)
    return fields


def _begins_as_receipt(raw: str, fields: Mapping[str, str]) -> bool:
    """Whether an unmarked text is a receipt: a key comes first, and id, stat and one field more are there."""
    named = fields.keys() - {"text"}
    return _KEY_FIRST.match(raw) is not None and {"id", "stat"} < named


def _by_regex(raw: str, format: ReceiptFormat) -> dict[str, str]:
    """The fields that the provider's own regexes find."""
    regexes = {"id": format.id_regex, "stat": format.stat_regex, "err": format.err_regex}
    found = {name: re.search(regex, raw) for name, regex in regexes.items() if regex}
    return {name: match[1] for name, match in found.items() if match and match[1]}


def _known(stat: str | None, stat_map: Mapping[str, str]) -> Outcome | None:
    """What a stat word means; it wins over a message_state that contradicts it."""
    if stat is None:
        return None
    own = stat_map.get(stat) or stat_map.get(stat.upper())
    return _OUTCOME_OF_STAT_MAP[own] if own is not None else _OUTCOME_OF_STAT.get(stat.upper())


def _of_state(state: int | None, stat_map: Mapping[str, str]) -> Outcome:
    """What a message_state means, where there is no word that says it; nothing final where nobody knows."""
    if state is None:
        return Outcome.INTERMEDIATE
    own = stat_map.get(str(state))
    return _OUTCOME_OF_STAT_MAP[own] if own is not None else _OUTCOME_OF_STATE.get(state, Outcome.INTERMEDIATE)
