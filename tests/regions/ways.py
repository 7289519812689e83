"""Mobile numbers of a region, made from its numbering plan, and the ways in which people write one."""

import random
import re._constants as grammar
import re._parser as parser
from collections.abc import Iterator
from typing import Any

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumber, PhoneNumberFormat, PhoneNumberType

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)

_MOBILE = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)


def mobiles(region: str, count: int, seed: int) -> list[PhoneNumber]:
    """At most `count` different mobile numbers of the region, the same ones for the same seed; some plans have fewer,
    some have none."""
    plan = PhoneMetadata.metadata_for_region(region)
    if not plan.mobile or not plan.mobile.national_number_pattern:
        return []
    pattern = parser.parse(plan.mobile.national_number_pattern)
    draw = random.Random(f"{region} {seed}")
    found: dict[str, PhoneNumber] = {}
    for _ in range(20 * count):
        if len(found) == count:
            break
        number = phonenumbers.parse(f"+{plan.country_code}{_made(pattern, draw)}")
        if phonenumbers.is_valid_number_for_region(number, region) and phonenumbers.number_type(number) in _MOBILE:
            found[international(number)] = number
    return list(found.values())


def _made(pattern: Any, draw: random.Random) -> str:
    """A text that matches; numbering plans are written with digits, sets, groups, choices and repeats."""
    made = ""
    for kind, what in pattern:
        if kind is grammar.LITERAL:
            made += chr(what)
        elif kind is grammar.IN:
            made += draw.choice([digit for digit in "0123456789" if _is_in(digit, what)])
        elif kind is grammar.SUBPATTERN:
            made += _made(what[3], draw)
        elif kind is grammar.BRANCH:
            made += _made(draw.choice(what[1]), draw)
        elif kind is grammar.MAX_REPEAT:
            least, most, repeated = what
            made += "".join(_made(repeated, draw) for _ in range(draw.randint(least, most)))
        else:
            raise NotImplementedError(f"{kind} in a numbering plan")
    return made


def _is_in(digit: str, choices: Any) -> bool:
    for kind, what in choices:
        if kind is grammar.LITERAL and ord(digit) == what:
            return True
        if kind is grammar.RANGE and what[0] <= ord(digit) <= what[1]:
            return True
        if kind is grammar.CATEGORY and what is grammar.CATEGORY_DIGIT:
            return True
    return False


def international(number: PhoneNumber) -> str:
    """Its digits with the country's code."""
    return f"{number.country_code}{phonenumbers.national_significant_number(number)}"


def written(number: PhoneNumber, region: str) -> Iterator[tuple[str, str]]:
    """The ways to write it, by name; only the first tells nothing of the region."""
    plan = PhoneMetadata.metadata_for_region(region)
    digits = international(number)
    yield "plus", f"+{digits}"
    yield "digits", digits
    yield "dialled 00", f"00{digits}"
    abroad = (plan.preferred_international_prefix or plan.international_prefix or "").replace("~", "")
    if abroad.isdigit():
        yield "dialled as there", f"{abroad}{digits}"
    national = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
    yield "national", phonenumbers.normalize_digits_only(national)
    yield "national with blanks", national
    abroad_with_blanks = phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
    yield "international with blanks", abroad_with_blanks
    if plan.national_prefix == "0":
        code, _, rest = abroad_with_blanks.partition(" ")
        yield "plus (0)", f"{code} (0){rest}"
        yield "00 (0)", f"00 {code[1:]} (0) {rest}"
