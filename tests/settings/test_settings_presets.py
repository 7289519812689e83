"""`preset`: it fills what the file leaves out, and nothing else; `smsd check --show` tells what comes from where."""

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from smsd.cli import main
from smsd.settings.effective import Setting
from smsd.settings.model import Encoding, Provider
from smsd.settings.presets import PRESETS
from smsd.settings.reader import read
from smsd.settings.schema import schema

CONFIG = Path(__file__).parents[2] / "config"


def provider(text: str, name: str = "p") -> Provider:
    return read(text, "f.yaml").settings.providers[name]


def shown(text: str, name: str = "p") -> dict[str, Setting]:
    return {setting.path: setting for setting in read(text, "f.yaml").effective()[name]}


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_a_good_provider_without_a_warning(name, warnings):
    text = f"providers: {{p: {{preset: {name}, host: a}}}}"
    assert warnings(text) == []
    assert provider(text).preset == name
    assert list(Draft202012Validator(schema()).iter_errors(yaml.safe_load(text))) == []


@pytest.mark.parametrize("name", PRESETS)
def test_no_preset_says_who_or_where_you_are(name):
    assert PRESETS[name].keys() & {"host", "hosts", "system_id", "password", "senders", "title", "receipts"} == set()


@pytest.mark.parametrize("name", PRESETS)
def test_every_value_of_a_preset_is_shown_as_its_own(name):
    settings = shown(f"providers: {{p: {{preset: {name}, host: a}}}}")
    from_preset = {path.partition(".")[0] for path, setting in settings.items() if setting.origin == "preset"}
    assert from_preset == PRESETS[name].keys()


def test_the_reference_names_every_preset():
    text = (CONFIG / "smsd.yaml").read_text("utf-8")
    named = text[text.index("# What a provider's public documentation says") : text.index("preset: null")]
    assert [name for name in PRESETS if name not in named] == []


def test_the_provider_wins_over_defaults_and_those_over_the_preset():
    infobip = "preset: infobip, host: a"
    assert provider(f"providers: {{p: {{{infobip}}}}}").hosts[0].port == 8887
    assert provider(f"defaults: {{port: 1}}\nproviders: {{p: {{{infobip}}}}}").hosts[0].port == 1
    assert provider(f"defaults: {{port: 1}}\nproviders: {{p: {{{infobip}, port: 2}}}}").hosts[0].port == 2


def test_a_section_is_filled_key_by_key_and_a_list_replaced_whole():
    own = "enquire_link: {timeout: 5s}, encodings: [{name: ucs2, data_coding: 8}]"
    found = provider(f"providers: {{p: {{preset: webcom, host: a, {own}}}}}")
    assert (found.enquire_link.interval, found.enquire_link.timeout) == (60.0, 5.0)
    assert found.encodings == (Encoding(name="ucs2", data_coding=8),)


@pytest.mark.parametrize("spelling", ["0x410", "0X410", "1040"])
def test_a_status_of_the_preset_is_overridden_however_it_is_spelt(spelling):
    found = provider(f"providers: {{p: {{preset: bulksms, host: a, errors: {{{spelling}: retry, 0x500: throttle}}}}}}")
    assert found.errors == {0x410: "retry", 0x412: "no_credit", 0x500: "throttle"}


def test_tls_of_the_preset_can_be_refined_and_turned_off():
    assert provider("providers: {p: {preset: sinch, host: a}}").tls is not None
    refined = provider("providers: {p: {preset: sinch, host: a, tls: {ca_file: /ca}}}").tls
    assert refined is not None
    assert (refined.ca_file, refined.verify) == ("/ca", True)
    assert provider("providers: {p: {preset: sinch, host: a, tls: false, port: 1}}").tls is None


def test_every_host_without_a_port_has_that_of_the_preset():
    found = provider("providers: {p: {preset: gatewayapi, hosts: [{host: a}, {host: b, port: 1}]}}")
    assert [(one.host, one.port) for one in found.hosts] == [("a", 8775), ("b", 1)]


def test_a_preset_of_the_defaults_is_everybodys_until_a_provider_has_its_own_or_none():
    text = (
        "defaults: {preset: vonage, host: a}\nproviders: {p: {}, q: {system_id: q, preset: null}, r: {preset: sinch}}"
    )
    rates = [provider(text, name).max_rate for name in "pqr"]
    assert rates == [30.0, None, 10.0]


def test_an_encoding_of_the_preset_can_be_chosen_by_the_file():
    assert provider("providers: {p: {preset: webcom, host: a, encoding: latin1}}").encoding == "latin1"
    assert provider("defaults: {preset: webcom, encoding: latin1}\nproviders: {p: {host: a}}").encoding == "latin1"


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("infobib", "unknown preset; did you mean 'infobip'?"),
        ("GatewayAPI", "unknown preset; did you mean 'gatewayapi'?"),
        ("acme", f"must be one of {', '.join(PRESETS)}"),
        ("[sinch]", f"must be {', '.join([*PRESETS][:-1])} or {[*PRESETS][-1]}, or null, got a list"),
    ],
)
def test_an_unknown_preset_is_a_problem_where_it_is_named(problems, value, sentence):
    assert problems(f"providers:\n  p:\n    host: a\n    preset: {value}\n") == [
        f"f.yaml:4:13: providers.p.preset: {sentence}"
    ]


def test_an_unknown_preset_of_the_defaults_is_told_once(problems):
    text = "defaults: {preset: sinsh}\nproviders: {p: {host: a}, q: {host: b}}"
    assert problems(text) == ["f.yaml:1:20: defaults.preset: unknown preset; did you mean 'sinch'?"]


def test_a_clash_with_the_preset_is_told_where_the_file_has_its_part(problems):
    text = "providers:\n  p:\n    {host: a, preset: webcom,\n    encoding: cp1251}"
    assert problems(text) == [
        "f.yaml:4:15: providers.p.encoding: must be one of encodings (auto, gsm7, ucs2, latin1), got 'cp1251'"
    ]


FROM_EVERYWHERE = """\
defaults:
  retries: {max_age: 90m}
  errors: {"0x500": retry}
providers:
  p:
    preset: bulksms
    host: smpp.example.net
    system_id: acme
    password: {env: SMSD_TEST_PASSWORD}
    errors: {1040: permanent}
    quiet_hours: {from: 22:00, to: 08:00, timezone: UTC}
    tlvs: {0x1401: 0A1b}
  q:
    hosts: [{host: a}, {host: b, port: 5}]
    tls: true
    preset: null
"""


@pytest.fixture
def settings(monkeypatch):
    monkeypatch.setenv("SMSD_TEST_PASSWORD", "hush")
    return shown(FROM_EVERYWHERE)


@pytest.mark.parametrize(
    ("path", "value", "origin", "line"),
    [
        ("title", "p", "built-in", None),
        ("host", "smpp.example.net", "file", 7),
        ("port", 3550, "preset", 6),
        ("tls.verify", True, "preset", 6),
        ("system_id", "acme", "file", 8),
        ("password", "<secret>", "file", 9),
        ("retries.max_age", "90m", "defaults", 2),
        ("retries.delays", ["5s", "15s", "1m", "5m"], "built-in", None),
        ("errors.0x410", "permanent", "file", 10),
        ("errors.0x412", "no_credit", "preset", 6),
        ("errors.0x500", "retry", "defaults", 3),
        ("quiet_hours.from", "22:00", "file", 11),
        ("quiet_hours.applies_to", ["normal", "bulk"], "built-in", None),
        ("tlvs.0x1401", "0a1b", "file", 12),
        ("deliver_fail_status", "0x14", "built-in", None),
        ("max_rate", None, "built-in", None),
    ],
)
def test_each_setting_in_force_is_told_with_its_origin(settings, path, value, origin, line):
    assert settings[path] == Setting(path, value, origin, line)


def test_a_list_of_hosts_is_told_with_the_ports_in_force(monkeypatch):
    monkeypatch.setenv("SMSD_TEST_PASSWORD", "hush")
    settings = shown(FROM_EVERYWHERE, "q")
    assert settings["hosts"].value == [{"host": "a", "port": 2775}, {"host": "b", "port": 5}]
    assert (settings["tls.verify"].value, settings["tls.verify"].line) == (True, 15)
    assert settings["preset"] == Setting("preset", None, "file", 16)


def test_what_is_in_force_is_what_the_file_could_have_said(settings):
    """Every key is there, and writing all of it down gives the same provider."""
    written: dict = {}
    for path, value, _, _ in settings.values():
        *sections, key = path.split(".")
        here = written
        for section in sections:
            here = here.setdefault(section, {})
        here[key] = value
    written["password"] = {"env": "SMSD_TEST_PASSWORD"}
    again = read(json.dumps({"providers": {"p": written}}), "again.json").settings.providers["p"]
    assert again == read(FROM_EVERYWHERE, "f.yaml").settings.providers["p"]


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SMSD_TEST_PASSWORD", "hush")
    (tmp_path / "f.yaml").write_text(FROM_EVERYWHERE)
    return lambda *arguments: CliRunner().invoke(main, ["check", "--config", "f.yaml", *arguments])


def test_show_prints_them_for_people(run):
    result = run("--show")
    lines = result.stdout.splitlines()
    assert (result.exit_code, lines[:3]) == (0, ["f.yaml: ok, 2 providers", "", "p"])
    assert [line.split() for line in lines if line.startswith(("  port ", "  password "))] == [
        ["port", "preset", "bulksms", "3550"],
        ["password", "file,", "line", "9", "<secret>"],
        ["password", "built-in", "<secret>"],
    ]
    assert "hush" not in result.output


def test_show_prints_them_as_json(run):
    result = run("--show", "--json")
    settings = json.loads(result.stdout)["settings"]
    assert list(settings) == ["p", "q"]
    assert settings["p"]["port"] == {"value": 3550, "from": "preset", "line": 6}
    assert settings["q"]["window"] == {"value": 10, "from": "built-in", "line": None}
    assert "hush" not in result.output


def test_without_show_no_settings_are_printed(run):
    assert "settings" not in json.loads(run("--json").stdout)
    assert run().stdout == "f.yaml: ok, 2 providers\n"
