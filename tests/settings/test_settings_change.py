"""What leads from one configuration to another: each key's way, and the words for it."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from smsd.cli import main
from smsd.settings.change import HOW, HOW_TOP, change, in_force
from smsd.settings.model import Provider, Settings
from smsd.settings.reader import read

ACME: dict[str, Any] = {"host": "smpp1.example.net", "system_id": "acme", "password": "secret1", "max_rate": 10}


def settings(providers: dict[str, dict[str, Any]], **top: Any) -> Settings:
    return read(yaml.safe_dump({"providers": providers, **top}), "f.yaml").settings


def told(old: dict[str, Any] | None, new: dict[str, Any] | None) -> list[str]:
    """What becomes of `acme`; None where it is not in the file."""
    return change(*(settings({} if one is None else {"acme": one}) for one in (old, new))).lines()


def test_every_key_of_a_provider_and_of_the_top_level_has_its_way() -> None:
    assert HOW.keys() == Provider.model_fields.keys() - {"name"}
    assert HOW_TOP.keys() == Settings.model_fields.keys() - {"providers"}


def test_the_same_file_changes_nothing() -> None:
    assert told(ACME, ACME) == []
    assert not change(settings({"acme": ACME}), settings({"acme": ACME}))


@pytest.mark.parametrize(
    ("different", "line"),
    [
        ({"host": "smpp2.example.net"}, "rebind acme: host smpp1.example.net -> smpp2.example.net"),
        ({"port": 2776}, "rebind acme: port 2775 -> 2776"),
        ({"password": "secret2"}, "rebind acme: password (changed)"),
        ({"tls": True}, "rebind acme: tls false -> true"),
        ({"bind": "split"}, "rebind acme: bind transceiver -> split"),
        ({"max_rate": 20}, "in place acme: max_rate 10 -> 20"),
        ({"max_rate": 0.5, "window": 20}, "in place acme: max_rate 10 -> 0.5, window 10 -> 20"),
        ({"senders": ["ACME"]}, 'in place acme: senders [] -> ["ACME"]'),
        ({"retries": {"max_age": "2h"}}, "in place acme: retries.max_age 1h -> 2h"),
        ({"title": "Acme"}, "no effect acme: title acme -> Acme"),
        ({"active": False}, "deactivate acme: drains and unbinds; its queues stay, unread"),
        ({"max_rate": 20, "system_id": "b"}, "rebind acme: system_id acme -> b, max_rate 10 -> 20"),
    ],
)
def test_each_difference_is_told_with_what_it_asks_for(different: dict[str, Any], line: str) -> None:
    assert told(ACME, {**ACME, **different}) == [line]


def test_a_provider_that_is_new_gone_or_active_again_is_told() -> None:
    added = "smpp1.example.net:2775, system_id acme"
    assert told(None, ACME) == [f"add acme: {added}"]
    assert told(ACME, None) == ["remove acme: drains and unbinds; its queues stay, unread"]
    assert told({**ACME, "active": False}, ACME) == [f"activate acme: {added}"]
    assert told({**ACME, "active": False}, {**ACME, "active": False, "window": 5}) == [
        "no effect acme: window 10 -> 5; not active"
    ]


def test_another_name_is_another_provider() -> None:
    found = change(settings({"acme": ACME}), settings({"acme-2": ACME}))
    assert [line.split(":")[0] for line in found.lines()] == ["remove acme", "add acme-2"]


def test_what_needs_a_restart_is_named_and_stays_as_it_was() -> None:
    old = settings({}, journal={"path": "/a"}, log={"level": "info"})
    new = settings({}, journal={"path": "/b"}, log={"level": "debug"}, broker={"url": "amqp://u:secret3@h/"})
    found = change(old, new)
    assert found.lines()[0] == "in place: log.level info -> debug"
    assert "needs a restart: journal.path /a -> /b" in found.lines()
    assert any(line.startswith("needs a restart: broker.url") for line in found.lines())
    assert "secret3" not in str(found)
    counts = in_force(old, new)
    assert (counts.journal.path, counts.log.level, counts.broker) == ("/a", "debug", old.broker)


def diff(tmp_path: Path, old: dict[str, Any], new: Any, *options: str) -> Result:
    for name, providers in (("old.yaml", old), ("new.yaml", new)):
        text = yaml.safe_dump({"providers": providers})
        (tmp_path / name).write_text(text if isinstance(providers, dict) else providers)
    return CliRunner().invoke(
        main, ["diff", str(tmp_path / "new.yaml"), "--config", str(tmp_path / "old.yaml"), *options]
    )


def test_diff_tells_what_a_reload_would_do(tmp_path: Path) -> None:
    changed = {**ACME, "password": "secret2", "max_rate": 20}
    shown = diff(tmp_path, {"acme": ACME}, {"acme": changed, "beta": {"host": "h", "active": False}})
    assert shown.exit_code == 0
    assert shown.stdout.splitlines() == [
        "rebind acme: password (changed), max_rate 10 -> 20",
        "add beta: h:2775, system_id (none); not active",
    ]
    assert "secret" not in shown.output
    assert diff(tmp_path, {"acme": ACME}, {"acme": ACME}).stdout == "nothing would change\n"
    as_json = json.loads(diff(tmp_path, {"acme": ACME}, {"acme": changed}, "--json").stdout)
    assert as_json["changes"] == ["rebind acme: password (changed), max_rate 10 -> 20"]
    assert as_json["providers"][0]["step"] == "rebind"


def test_diff_with_a_bad_file_tells_its_problems(tmp_path: Path) -> None:
    shown = diff(tmp_path, {"acme": ACME}, "providers:\n  acme:\n    host: h\n    windw: 1\n")
    told = f"{tmp_path / 'new.yaml'}:4:5: providers.acme.windw: unknown key; did you mean 'window'?"
    assert (shown.exit_code, shown.stdout, shown.stderr) == (78, "", f"{told}\n")
    as_json = diff(tmp_path, {"acme": ACME}, "a: b: c\n", "--json")
    assert (as_json.exit_code, json.loads(as_json.stdout)["ok"]) == (78, False)
