"""Addresses: recipients as people write them, senders as the provider allows them, their TON and NPI in the PDU.

A number travels inside smsd as its digits in international form, without `+`.
"""

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from smsd.core import numbering
from smsd.core.errors import ContractError
from smsd.settings.model import LONGEST_NAME, LONGEST_NUMBER

SHORTEST, LONGEST = 5, 15
"""Digits of a recipient: short codes, and the bound of E.164 §6.2."""

TON_UNKNOWN, TON_INTERNATIONAL, TON_NETWORK_SPECIFIC, TON_ALPHANUMERIC = 0, 1, 3, 5
NPI_UNKNOWN, NPI_E164 = 0, 1

_SHORT_NUMBER_DIGITS = 8
_SHORT_CODE_DIGITS = 6
"""The most that pass where the numbering plans are asked: old national numbers have seven and eight."""

_MASK_ENDS, _MASK_HIDES = 4, 3

# Numbers pasted from a web page or an address book come with blanks that nobody sees: no-break, zero-width, direction.
_BLANKS = "".join(
    chr(code)
    for first, last in [
        (0x0009, 0x000D),
        (0x0020, 0x0020),
        (0x00A0, 0x00A0),
        (0x00AD, 0x00AD),
        (0x2000, 0x200F),
        (0x2028, 0x202F),
        (0x205F, 0x2069),
        (0x3000, 0x3000),
        (0xFEFF, 0xFEFF),
    ]
    for code in range(first, last + 1)
)
_DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
_STRIPPED = str.maketrans("", "", "+()[]{}" + _BLANKS + _DASHES)
_BRACKETED_ZERO = re.compile(rf"[0-9][^0-9]*?([(\[{{][{_BLANKS}]*0[{_BLANKS}]*[)\]}}])")
"""`(0)` with digits before it, the code of a country."""

Type = int | Literal["auto"]
"""A TON or an NPI (SMPP 3.4 §5.2.5, §5.2.6), or the rule of `ton_npi`."""


class Address(NamedTuple):
    """An address as the three fields of a PDU say it."""

    ton: int
    npi: int
    addr: bytes


def recipient(to: str, *, default_region: str | None = None) -> str:
    """The 5–15 digits of `to` in international form. Raises ContractError `bad-number`.

    `00` in front is a prefix, no other number begins with 0, and a `(0)` behind a country's code is left out as whoever
    calls from abroad leaves it out. With `default_region` (`RU`) a number without `+` may also be national there, or
    dialled abroad from there; what is none of these by the numbering plans is refused, short codes aside.
    """
    digits = to
    if not (digits.isascii() and digits.isdigit()):
        digits = to.translate(_STRIPPED)
        if not (digits.isascii() and digits.isdigit()):
            raise _bad_number(_foreign(digits))
    bracketed = digits is not to and ("(" in to or "[" in to or "{" in to)
    if default_region is None and not bracketed and digits[0] != "0" and SHORTEST <= len(digits) <= LONGEST:
        return digits  # most of them
    zero = _BRACKETED_ZERO.search(to) if bracketed else None
    without_zero = f"{to[: zero.start(1)]}{to[zero.end(1) :]}".translate(_STRIPPED) if zero else None
    try:
        if default_region is not None and "+" not in to:
            digits = _of_region(digits, default_region, without_zero)
        else:
            digits = _as_written(digits, default_region, without_zero)
    except numbering.Ambiguous:
        raise _bad_number("may be either of two numbers", ", with its `+` and without (0)") from None
    if digits.startswith("0"):
        raise _bad_number("begins with 0, as no country's code does", ", or set `default_region`")
    if not SHORTEST <= len(digits) <= LONGEST:
        raise _bad_number(f"has {len(digits)} digits")
    return digits


def _as_written(digits: str, region: str | None, without_zero: str | None) -> str:
    digits = digits.removeprefix(numbering.DIALLED_ABROAD)
    if without_zero is not None:
        return numbering.without_bracketed_zero(digits, without_zero.removeprefix(numbering.DIALLED_ABROAD))
    return digits if region is None else numbering.without_trunk_zero(digits)


def _of_region(digits: str, region: str, without_zero: str | None) -> str:
    number = numbering.from_region(digits, region, without_zero)
    if number is not None:
        return number
    if SHORTEST <= len(digits) <= _SHORT_CODE_DIGITS and not digits.startswith("0"):
        return digits
    raise _bad_number(f"is neither a number of {region} nor an international one", ", with its `+`")


def sender(requested: str | None, senders: Sequence[str]) -> str:
    """The sender to use, as the provider's list `senders` writes it; "" leaves it to the provider.

    Without a list it may be any that a PDU can carry: a name over 11 characters, or a number over 15 digits, is none
    (as in the settings, SMPP 3.4 §5.2.8). Numbers are compared without their `+`. Raises ContractError
    `sender-not-allowed`.
    """
    if not requested:
        return senders[0] if senders else ""
    if requested in senders:
        return requested
    number = requested.removeprefix("+")
    if not senders:
        if len(number) > LONGEST_NUMBER if _is_number(number) else len(requested) > LONGEST_NAME:
            bounds = f"a name of at most {LONGEST_NAME} characters, or a number of at most {LONGEST_NUMBER} digits"
            raise _not_allowed(f"{requested!r} is too long: a sender is {bounds}")
        return requested
    if _is_number(number):
        for allowed in senders:
            if allowed.removeprefix("+") == number:
                return allowed
    raise _not_allowed(f"{requested!r} is not among the provider's senders: {', '.join(senders)}")


def source(sender: str, ton: Type, npi: Type) -> Address:
    """The source address of a submit_sm. Raises ContractError `sender-not-allowed` for what no PDU can carry."""
    try:
        addr = sender.encode("latin-1")
    except UnicodeEncodeError as error:
        raise _not_allowed(f"{sender[error.start]!r} cannot be part of a sender: use Latin letters") from None
    if b"\0" in addr:
        raise _not_allowed("a sender cannot contain U+0000")
    return Address(*ton_npi(sender, ton, npi), addr)


def destination(number: str, ton: Type, npi: Type, number_format: str) -> Address:
    """The destination address of a submit_sm: the digits, behind a `+` when `number_format` is `plus`."""
    written = f"+{number}" if number_format == "plus" else number
    return Address(*ton_npi(number, ton, npi), written.encode("ascii"))


def ton_npi(address: str, ton: Type = "auto", npi: Type = "auto") -> tuple[int, int]:
    """TON and NPI; `auto`: nothing 0/0, a name 5/0, up to 8 digits 3/0 (a short code), a longer or `+` number 1/1."""
    auto_ton, auto_npi = _by_look(address)
    return (auto_ton if ton == "auto" else ton), (auto_npi if npi == "auto" else npi)


def mask(address: str) -> str:
    """`+7900***0001`: enough of a number to recognise it in a log, too little to write to it."""
    bare = address.removeprefix("+")
    shown = max(0, min(_MASK_ENDS, (len(bare) - _MASK_HIDES) // 2))
    sign = "+" if _is_number(bare) else ""
    return f"{sign}{bare[:shown]}***{bare[len(bare) - shown :]}"


def _by_look(address: str) -> tuple[int, int]:
    if not address:
        return TON_UNKNOWN, NPI_UNKNOWN
    if not _is_number(address.removeprefix("+")):
        return TON_ALPHANUMERIC, NPI_UNKNOWN
    if len(address) <= _SHORT_NUMBER_DIGITS and address[0] != "+":
        return TON_NETWORK_SPECIFIC, NPI_UNKNOWN
    return TON_INTERNATIONAL, NPI_E164


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _foreign(digits: str) -> str:
    for character in digits:
        if not _is_number(character):
            return f"contains {character!a}"
    return "contains no digits"


def _bad_number(found: str, more: str = "") -> ContractError:
    digits = f"an international number of {SHORTEST} to {LONGEST} digits, such as +79000000000"
    return ContractError("to", f"{found}: write {digits}{more}", "bad-number")


def _not_allowed(sentence: str) -> ContractError:
    return ContractError("from", sentence, "sender-not-allowed")


COMPARED = 7
"""Last digits that two forms of one number have in common."""


def tail(address: str) -> str:
    """What the national and the international form of a number have in common; "" for a name, which is nobody's."""
    digits = address.removeprefix("+")
    return digits[-COMPARED:] if digits.isascii() and digits.isdigit() else ""
