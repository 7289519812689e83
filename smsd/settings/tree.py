"""YAML text → a tree in which every value is raw text and knows its place.

Built from the parser's events instead of PyYAML's nodes: scalars keep their text (`0001`, `22:30`, `no` are what they
look like), duplicate keys are seen, anchors and `<<` keep the place of what they refer to, and nesting is bounded (the
recursive composer of libyaml overruns the C stack on a file of nothing but brackets).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml
from yaml.reader import Reader

from smsd.settings.problems import SECRET_KEYS, Mark, Path, Problems
from smsd.settings.scalars import same_code

MAX_DEPTH = 20  # the models nest 5 deep
TOO_DEEP = "nested too deep"
NULLS = frozenset({"", "~", "null", "Null", "NULL"})
KNOWN_TAGS = "tag:yaml.org,2002:"
QUOTES = "a text with ': ' or other signs of YAML's in it belongs in quotes"
HINTS = {
    "mapping values are not allowed in this context": QUOTES,
    "found character that cannot start any token": QUOTES,
    "did not find expected key": f"the keys of one mapping begin in the same column, and {QUOTES}",
}
"""What people most likely meant, by the parser's complaint."""
CODED = frozenset({"errors", "tlvs"})  # their keys are numbers: 0xFE and 254 are one key

Origin = Literal["file", "defaults", "preset"]
"""Who gave a value: the provider's own keys, those of `defaults`, or a preset."""


@dataclass(slots=True)
class Place:
    """A value and where it stands: `inner` by key or index, `keys` where each key of a mapping stands.

    What comes from a preset stands where the preset is named.
    """

    mark: Mark
    value: Any = field(default=None, repr=False)  # may be a password
    inner: dict[int | str, Place] = field(default_factory=dict)
    keys: dict[int | str, Mark] = field(default_factory=dict)
    origin: Origin = "file"

    @classmethod
    def mapping(
        cls, mark: Mark, inner: dict[int | str, Place], keys: dict[int | str, Mark], origin: Origin = "file"
    ) -> Place:
        return cls(mark, {key: place.value for key, place in inner.items()}, inner, keys, origin)

    @classmethod
    def planted(cls, value: Any, mark: Mark, origin: Origin) -> Place:
        """Return a tree for a value that no file has."""
        if isinstance(value, Mapping):
            inner = {key: cls.planted(one, mark, origin) for key, one in value.items()}
            return cls.mapping(mark, inner, dict.fromkeys(inner, mark), origin)
        if isinstance(value, list):
            return cls(mark, value, {at: cls.planted(one, mark, origin) for at, one in enumerate(value)}, origin=origin)
        return cls(mark, value, origin=origin)

    def overlaid(self, own: Place, *, coded: bool = False) -> Place:
        """Return this mapping with `own` over it, section by section; a list or a secret is replaced whole."""
        base = self.inner
        if coded:
            base = {key: place for key, place in base.items() if not any(same_code(key, other) for other in own.inner)}
        inner = {**base, **own.inner}
        for key in base.keys() & own.inner.keys() - SECRET_KEYS:
            if isinstance(base[key].value, dict) and isinstance(inner[key].value, dict):
                inner[key] = base[key].overlaid(inner[key], coded=key in CODED)
        return Place.mapping(own.mark, inner, {**self.keys, **own.keys}, own.origin)


class Unreadable(Exception):
    """The text is no YAML that could be read any further."""

    def __init__(self, mark: Mark, sentence: str) -> None:
        super().__init__(sentence)
        self.mark = mark
        self.sentence = sentence


def compose(text: str, problems: Problems) -> Place:
    """Read one document; an empty one is null. What is no YAML raises Unreadable, the rest goes to `problems`."""
    strange = Reader.NON_PRINTABLE.search(text)
    if strange:
        before = text[: strange.start()].split("\n")
        mark = Mark(len(before), len(before[-1]) + 1)
        raise Unreadable(mark, f"the character U+{ord(strange.group()):04X} is not allowed")
    try:
        return _Composer(text, problems).document()
    except yaml.MarkedYAMLError as error:
        where = error.problem_mark or error.context_mark
        raise Unreadable(_mark(where) if where else Mark(1, 1), _complaint(error, text)) from None


def _complaint(error: yaml.MarkedYAMLError, text: str) -> str:
    sentence = " ".join(filter(None, (error.problem, error.context)))
    if "maximum nesting depth" in sentence:  # of libyaml's own, since PyYAML 6.0.4
        return TOO_DEEP
    if error.problem_mark is not None and _character(text, error.problem_mark) == "\t":
        return "a tab; YAML is indented with blanks"
    hint = HINTS.get(error.problem or "")
    return f"{sentence}; {hint}" if hint else sentence


def _character(text: str, mark: Any) -> str:
    line = "".join(text.split("\n")[mark.line : mark.line + 1])
    return line[mark.column : mark.column + 1]


def _mark(mark: Any) -> Mark:
    return Mark(mark.line + 1, mark.column + 1)


class _Composer:
    def __init__(self, text: str, problems: Problems) -> None:
        # Any: which kind an event is decides what it has, and the stubs know only what all have.
        self.events: Iterator[Any] = yaml.parse(text, Loader=yaml.CSafeLoader)
        self.problems = problems
        self.anchors: dict[str, Place | None] = {}  # None: still being read

    def document(self) -> Place:
        next(self.events)  # the start of the stream
        if isinstance(next(self.events), yaml.StreamEndEvent):
            return Place(Mark(1, 1))
        place = self.node(next(self.events), ())
        next(self.events)  # the end of the document
        more = next(self.events)
        if not isinstance(more, yaml.StreamEndEvent):
            raise Unreadable(_mark(more.start_mark), "the file must be one document, and a second one begins here")
        return place

    def node(self, event: Any, path: Path) -> Place:
        mark = _mark(event.start_mark)
        if len(path) > MAX_DEPTH:
            raise Unreadable(mark, TOO_DEEP)
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event, mark)
        if event.tag is not None and not event.tag.startswith(KNOWN_TAGS):
            self.problems.add(mark, path, "tags are not understood; put a text that begins with '!' in quotes")
        if event.anchor:
            self.anchors[event.anchor] = None
        if isinstance(event, yaml.ScalarEvent):
            place = Place(mark, None if event.implicit[0] and event.value in NULLS else event.value)
        elif isinstance(event, yaml.SequenceStartEvent):
            place = self.sequence(mark, path)
        else:
            place = self.mapping(mark, path)
        if path[:1] == ("defaults",):
            place.origin = "defaults"
        if event.anchor:
            self.anchors[event.anchor] = place
        return place

    def alias(self, event: Any, mark: Mark) -> Place:
        # Its name is not repeated: it may be a password that begins with '*'.
        if event.anchor not in self.anchors:
            raise Unreadable(mark, "an alias without its anchor; put a text that begins with '*' in quotes")
        place = self.anchors[event.anchor]
        if place is None:
            raise Unreadable(mark, "an alias inside the very thing it stands for")
        return place

    def sequence(self, mark: Mark, path: Path) -> Place:
        inner: dict[int | str, Place] = {}
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            inner[len(inner)] = self.node(event, (*path, len(inner)))
        return Place(mark, [place.value for place in inner.values()], inner)

    def mapping(self, mark: Mark, path: Path) -> Place:
        inner: dict[int | str, Place] = {}
        keys: dict[int | str, Mark] = {}
        merged: list[Place] = []
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            spot = _mark(event.start_mark)
            key = self.key(event, path)
            child = self.node(next(self.events), path if key is None else (*path, key))
            if key is None:
                continue
            if key in keys:
                self.problems.add(spot, (*path, key), f"duplicate key; first in line {keys[key].line}")
                continue
            keys[key] = spot
            if key == "<<" and isinstance(event, yaml.ScalarEvent) and event.implicit[0]:
                merged += self.sources(child, (*path, key))
            else:
                inner[key] = child
        for source in merged:  # of several, the first that has a key gives it (YAML's merge key)
            inner = {**source.inner, **inner}
            keys = {**source.keys, **keys}
        return Place.mapping(mark, inner, keys)

    def key(self, event: Any, path: Path) -> str | None:
        mark = _mark(event.start_mark)
        if isinstance(event, yaml.ScalarEvent) and event.anchor is None:
            return str(event.value)
        place = self.node(event, path)
        if isinstance(place.value, str):
            return place.value
        self.problems.add(mark, path, "a key must be plain text")
        return None

    def sources(self, child: Place, path: Path) -> list[Place]:
        places = list(child.inner.values()) if isinstance(child.value, list) else [child]
        for place in places:
            if not isinstance(place.value, dict):
                self.problems.add(place.mark, path, "must be a mapping, or a list of mappings")
        return [place for place in places if isinstance(place.value, dict)]
