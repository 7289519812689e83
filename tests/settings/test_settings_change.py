"""What a reload would do: every key has its class, every step its words, and no secret is in them."""

import json
import re
from pathlib import Path

import pytest

from smsd.settings.change import HOW, HOW_TOP, Change, How, change, in_force, rebinds
from smsd.settings.model import Provider, Settings
from smsd.settings.reader import read

SAMPLE = (Path(__file__).parents[2] / "config" / "smsd.yaml").read_text(encoding="utf-8")
TAGS = {How.LIVE: "[live]", How.SHOWN: "[live]", How.REBIND: "[rebind]", How.RESTART: "[restart]"}
ACME = "providers: {acme: {host: smpp1, system_id: x, password: one%s}}"


def settings(text: str) -> Settings:
    return read(text, "f.yaml").settings


def lines(old: str, new: str) -> list[str]:
    return change(settings(old), settings(new)).lines()


def of_acme(*more: str) -> list[str]:
    """What is said of provider acme when it gets these settings besides, which it had not, or other ones."""
    before, after = ("", more[0]) if len(more) == 1 else more
    return lines(*(ACME % f", {one}" if one else ACME % "" for one in (before, after)))


def tags_of_sample() -> dict[str, str]:
    """By key of a provider, and by section at the top: how the comments before it say that a change is applied."""
    found: dict[str, str] = {}
    section = tag = ""
    for line in SAMPLE.splitlines():
        if comment := re.match(r"\s*#(.*)", line):
            tag = next(iter(re.findall(r"\[[a-z ]+\]", comment[1])[-1:]), tag)
        elif key := re.match(r"( *)(\w+):", line):
            indent, name = len(key[1]), key[2]
            if indent == 0:
                section = name
            found.setdefault(f"{section}.{name}" if indent == 2 else name, tag) if indent else found.update({name: tag})
    return found


def test_every_key_has_its_class() -> None:
    assert set(HOW) == set(Provider.model_fields) - {"name"}
    assert set(HOW_TOP) == set(Settings.model_fields) - {"providers"}


@pytest.mark.parametrize("key", [key for key in HOW if key not in ("hosts", "preset")])
def test_the_sample_says_of_a_providers_key_how_its_change_is_applied(key: str) -> None:
    assert tags_of_sample()[key] == TAGS[HOW[key]]


@pytest.mark.parametrize("section", ["broker", "journal", "http", "log", "node", "stop_timeout", "lease", "routes"])
def test_the_sample_says_of_the_top_level_how_its_change_is_applied(section: str) -> None:
    tags = tags_of_sample()
    inside = {tag for key, tag in tags.items() if key.startswith(f"{section}.")} or {tags[section]}
    assert inside == {TAGS[HOW_TOP[section]]}


def test_the_same_settings_are_no_change() -> None:
    same = settings(ACME % "")
    found = change(same, settings(ACME % ""))
    assert (bool(found), found.lines(), found.summary()) == (False, [], "nothing has changed")


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("max_rate: 10", "max_rate: 0.5", "in place acme: max_rate 10 -> 0.5"),
        ("", "max_rate: 10", "in place acme: max_rate null -> 10"),
        ("", "retries: {max_age: 90m}", "in place acme: retries.max_age 1h -> 90m"),
        ("", "senders: [A, B]", 'in place acme: senders [] -> ["A", "B"]'),
        ("", "errors: {'0xFE': retry}", "in place acme: errors.0xFE null -> retry"),
        ("", "receipts: false", "in place acme: receipts true -> false"),
        ("title: A", "title: B", "no effect acme: title A -> B"),
        ("", "version: '5.0', window: 5", "rebind acme: version 3.4 -> 5.0, window 10 -> 5"),
        ("", "tls: true", "rebind acme: tls false -> true"),
        ("tls: true", "tls: {verify: false}", "rebind acme: tls.verify true -> false"),
        ("", "tls: {verify: false}", 'rebind acme: tls false -> {"verify": false}'),
        ("", "active: false", "deactivate acme: drains and unbinds; its queues stay, unread"),
        ("active: false", "window: 5", "activate acme: smpp1:2775, system_id x; window 10 -> 5"),
        ("active: false", "active: false, port: 1", "no effect acme: port 2775 -> 1; not active"),
    ],
)
def test_a_provider_that_changes(before: str, after: str, told: str) -> None:
    assert of_acme(before, after) == [told]


def test_hosts_are_told_as_they_are_written() -> None:
    one, two = "providers: {a: {host: x}}", "providers: {a: {hosts: [{host: x}, {host: y, port: 1}]}}"
    assert lines(one, two) == ["rebind a: hosts x:2775 -> x:2775, y:1"]
    assert lines(one, "providers: {a: {host: y, port: 1}}") == ["rebind a: host x -> y, port 2775 -> 1"]


def test_providers_come_and_go_and_another_name_is_another_provider() -> None:
    assert lines("providers: {a: {host: x}}", "providers: {b: {host: x, system_id: s}}") == [
        "remove a: drains and unbinds; its queues stay, unread",
        "add b: x:2775, system_id s",
    ]
    assert lines("providers: {a: {host: x, active: false}}", "providers: {b: {host: x, active: false}}") == [
        "remove a: was not active; its queues stay",
        "add b: x:2775, system_id (none); not active",
    ]


def test_what_defaults_and_presets_give_counts_for_each_provider() -> None:
    assert lines("providers: {a: {host: x}}", "{defaults: {window: 5}, providers: {a: {host: x}}}") == [
        "in place a: window 10 -> 5"
    ]
    (told,) = lines("providers: {a: {host: x}}", "providers: {a: {host: x, preset: vibes}}")
    assert told.startswith("in place a: source_ton auto -> 0, ")
    assert told.endswith("long_messages udh -> payload, preset null -> vibes")


def test_the_top_level_is_applied_in_place_or_named_as_needing_a_restart() -> None:
    new = """
    broker: {url: ['amqp://a/', 'amqp://b/'], prefix: other}
    journal: {keep: 8d, durability: process}
    http: {listen: ''}
    log: {level: debug}
    node: there
    stop_timeout: 10s
    """
    assert lines("", new) == [
        'in place: http.listen 127.0.0.1:9108 -> ""',
        "in place: log.level info -> debug",
        "in place: stop_timeout 30s -> 10s",
        'needs a restart: broker.url ["amqp://guest:<secret>@127.0.0.1:5672/%2F"] -> ["amqp://a/", "amqp://b/"]',
        "needs a restart: broker.prefix sms -> other",
        "needs a restart: journal.durability power -> process",
        "needs a restart: journal.keep 7d -> 8d",
        "needs a restart: node null -> there",
    ]


def test_what_needs_a_restart_stays_in_force_and_is_named_every_time() -> None:
    old, new = settings("log: {level: info}"), settings("{log: {level: debug}, journal: {path: other.db}, node: x}")
    now = in_force(old, new)
    assert (now.log.level, now.journal, now.node) == ("debug", old.journal, None)
    assert change(now, new).lines() == [
        "needs a restart: journal.path /var/lib/smsd/journal.db -> other.db",
        "needs a restart: node null -> x",
    ]


def test_no_secret_is_shown() -> None:
    old = "broker: {url: 'amqp://a:alpha@h/', password: bravo}\nproviders: {p: {host: x, password: charlie}}"
    new = "broker: {url: 'amqp://a:delta@h/', password: echo}\nproviders: {p: {host: x, password: foxtrot}}"
    found = change(settings(old), settings(new))
    assert found.lines() == [
        "rebind p: password (changed)",
        "needs a restart: broker.url (changed)",
        "needs a restart: broker.password (changed)",
    ]
    told = json.dumps(found.as_json()) + repr(found)
    assert not any(secret in told for secret in ("alpha", "bravo", "charlie", "delta", "echo", "foxtrot"))


def test_a_thousand_steps_are_told_in_one_line() -> None:
    old = "providers: {" + ", ".join(f"p{n}: {{host: h{n}}}" for n in range(1000)) + "}"
    found = change(settings(old), settings("log: {level: debug}\nnode: x\n" + old.replace("}", ", window: 5}", 999)))
    assert found.summary() == "in place 999, in place: log.level, needs a restart: node"


def test_a_bind_is_made_anew_for_what_it_says_and_for_nothing_else() -> None:
    provider = settings(ACME % "").providers["acme"]
    asks = {key for key, how in HOW.items() if how is How.REBIND}
    other = {"hosts": (), "tls": 1, "password": None}
    found = {key for key in HOW if rebinds(provider, provider.model_copy(update={key: other.get(key, "another")}))}
    assert found == asks


def test_an_empty_change_is_false() -> None:
    assert not Change()
