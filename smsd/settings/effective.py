"""The settings in force, and where each comes from: the file, its `defaults`, a preset, or what is built in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from smsd.settings.model import Provider
from smsd.settings.problems import Path, dotted
from smsd.settings.scalars import same_code
from smsd.settings.tree import CODED, Origin, Place


class Setting(NamedTuple):
    """One setting of a provider: `value` as JSON has it, durations and codes as the file would, secrets hidden."""

    path: str
    value: Any
    origin: Origin | Literal["built-in"]
    line: int | None
    """Where it is written, or its preset named, counted from 1; None for what is built in."""


def settings_of(provider: Provider, place: Place) -> list[Setting]:
    """Return every setting of a provider that was read from `place`."""
    values = provider.model_dump(mode="json", by_alias=True, exclude={"name"})
    values["tls"] = values["tls"] or False
    if "hosts" not in place.inner:
        (only,) = values.pop("hosts")
        values = only | values
    return list(_leaves(values, place, ()))


def _leaves(value: Any, place: Place | None, path: Path) -> Iterator[Setting]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, _inside(place, key, coded=bool(CODED.intersection(path))), (*path, key))
    elif place is None:
        yield Setting(dotted(path), value, "built-in", None)
    else:
        yield Setting(dotted(path), value, place.origin, place.mark.line)


def _inside(place: Place | None, key: str, *, coded: bool) -> Place | None:
    """Return where the value of a key is written; a word such as `tls: true` stands for all that is inside."""
    if place is None or not isinstance(place.value, dict):
        return place
    if coded:
        return next((inner for other, inner in place.inner.items() if same_code(key, other)), None)
    return place.inner.get(key)
