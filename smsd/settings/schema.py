"""The JSON Schema of a configuration as it is written: for editors, and for the words of the reader's problems.

`python -m smsd.settings.schema > config/smsd.schema.json`
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from smsd.settings.model import Settings
from smsd.settings.scalars import DURATION, in_units

Fragment = dict[str, Any]

SOURCES = ("file", "env", "credential")
SECRET: Fragment = {
    "writeOnly": True,
    "errorMessage": "must be {file: …}, {env: …}, {credential: …} or plain text",
    "anyOf": [
        {"type": ["string", "null"]},
        *(
            {
                "type": "object",
                "properties": {one: {"type": "string"}},
                "required": [one],
                "additionalProperties": False,
            }
            for one in SOURCES
        ),
    ],
}


@cache
def schema() -> Fragment:
    """Return the schema of the whole file. It is one object for all callers: read it, don't change it."""
    whole = Settings.model_json_schema()
    sections: Fragment = whole["$defs"]
    for section in (whole, *sections.values()):
        section.pop("title")
        section["properties"] = {key: _as_written(field) for key, field in section["properties"].items()}
        if "required" not in section:
            section["type"] = ["object", "null"]
    _write_broker(sections["Broker"]["properties"])
    _write_provider(sections)
    whole["properties"]["defaults"] = {"$ref": "#/$defs/Provider"}
    whole["properties"]["providers"] |= {"type": ["object", "null"], "propertyNames": {"pattern": "^[a-z0-9-]{1,32}$"}}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "smsd.yaml", **whole}


def _write_broker(keys: Fragment) -> None:
    nodes = keys["url"]
    url = nodes["items"]
    keys["url"] = {**url, "type": ["string", "array"], **{key: nodes[key] for key in ("items", "minItems")}}
    keys["url"]["default"] = nodes["default"][0]
    keys["password"] = SECRET


def _write_provider(sections: Fragment) -> None:
    """Give a provider the keys that the models see in another form: `host`, `port`, secrets, `tls: true`."""
    section = sections["Provider"]
    keys = section["properties"]
    del keys["name"]
    # Either of host and hosts may come from `defaults`, so neither can be required where it is missing.
    del section["required"]
    section["type"] = ["object", "null"]
    keys |= sections["Host"]["properties"]
    keys["tls"] = {"anyOf": [{"type": "boolean"}, {"$ref": "#/$defs/Tls"}], "default": False}
    keys["password"] = SECRET


def _as_written(field: Fragment) -> Fragment:
    """Drop what only the models need, and write bounds and defaults as one would in YAML."""
    field.pop("title", None)
    if "$ref" in field:
        return {"$ref": field["$ref"]}  # the section's own keys have their defaults
    for fragment in (field, *field.get("anyOf", ())):
        for bound, keyword in (("ge", "minimum"), ("le", "maximum")):
            if bound in fragment:
                fragment[keyword] = fragment.pop(bound)
        default = field.get("default")
        if fragment.get("pattern") == DURATION and default is not None:
            field["default"] = in_units(default)
        elif fragment.get("items", {}).get("pattern") == DURATION:
            field["default"] = [in_units(one) for one in default or ()]
    return field


if __name__ == "__main__":
    print(json.dumps(schema(), indent=2, ensure_ascii=False))
