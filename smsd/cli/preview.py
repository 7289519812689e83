"""`smsd preview`: what a text becomes before it is paid for: encoding, segments, octets, and what made it dear."""

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import click

from smsd.cli.options import check_provider, config_option, json_option, load_or_exit, providers_named
from smsd.core import text as texts
from smsd.core.concat import UDH_OCTETS
from smsd.core.errors import ContractError
from smsd.core.plain import replacements
from smsd.core.typography import split_short


class _Encoding(NamedTuple):
    name: str
    data_coding: int
    flash_data_coding: int | None = None
    septets: bool = False


class _Terms(NamedTuple):
    """What a provider's settings say about texts; the defaults are those of the settings."""

    encodings: Sequence[texts.Encoding] = (_Encoding(texts.GSM7, 0x00), _Encoding(texts.UCS2, 0x08))
    encoding: str = "auto"
    long_messages: str = "udh"
    max_segments: int = texts.MAX_SEGMENTS
    typography: str = "keep"

    def split(self, text: str) -> texts.Split:
        return texts.split(
            text,
            self.encodings,
            forced=self.encoding,
            flash=False,
            long_messages=self.long_messages,
            max_segments=self.max_segments,
        )

    def split_short(self, text: str, *, simplify: bool | None = None) -> tuple[texts.Split, bool]:
        """As the provider's typography says, or as `simplify` does."""
        return split_short(text, self.split, simplify=self.typography == "simplify" if simplify is None else simplify)

    def only(self, name: str) -> "_Terms":
        """The same with that encoding only."""
        return self._replace(encodings=(_Encoding(name, 0x00),), encoding="auto")


_UNITS = {texts.GSM7: ("septets", 1), texts.UCS2: ("UTF-16 units", 2)}


@click.command(
    short_help="Show what a text becomes: encoding, segments, octets.",
    epilog="Examples: smsd preview 'Ваш код 4815'; smsd preview --provider acme \"$(cat text)\" --json",
)
@click.argument("text")
@click.option(
    "--provider",
    metavar="P",
    shell_complete=providers_named,
    help="As provider P would send it; else in GSM 7-bit or UCS-2, split by UDH.",
)
@json_option
@config_option
def preview(text: str, provider: str | None, as_json: bool, config: str) -> None:
    """Show the encoding, the segments and the octets of TEXT, and the character that forced UCS-2.

    Exit code 1 if TEXT cannot be sent at all.
    """
    terms = _Terms() if provider is None else _terms_of(provider, config)
    try:
        facts = _facts(text, terms)
    except ContractError as error:
        click.echo(json.dumps({"reason": error.reason, "detail": str(error)}) if as_json else str(error), err=True)
        sys.exit(1)
    click.echo(json.dumps(facts, ensure_ascii=False) if as_json else _told(facts))


def _terms_of(name: str, config: str) -> _Terms:
    settings = load_or_exit(config, secrets=False)
    check_provider(name, settings)
    found = settings.providers[name]
    return _Terms(found.encodings, found.encoding, found.long_messages, found.max_segments, found.typography)


def _facts(text: str, terms: _Terms) -> dict[str, Any]:
    split, changed = terms.split_short(text)
    unit, width = _unit(split, terms)
    total, taken = len(split.segments), len(split.elements)
    header = UDH_OCTETS[terms.long_messages] + taken if total > 1 else taken and taken + 1
    room = texts.room(texts.GSM7 if unit == "septets" else split.encoding, texts.USER_DATA_OCTETS - header) // width
    septets = unit == "septets"
    lengths = [_septets(segment, split) if septets else len(segment) // width for segment in split.segments]
    return {
        "encoding": split.encoding,
        "data_coding": split.data_coding,
        "segments": total,
        "unit": unit,
        "used": sum(lengths),
        "left": room - lengths[-1],
        "lengths": lengths,
        "octets": sum(_on_the_air(septets, length * width, header) for length in lengths),
        "text_changed": changed,
        "forced_by": _forced_by(text),
        "typography": None if changed else _typography(text, total, terms),
        "national": _national(text, total, terms),
        "plain": _plain(text, total, terms),
    }


def _unit(split: texts.Split, terms: _Terms) -> tuple[str, int]:
    counted_as_gsm = any(one.name == split.encoding and one.septets for one in terms.encodings)
    if counted_as_gsm or split.encoding in texts.NATIONAL:
        return _UNITS[texts.GSM7]
    return _UNITS.get(split.encoding, ("octets", 1))


def _septets(segment: bytes, split: texts.Split) -> int:
    """Of an 8-bit charset that the SMSC sends as GSM 7-bit, an octet may be two septets."""
    if split.encoding == texts.GSM7 or split.encoding in texts.NATIONAL:
        return len(segment)
    return len(texts.encode(texts.decode(segment, split.encoding), texts.GSM7))


def _typography(text: str, segments: int, terms: _Terms) -> dict[str, Any] | None:
    """What `typography: simplify` would save."""
    split, changed = terms.split_short(text, simplify=True)
    if not changed:
        return None
    return {"encoding": split.encoding, "saves": segments - len(split.segments)}


def _national(text: str, segments: int, terms: _Terms) -> dict[str, Any] | None:
    """The encoding with national tables that would save most, if any does."""
    found = {}
    for name in (one for one in sorted(texts.NATIONAL) if one not in {own.name for own in terms.encodings}):
        with suppress(ContractError):
            found[name] = len(terms.only(name).split_short(text)[0].segments)
    best = min(found, key=lambda name: found[name], default=None)
    if best is None or found[best] >= segments or terms.long_messages not in ("udh", "udh16"):
        return None
    return {"encoding": best, "saves": segments - found[best]}


def _on_the_air(septets: bool, octets: int, header: int) -> int:
    """Octets of user data that a segment of so many octets takes, at most 140: septets are packed on the air."""
    if not septets:
        return header + octets
    return -(-(-(-header * 8 // 7) + octets) * 7 // 8)  # the header in whole septets (3GPP TS 23.040 §9.2.3.24)


def _forced_by(text: str) -> dict[str, Any] | None:
    found = texts.why_not_gsm7(text)
    if found is None:
        return None
    position, character = found
    return {"position": position + 1, "character": character, "name": texts.character_name(character)}


def _plain(text: str, segments: int, terms: _Terms) -> dict[str, Any] | None:
    replace = replacements(text)
    if not replace:
        return None
    plain = "".join(replace.get(character, character) for character in text)
    try:
        split = terms.split(plain)
    except ContractError:
        return None
    saves = segments - len(split.segments)
    return {"replace": replace, "text": plain, "encoding": split.encoding, "saves": saves}


def _told(facts: Mapping[str, Any]) -> str:
    lines = [
        f"encoding   {facts['encoding']}, data_coding {facts['data_coding']}",
        f"segments   {facts['segments']}",
        f"used       {facts['used']} {facts['unit']}, {facts['left']} left in the last segment",
        f"octets     {facts['octets']} on the air, headers included; a segment has {texts.USER_DATA_OCTETS}",
    ]
    if forced := facts["forced_by"]:
        lines.append(f"forced by  {forced['name']}, character {forced['position']}")
    if facts["text_changed"]:
        lines.append("typography simplified: quotes, dashes, blanks, ellipses are sent as plain ones")
    if simpler := facts["typography"]:
        lines.append(
            f"simplify   typography: simplify would save segments: {simpler['saves']}, in {simpler['encoding']}"
        )
    if national := facts["national"]:
        lines.append(f"national   {national['encoding']} in encodings would save segments: {national['saves']}")
    if plain := facts["plain"]:
        pairs = ", ".join(f"«{old}» → «{new}»" for old, new in plain["replace"].items())
        lines.append(f"instead    {pairs}: {plain['encoding']}, saves segments: {plain['saves']}")
    return "\n".join(lines)
