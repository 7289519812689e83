"""What a value must be, in words: made from the schema that editors read, so that both always say the same."""

from __future__ import annotations

import difflib
from typing import Any

from smsd.settings.problems import Path
from smsd.settings.schema import Fragment, schema

LONGEST_SHOWN = 60


def fragment_at(path: Path) -> Fragment:
    """Return the part of the schema that a path of keys and indexes leads to; {} where it says nothing."""
    here = schema()
    for step in path:
        here = next((found for one in alternatives(here) if (found := _inside(one, step)) is not None), {})
    return here


def alternatives(fragment: Fragment) -> list[Fragment]:
    """Return the fragments of which a value must meet one, references followed."""
    if "$ref" in fragment:
        return [schema()["$defs"][fragment["$ref"].rpartition("/")[2]]]
    return [inner for one in fragment["anyOf"] for inner in alternatives(one)] if "anyOf" in fragment else [fragment]


def _inside(fragment: Fragment, step: int | str) -> Fragment | None:
    if isinstance(step, int):
        found = fragment.get("items")
    elif step in fragment.get("properties", {}):
        found = fragment["properties"][step]
    else:
        found = fragment.get("additionalProperties") or next(iter(fragment.get("patternProperties", {}).values()), None)
    return found if isinstance(found, dict) else None


def must_be(fragment: Fragment, value: Any) -> str:
    """Say what the fragment asks for and what it got: never a secret, nor a text where a mapping should stand."""
    wanted = dict.fromkeys(map(_wanted, [fragment] if "errorMessage" in fragment else alternatives(fragment)))
    sentence = f"must be {', or '.join(wanted)}"
    hidden = any(one.get("writeOnly") for one in (fragment, *alternatives(fragment)))
    return sentence if hidden else f"{sentence}, got {_got(fragment, value)}"


def _wanted(fragment: Fragment) -> str:
    kinds = fragment.get("type", ())
    kind = kinds if isinstance(kinds, str) else next(iter(kinds), "")
    if "errorMessage" in fragment:
        return str(fragment["errorMessage"]).removeprefix("must be ")
    if "enum" in fragment:
        return f"{', '.join(fragment['enum'][:-1])} or {fragment['enum'][-1]}"
    if "const" in fragment:
        return str(fragment["const"])
    if kind in ("integer", "number"):
        return _number(fragment, "a whole number" if kind == "integer" else "a number")
    if kind == "array":
        return "a list with at least one item" if fragment.get("minItems") else "a list"
    if kind == "string" and "maxLength" in fragment:
        return f"text of 1 to {fragment['maxLength']} characters"
    words = {"string": "text", "boolean": "true or false", "null": "null", "object": "a mapping"}
    return words.get(kind, "something else")


def _number(fragment: Fragment, noun: str) -> str:
    if "minimum" in fragment:
        return f"{noun} from {fragment['minimum']} to {fragment['maximum']}"
    return f"{noun} above {fragment['exclusiveMinimum']}, at most {fragment['maximum']}"


def _got(fragment: Fragment, value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    if all(one.get("type") in ("array", "object", ["object", "null"]) for one in alternatives(fragment)):
        return "text"  # it may well be a misplaced `password:…`
    text = str(value)
    return repr(text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…")


def unknown_key(key: str, section: Fragment) -> str:
    known = [name for one in alternatives(section) for name in one.get("properties", {})]
    close = difflib.get_close_matches(key, known, 1)
    return f"unknown key; did you mean {close[0]!r}?" if close else "unknown key"
