"""Numbering plans: what a number that somebody wrote means, by the plans of all countries (E.164, libphonenumber).

A number is digits in international form. Loading the plans takes a while: those who don't need them don't wait for it.
"""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

DIALLED_ABROAD = "00"
"""What most countries dial before a country's code, and what is written in front of it everywhere."""


class Reading(NamedTuple):
    """One meaning of what somebody wrote, valid by the plan of its country."""

    number: str
    country_code: int
    mobile: bool
    """Or one of those plans that do not tell."""


class Ambiguous(ValueError):
    """Two numbers could be meant."""


def from_region(digits: str, region: str, without_zero: str | None = None) -> str | None:
    """What `digits` without a `+` mean to somebody in `region`; None if it is no number.

    `without_zero` are the digits without a bracketed zero. A number of the region comes before a foreign one, and one
    that can get an SMS before one that can't. Raises Ambiguous where that does not decide.
    """
    national = _read(digits, region)
    if national is not None and (national.number == digits or (national.mobile and not _may_be_more(digits, national))):
        return national.number
    international = {read for each in (digits, without_zero) if each and (read := _international(each)) is not None}
    others = [read for read in international if national is None or read.number != national.number]
    if national is None:
        return _the_only(others)
    own = [read for read in others if read.mobile and read.country_code == _country_code(region)]
    if national.mobile and (same := _without_first_zero(digits, national)) is not None:
        own.append(same)
    if national.mobile and national.country_code == _country_code(region):
        return _the_only([national, *own])
    if own:
        return _the_only(own)
    return _the_only([national, *(read for read in others if read.mobile)])


def without_bracketed_zero(digits: str, without_zero: str) -> str:
    """The number that was written with `(0)` behind its country's code; some countries keep that zero.

    Raises Ambiguous where both are numbers.
    """
    kept, dropped = _international(digits), _international(without_zero)
    if kept is None or kept.number != digits:
        return without_zero
    if dropped is None:
        return digits
    raise Ambiguous


def without_trunk_zero(digits: str) -> str:
    """International digits without a 0 behind the country's code that its plan does not have there."""
    read = _international(digits)
    return digits if read is None else read.number


def _the_only(readings: list[Reading]) -> str | None:
    numbers = {read.number for read in readings}
    if len(numbers) > 1:
        raise Ambiguous
    return numbers.pop() if numbers else None


def _may_be_more(digits: str, national: Reading) -> bool:
    """Whether they begin as another number does that may be meant."""
    code = str(national.country_code)
    keeps_zero = digits.startswith("0") and national.number == code + digits
    return keeps_zero or digits.startswith((code, DIALLED_ABROAD))


def _without_first_zero(digits: str, national: Reading) -> Reading | None:
    """The mobile number to which a 0 in front is a trunk prefix, where `national` has taken it for a part of it."""
    code = str(national.country_code)
    if not digits.startswith("0") or national.number != code + digits:
        return None
    read = _read(f"+{code}{digits[1:]}", None)
    return read if read is not None and read.mobile and read.number == code + digits[1:] else None


def _international(digits: str) -> Reading | None:
    """The number behind `00` or nothing, its plan's trunk zero left out, in no other way changed."""
    whole = digits.removeprefix(DIALLED_ABROAD)
    if whole.startswith("0") or (read := _read("+" + whole, None)) is None:
        return None
    code = str(read.country_code)
    return read if whole in (read.number, f"{code}0{read.number.removeprefix(code)}") else None


def _read(written: str, region: str | None) -> Reading | None:
    import phonenumbers

    try:
        number = phonenumbers.parse(written, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return Reading(_digits(number), number.country_code or 0, _is_mobile(number))


def _digits(number: "PhoneNumber") -> str:
    import phonenumbers

    return f"{number.country_code}{phonenumbers.national_significant_number(number)}"


def _is_mobile(number: "PhoneNumber") -> bool:
    import phonenumbers

    kinds = phonenumbers.PhoneNumberType
    return phonenumbers.number_type(number) in (kinds.MOBILE, kinds.FIXED_LINE_OR_MOBILE)


def _country_code(region: str) -> int:
    import phonenumbers

    code: int = phonenumbers.country_code_for_region(region)
    return code
