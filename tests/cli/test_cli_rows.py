"""Files of numbers: what is read, what is refused with its line, and which rows are one and the same request."""

from typing import Any

import pytest

from smsd.cli.rows import Rows, read
from smsd.settings.model import Provider

PROVIDER = Provider(name="p", hosts=[{"host": "h"}], senders=["ACME", "Shop"])


def rows(text: str | bytes, /, **common: Any) -> Rows:
    octets = text if isinstance(text, bytes) else text.encode()
    return read("f.csv", octets, PROVIDER, common)


def bodies(text: str | bytes, /, **common: Any) -> list[dict[str, Any]]:
    """The requests without ids that were made."""
    found = rows(text, **common)
    assert found.problems == []
    return [{name: value for name, value in body.items() if name != "id"} for _, body in found.requests.values()]


def problems(text: str | bytes, /, **common: Any) -> list[str]:
    found = rows(text, **common)
    return [problem.removeprefix("f.csv:") for problem in found.problems]


# --- what is read


def test_one_number_per_line_is_enough() -> None:
    assert bodies("+7 900 000 00 01\n\n79000000002\r\n", text="Hi") == [
        {"to": "+7 900 000 00 01", "text": "Hi"},
        {"to": "79000000002", "text": "Hi"},
    ]


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_columns_are_fields_of_a_request_whatever_separates_them(mark: str) -> None:
    head = ("To", "text", "from", "receipt", "max_segments")
    row = ("79000000001", "Привет", "Shop", "no", "2")
    assert bodies(f"{mark.join(head)}\n{mark.join(row)}\n") == [
        {"to": "79000000001", "text": "Привет", "from": "Shop", "receipt": False, "max_segments": 2}
    ]


def test_an_empty_field_is_as_if_it_were_not_there() -> None:
    found = bodies("to,text,from\n79000000001,,\n79000000002,Bye,Shop\n", text="Hi", **{"from": "ACME"})
    assert [(one["text"], one["from"]) for one in found] == [("Hi", "ACME"), ("Bye", "Shop")]


def test_a_quoted_text_keeps_its_commas_lines_and_spaces() -> None:
    (found,) = bodies('to,text\n79000000001," a, ""b""\nc "\n')
    assert found["text"] == ' a, "b"\nc '


def test_what_a_spreadsheet_saves_as_utf8_has_a_mark_in_front_and_is_read() -> None:
    assert bodies("\ufeffto;text\r\n79000000001;Привет\r\n".encode())[0]["text"] == "Привет"


def test_a_file_with_only_the_column_to_has_a_header() -> None:
    assert bodies("to\n79000000001\n", text="Hi") == [{"to": "79000000001", "text": "Hi"}]


# --- what is refused


def test_every_bad_line_is_told_with_its_number() -> None:
    text = (
        'to,text,receipt\n12,Hi,\n79000000002,"two\nlines",maybe\n79000000003,Hi\n\n79000000004,,\n79000000005,Hi,yes\n'
    )
    assert problems(text) == [
        "2: to: has 2 digits: write an international number of 5 to 15 digits, such as +79000000000",
        "3: receipt: must be true or false, not 'maybe'",
        "5: has 2 fields, the header has 3: put texts that hold ',' into double quotes",
        "7: text: is missing: give TEXT, or a column 'text'",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("to,txt\n79000000001,Hi\n", ["1: unknown column 'txt'; did you mean 'text'?"]),
        ("to,to\n79000000001,1\n", ["1: column 'to' is there twice"]),
        ("text\nHi\n", ["1: a header must have the column 'to'; without a header, one number per line"]),
        ("79000000001,Hi\n", ["1: begins with a number where the header should be: put a line like to,text above it"]),
        ("", ["1: no number in it"]),
        ("to,text\n", ["1: no number in it"]),
        ('to,text\n79000000001,"Hi\n', ["2: is no CSV: unexpected end of data"]),
        ("to,text\n79000000001,Привет\n".encode("cp1251"), ["2: is not UTF-8: save it as CSV in UTF-8"]),
        ("to,text,from\n79000000001,Hi,Nobody\n", ["2: from: 'Nobody' is not among the provider's senders"]),
        ("to,text,id\n79000000001,Hi,a\n79000000002,Hi,a\n", ["3: id: 'a' is that of line 2 already"]),
        ("to,text,expires_at\n79000000001,Hi,soon\n", ["2: expires_at: must be a time like 2026-03-01T12:00:00Z"]),
    ],
)
def test_what_is_wrong_is_told_in_a_sentence(text: str | bytes, told: list[str]) -> None:
    found = problems(text)
    assert len(found) == len(told)
    assert all(one.startswith(start) for one, start in zip(found, told, strict=True)), found


# --- which requests are the same


def test_the_same_file_has_the_same_ids_and_another_has_others() -> None:
    text = "79000000001\n79000000002\n"
    first, again, longer = rows(text, text="Hi"), rows(text, text="Hi"), rows(f"{text}79000000003\n", text="Hi")
    assert list(first.requests) == list(again.requests)
    assert not set(first.requests) & set(longer.requests)
    assert not set(first.requests) & set(rows(text, text="Bye").requests)


def test_within_a_campaign_only_what_is_new_in_a_file_has_new_ids() -> None:
    first = rows("79000000001\n79000000002\n", text="Hi", campaign="spring")
    longer = rows("79000000003\n79000000002\n79000000001\n", text="Hi", campaign="spring")
    assert set(first.requests) < set(longer.requests)
    assert not set(first.requests) & set(rows("79000000001\n", text="Hi", campaign="summer").requests)


def test_a_row_that_says_what_an_earlier_one_says_is_one_request_with_it() -> None:
    found = rows("to,text\n79000000001,Hi\n79000000002,Hi\n79000000001,Hi\n")
    assert (len(found.requests), found.repeated) == (2, 1)


def test_ids_of_its_own_are_kept() -> None:
    assert list(rows("to,text,id\n79000000001,Hi,a\n79000000001,Hi,b\n").requests) == ["a", "b"]
