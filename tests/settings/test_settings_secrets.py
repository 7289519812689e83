"""Passwords: where they come from, and that no sentence, repr or traceback shows one."""

import json
import os
import traceback

import pytest

from smsd.settings.model import Secret
from smsd.settings.reader import SettingsError, load, read

HIDDEN = "hunter2x"


def password(form: str):
    return read(f"providers: {{a: {{host: h, password: {form}}}}}", "f.yaml").settings.providers["a"].password.reveal()


def test_a_secret_file_is_read_without_its_last_newline(tmp_path):
    (tmp_path / "s").write_text(f"{HIDDEN}\n")
    assert password(f"{{file: {tmp_path / 's'}}}") == HIDDEN


def test_a_relative_secret_file_stands_beside_the_configuration(tmp_path):
    (tmp_path / "s").write_text(HIDDEN)
    (tmp_path / "f.yaml").write_text("broker: {password: {file: s}}\n")
    settings = load(str(tmp_path / "f.yaml")).settings
    assert settings.broker.password == Secret(HIDDEN)


def test_a_secret_is_read_from_the_environment(monkeypatch):
    monkeypatch.setenv("ACME_PASSWORD", HIDDEN)
    assert password("{env: ACME_PASSWORD}") == HIDDEN


def test_a_secret_is_read_from_the_credentials_directory(monkeypatch, tmp_path):
    (tmp_path / "acme").write_text(HIDDEN)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert password("{credential: acme}") == HIDDEN


def test_a_password_keeps_the_text_that_yaml_would_change():
    assert [password(text) for text in ("0001", "no", "22:30", "1e3")] == ["0001", "no", "22:30", "1e3"]


@pytest.mark.parametrize("form", ["", "null", "''"])
def test_no_password_is_an_empty_one(form, warnings):
    assert password(form) == ""
    assert warnings(f"providers: {{a: {{host: h, password: {form}}}}}") == []


@pytest.fixture
def refused(problems, monkeypatch):
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.delenv("NOT_SET", raising=False)
    start = "f.yaml:1:36: providers.a.password: "

    def sentence(form: str) -> str:
        (problem,) = problems(f"providers: {{a: {{host: h, password: {form}}}}}")
        assert problem.startswith(start)
        return problem.removeprefix(start)

    return sentence


def test_a_secret_that_can_not_be_had_is_a_problem_at_its_place(refused, tmp_path, monkeypatch):
    assert refused("{env: NOT_SET}") == "the environment variable NOT_SET is not set"
    assert refused(f"{{file: {tmp_path}/none}}") == f"can't read {tmp_path}/none: No such file or directory"
    assert refused(f"{{file: {tmp_path}}}") == f"can't read {tmp_path}: Is a directory"
    assert refused('{file: "a\\0b"}') == "can't read 'a\\x00b': no such name is possible"
    assert refused("{credential: acme}") == (
        "no credentials directory: CREDENTIALS_DIRECTORY is not set (systemd's LoadCredential= sets it)"
    )
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert refused("{credential: ../acme}") == "'../acme' is not the name of a credential"


def test_a_file_that_is_no_secret_is_a_problem(refused, tmp_path):
    path = tmp_path / "s"
    path.write_bytes(b"\n")
    assert refused(f"{{file: {path}}}") == f"the secret in file {path} is empty"
    path.write_bytes(b"\xff")
    assert refused(f"{{file: {path}}}") == f"{path} is not UTF-8 text"
    path.write_bytes(b"x" * 5000)
    assert refused(f"{{file: {path}}}") == f"{path} is no secret: longer than 4096 bytes"


def test_a_named_pipe_is_refused_and_not_waited_for(refused, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert refused(f"{{file: {tmp_path}/pipe}}") == f"can't read {tmp_path}/pipe: not a regular file"


@pytest.mark.parametrize("form", ["{}", "{fil: x}", "{file: a, env: b}", "{file: }", "[a]"])
def test_a_password_in_another_form_is_refused(refused, form):
    assert refused(form) == "must be {file: …}, {env: …}, {credential: …} or plain text"


@pytest.mark.parametrize("text", ["x" * 65, "пароль", '"a\\tb"'])
def test_a_password_that_smpp_can_not_carry_is_refused(refused, text):
    assert refused(text) == "must be at most 64 printable ASCII characters"


def test_a_password_in_plain_text_is_warned_about(warnings):
    assert warnings("defaults: {password: abc}\nproviders: {a: {host: a}, b: {host: b}}\n") == [
        "f.yaml:1:22: defaults.password: warning: "
        "a password in plain text; better {file: …}, {env: …} or {credential: …}"
    ]


def test_a_password_longer_than_smpp_allows_is_warned_about(warnings, tmp_path):
    (tmp_path / "s").write_text("123456789")
    (tmp_path / "s").chmod(0o600)
    assert warnings(f"providers: {{a: {{host: h, password: {{file: {tmp_path}/s}}}}}}") == [
        "f.yaml:1:36: providers.a.password: warning: "
        "longer than the 8 characters of SMPP 3.4; not every provider takes that"
    ]


def test_a_secret_file_that_everybody_can_read_is_warned_about(warnings, tmp_path):
    (tmp_path / "s").write_text("abc")
    (tmp_path / "s").chmod(0o644)
    text = f"providers: {{a: {{host: h, password: {{file: {tmp_path}/s}}}}}}"
    assert warnings(text) == [
        f"f.yaml:1:36: providers.a.password: warning: {tmp_path}/s can be read by every user; chmod o-r it"
    ]
    (tmp_path / "s").chmod(0o640)
    assert warnings(text) == []


def test_a_password_in_the_url_is_warned_about_unless_it_is_overridden_or_guest(warnings, monkeypatch):
    monkeypatch.setenv("BROKER_PASSWORD", "abc")
    url = "broker:\n  url: amqp://smsd:abc@a.example/\n"
    assert warnings(url) == [
        "f.yaml:2:8: broker.url: warning: a password in plain text; better broker.password: {file: …}"
    ]
    assert warnings(url + "  password: {env: BROKER_PASSWORD}\n") == []
    assert warnings("broker: {url: amqp://guest:guest@a.example/}") == []


def test_without_secrets_none_is_fetched():
    loaded = read("providers: {a: {host: h, password: {env: NOT_SET}}}", "f.yaml", secrets=False)
    assert loaded.settings.providers["a"].password == Secret("")


def test_nothing_that_shows_settings_shows_a_secret():
    text = (
        f"broker: {{url: amqp://u:{HIDDEN}@h/, password: {HIDDEN}}}\nproviders: {{a: {{host: h, password: {HIDDEN}}}}}"
    )
    settings = read(text, "f.yaml").settings
    shown = [repr(settings), str(settings), str(settings.model_dump()), settings.model_dump_json()]
    assert not any(HIDDEN in one for one in shown)
    assert settings.model_dump()["providers"]["a"]["password"] == "<secret>"
    assert json.loads(settings.model_dump_json())["broker"]["url"] == ["amqp://u:<secret>@h/"]
    assert f"{Secret(HIDDEN)} {Secret(HIDDEN)!r}" == "<secret> <secret>"


@pytest.mark.parametrize(
    "text",
    [
        f"broker: {{url: 'http://u:{HIDDEN}@h/'}}",
        f"broker: {{url: 'amqp://u:{HIDDEN}@[h/'}}",
        f"broker: {{url: {{amqp: '{HIDDEN}'}}}}",
        f"broker: {{password: {{{HIDDEN}}}}}",
        f"providers: {{a: {{host: h, password: {{{HIDDEN}, {HIDDEN}}}}}}}",
        f"providers: {{a: {{host: h, password: {{{HIDDEN}: {{a: 1, a: 2}}}}}}}}",
        f"providers: {{a: {{host: h, password: [{HIDDEN}]}}}}",
        f"providers: {{a: {{host: h, password: '{HIDDEN * 20}'}}}}",
        f"providers: {{a: {{host: h, password: {HIDDEN}, window: 0}}}}",
        f"providers: {{a: {{host: h, passwrd: {HIDDEN}}}}}",
        f"providers: {{a: {{host: h, password: *{HIDDEN}}}}}",
        f"providers: {{a: {{host: h, password: !{HIDDEN} }}}}",
        f"providers: {{a: {{host: h, password: '{HIDDEN}}}}}",
        f"providers: {{a: {{host: h, password: !{HIDDEN}!x y}}}}",
        f"providers:\n  a:\n    password:{HIDDEN}\n",
    ],
)
def test_no_problem_and_no_traceback_shows_a_secret(text):
    with pytest.raises(SettingsError) as caught:
        read(text, "f.yaml")
    told = "".join(traceback.format_exception(caught.value)) + str([repr(one) for one in caught.value.problems])
    assert HIDDEN not in told
