"""The list of quirks is whole: `make quirks` shows it."""

import re
from pathlib import Path

KNOWN = 51
"""Quirks of the field research; what is met later gets the next numbers."""


def test_every_quirk_has_a_test_with_its_number() -> None:
    names = [path.read_text("utf-8") for path in Path(__file__).parent.glob("test_quirks_*.py")]
    numbers = {int(number) for text in names for number in re.findall(r"def test_q(\d+)_", text)}
    assert numbers >= set(range(1, KNOWN + 1))
