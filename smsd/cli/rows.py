"""A file of numbers, read and checked as a whole before anything of it is sent.

Either CSV with a header (`,`, `;` or tab), whose columns are fields of a request, or one number per line.
"""

import csv
import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from smsd.cli.options import suggestion
from smsd.core.compose import Composer
from smsd.core.contract import dumps, read_request, result_id
from smsd.core.errors import ContractError
from smsd.settings.model import Provider

Body = dict[str, Any]


def _switch(value: str) -> bool:
    """Raises KeyError."""
    return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[value.lower()]


KINDS: dict[str, Callable[[str], Any]] = {"flash": _switch, "receipt": _switch, "max_segments": int}
"""Of fields that are no strings."""

TEXTS = ("to", "text", "id", "from", "campaign", "encoding", "expires_at", "send_after", "on_uncertain")
COLUMNS = (*TEXTS, *KINDS)


@dataclass
class Rows:
    """What a file holds: requests by their id, each with its line, and what is wrong, as `FILE:line: sentence`."""

    file: str
    requests: dict[str, tuple[int, Body]] = field(default_factory=dict)
    repeated: int = 0
    """Rows that say what an earlier one says."""
    problems: list[str] = field(default_factory=list)

    def complain(self, line: int, sentence: str) -> None:
        self.problems.append(f"{self.file}:{line}: {sentence}")


def read(file: str, octets: bytes, provider: Provider, common: Body) -> Rows:
    """The requests of a file for a provider; `common` is what each row gets that does not say otherwise.

    A row without an id of its own gets one made from its campaign (without one: from all of the file) and from what it
    says, so that the same row of the same campaign, or the same file, is the same request each time.
    """
    rows = Rows(file)
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        rows.complain(octets[: error.start].count(b"\n") + 1, "is not UTF-8: save it as CSV in UTF-8")
        return rows
    composer = Composer(provider, 0)
    digest = hashlib.sha256(octets).hexdigest()
    for line, cells in _bodies(text, rows):
        body = {**common, **cells}
        if "text" not in body:
            rows.complain(line, "text: is missing: give TEXT, or a column 'text'")
            continue
        if "id" not in body:
            said = [f"{name}={value}" for name, value in sorted(body.items()) if name != "campaign"]
            body["id"] = result_id("row", body.get("campaign") or digest, *said)
        try:
            composer.compose(read_request(dumps(body), None))
        except ContractError as error:
            rows.complain(line, f"{error.field}: {error.sentence}")
            continue
        before, same = rows.requests.setdefault(body["id"], (line, body))
        if before == line:
            continue
        if same != body:
            rows.complain(line, f"id: {body['id']!r} is that of line {before} already")
        else:
            rows.repeated += 1
    if not rows.requests and not rows.problems:
        rows.complain(1, "no number in it")
    return rows


def _bodies(text: str, rows: Rows) -> Iterator[tuple[int, Body]]:
    """Yields each row's own fields and its line; what can't be read is a problem."""
    first = text.lstrip().partition("\n")[0]
    if any(character.isdigit() for character in first) and not any(mark in first for mark in ",;\t"):
        for line, number in enumerate(text.splitlines(), 1):
            if number.strip():
                yield line, {"to": number.strip()}
        return
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns: list[str] = []
    ended = 0
    try:
        for cells in reader:
            line, ended = ended + 1, reader.line_num
            if not any(map(str.strip, cells)):
                continue
            if not columns:
                columns = _header(cells, line, rows)
                if rows.problems:
                    return
            elif len(cells) != len(columns):
                counted = f"has {len(cells)} fields, the header has {len(columns)}"
                rows.complain(line, f"{counted}: put texts that hold {delimiter!r} into double quotes")
            else:
                yield from _body(line, dict(zip(columns, cells, strict=True)), rows)
    except csv.Error as error:
        rows.complain(ended + 1, f"is no CSV: {error}")


def _header(cells: list[str], line: int, rows: Rows) -> list[str]:
    columns = [cell.strip().lower() for cell in cells]
    if columns[0].lstrip("+").replace(" ", "").isdecimal():
        rows.complain(line, "begins with a number where the header should be: put a line like to,text above it")
        return columns
    for at, name in enumerate(columns):
        if name not in COLUMNS:
            rows.complain(line, f"unknown column {name!r}{suggestion(name, COLUMNS)}")
        elif name in columns[:at]:
            rows.complain(line, f"column {name!r} is there twice")
    if "to" not in columns:
        rows.complain(line, "a header must have the column 'to'; without a header, one number per line")
    return columns


def _body(line: int, cells: dict[str, str], rows: Rows) -> Iterator[tuple[int, Body]]:
    """Yields one row, if its switches and numbers can be read; an empty field is as if it were not there."""
    body: Body = {}
    for name, value in cells.items():
        stripped = value.strip()
        if not stripped:
            continue
        try:
            body[name] = KINDS.get(name, str)(stripped)
        except (KeyError, ValueError):
            wanted = "true or false" if KINDS[name] is _switch else "a whole number"
            rows.complain(line, f"{name}: must be {wanted}, not {stripped!r}")
            return
    if "text" in body:
        body["text"] = cells["text"]  # with its own spaces
    yield line, body
