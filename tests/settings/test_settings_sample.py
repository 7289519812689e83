"""config/smsd.yaml is the reference: it lists every key with its true default; the schema knows the same keys."""

import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from smsd.settings.model import Provider, Settings
from smsd.settings.reader import load
from smsd.settings.schema import schema

CONFIG = Path(__file__).parents[2] / "config"
SAMPLE = CONFIG / "smsd.yaml"
WRITTEN = yaml.safe_load(SAMPLE.read_text(encoding="utf-8"))
NOT_DEFAULTS = {"title", "hosts", "system_id", "password", "senders", "max_rate"}


def missing_keys(written, fragment, path=""):
    """Keys that the schema knows, and a mapping of the sample does not have."""
    if "$ref" in fragment:
        fragment = schema()["$defs"][fragment["$ref"].rpartition("/")[2]]
    if not isinstance(written, dict):
        return []
    known = fragment.get("properties", {})
    missing = [f"{path}{key}" for key in known if key not in written]
    for key, value in written.items():
        missing += missing_keys(value, known.get(key) or fragment.get("additionalProperties", {}), f"{path}{key}.")
    return missing


def test_the_sample_lists_every_key():
    assert missing_keys(WRITTEN | {"defaults": None}, schema()) == ["providers.beeline.hosts"]


def test_the_sample_loads_without_a_warning():
    assert load(str(SAMPLE), secrets=False).warnings == []


@pytest.mark.parametrize("key", [key for key in Settings.model_fields if key != "providers"])
def test_every_top_level_value_of_the_sample_is_the_default(key):
    assert getattr(load(str(SAMPLE), secrets=False).settings, key) == getattr(Settings(), key)


@pytest.mark.parametrize("key", [key for key in Provider.model_fields if key not in NOT_DEFAULTS])
def test_every_value_of_the_sample_provider_is_the_default(key):
    sample = load(str(SAMPLE), secrets=False).settings.providers["beeline"]
    assert getattr(sample, key) == getattr(Provider.model_validate({"name": "beeline", "hosts": [{"host": "h"}]}), key)


def test_the_exceptions_of_the_sample_have_these_defaults():
    bare = Provider.model_validate({"name": "bare", "hosts": [{"host": "h"}]})
    assert (bare.title, bare.system_id, bare.password.reveal(), bare.senders, bare.max_rate) == (
        "bare",
        "",
        "",
        (),
        None,
    )


def test_a_copy_of_the_sample_works_once_its_secret_is_there(tmp_path):
    (tmp_path / "secret").write_text("abc\n")
    (tmp_path / "secret").chmod(0o600)
    copy = tmp_path / "smsd.yaml"
    copy.write_text(SAMPLE.read_text("utf-8").replace("/etc/smsd/secrets/beeline", "secret"), "utf-8")
    loaded = load(str(copy))
    assert loaded.warnings == []
    assert loaded.settings.providers["beeline"].password.reveal() == "abc"


def test_the_schema_file_is_up_to_date():
    assert json.loads((CONFIG / "smsd.schema.json").read_text("utf-8")) == schema()


def test_the_sample_is_valid_by_the_schema_that_its_first_line_names():
    assert SAMPLE.read_text("utf-8").splitlines()[0] == "# yaml-language-server: $schema=smsd.schema.json"
    Draft202012Validator.check_schema(schema())
    Draft202012Validator(schema()).validate(WRITTEN)


@pytest.mark.parametrize(
    "text",
    [
        "providers: {a: {hosts: [{host: h, port: 1}], tls: {verify: false}, password: {env: A}, max_rate: 0.5}}",
        "providers: {a: {host: h, password: plain, errors: {'0xFE': retry}, tlvs: {'0x1401': '0a'}}}",
        "broker: {url: [amqp://a.example, amqp://b.example], password: {file: /f}, tls: null}",
        "defaults: {port: 2775, source_ton: 5}\nproviders: {a: {host: h}}\nlease: {grace: null}",
        "providers: {a: {host: h, quiet_hours: {from: '22:00', to: '08:00', timezone: UTC}}}",
        "broker:\nproviders:\n",
    ],
)
def test_the_schema_accepts_what_the_reader_accepts(text):
    assert list(Draft202012Validator(schema()).iter_errors(yaml.safe_load(text))) == []


@pytest.mark.parametrize(
    "text",
    [
        "brokr: {}",
        "providers: {a: {windw: 5}}",
        "providers: {a: {window: 0}}",
        "providers: {a: {submit_timeout: 60}}",
        "providers: {a: {name: a}}",
        "providers: {A_: {}}",
        "providers: {a: {password: {file: a, env: b}}}",
        "providers: {a: {encodings: [{name: gsm7, data_coding: 256}]}}",
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(text):
    assert list(Draft202012Validator(schema()).iter_errors(yaml.safe_load(text))) != []
