"""The likeliest mistakes of an operator, and every word that smsd says to each: read them as a whole when one changes.

Left of the arrow what was done, right of it what is printed, or published.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from rig.daemon import provider
from rig.patience import eventually
from rig.ports import free_port
from rig.stage import Stage

ACME = "providers:\n  acme:\n    host: smpp.example.net\n"

IN_THE_FILE = {
    # a key misspelt
    ACME + "    windw: 10\n": "smsd.yaml:4:5: providers.acme.windw: unknown key; did you mean 'window'?",
    # a word misspelt
    ACME + "    bind: tranceiver\n": (
        "smsd.yaml:4:11: providers.acme.bind: must be transceiver, transmitter, receiver or split, got 'tranceiver'"
    ),
    # a preset that does not exist
    ACME + "    preset: infobib\n": ("smsd.yaml:4:13: providers.acme.preset: unknown preset; did you mean 'infobip'?"),
    # a tab
    "providers:\n\tacme:\n\t  host: h\n": "smsd.yaml:2:1: yaml: a tab; YAML is indented with blanks",
    # indented by one too few
    ACME + "   port: 2775\n": (
        "smsd.yaml:4:4: yaml: did not find expected key while parsing a block mapping; the keys of one mapping begin "
        "in the same column, and a text with ': ' or other signs of YAML's in it belongs in quotes"
    ),
    # a colon in a title
    ACME + "    title: Acme: OTP\n": (
        "smsd.yaml:4:16: yaml: mapping values are not allowed in this context; "
        "a text with ': ' or other signs of YAML's in it belongs in quotes"
    ),
    # a password that begins with a sign of YAML's
    ACME + "    password: @secret1\n": (
        "smsd.yaml:4:15: yaml: found character that cannot start any token while scanning for the next token; "
        "a text with ': ' or other signs of YAML's in it belongs in quotes"
    ),
    # a provider at the top level
    "acme:\n  host: h\n": "smsd.yaml:1:1: acme: unknown key; a provider stands under 'providers:'",
    # no host
    "providers:\n  acme:\n    port: 2775\n": "smsd.yaml:2:3: providers.acme.host: required: host, or hosts",
    # host and port in one
    "providers:\n  acme:\n    host: smpp.example.net:2775\n": (
        "smsd.yaml:3:11: providers.acme.host: "
        "must be a host name or an address, without scheme and port, got 'smpp.example.net:2775'"
    ),
    # a comma for the decimal point
    ACME + "    max_rate: 0,5\n": (
        "smsd.yaml:4:15: providers.acme.max_rate: must be a number above 0, at most 100000, or null, got '0,5'"
    ),
    # a duration without its unit
    ACME + "    submit_timeout: 30\n": (
        "smsd.yaml:4:21: providers.acme.submit_timeout: must be a duration above 0s, at most 366d: "
        "a number and its unit (ms, s, m, h, d), such as 30s, got '30'"
    ),
    # one sender without the brackets of a list
    ACME + "    senders: ACME\n": "smsd.yaml:4:14: providers.acme.senders: must be a list, got text",
    # a sender's name that is too long
    ACME + "    senders: [ACMECOMPANY1]\n": (
        "smsd.yaml:4:15: providers.acme.senders[0]: a sender's name has at most 11 characters, got 'ACMECOMPANY1'"
    ),
    # a name that routing keys can't have
    "providers:\n  Acme_1:\n    host: h\n": (
        "smsd.yaml:2:3: providers.Acme_1: a provider's name is 1 to 32 of the characters a-z, 0-9 and '-'"
    ),
    # a block copied, its name left
    ACME + "  acme:\n    host: h\n": "smsd.yaml:4:3: providers.acme: duplicate key; first in line 2",
    # a block copied, its login left
    ACME + "    system_id: a\n  beta:\n    host: smpp.example.net\n    system_id: a\n": (
        "smsd.yaml:5:3: providers.beta: same connection data as acme (smpp.example.net:2775, system_id 'a'): "
        "only one of them can be active"
    ),
    # a secret that is not there
    ACME + "    password: {file: secrets/acme}\n": (
        "smsd.yaml:4:15: providers.acme.password: can't read secrets/acme: No such file or directory"
    ),
    ACME + "    password: {env: ACME_PASSWORD}\n": (
        "smsd.yaml:4:15: providers.acme.password: the environment variable ACME_PASSWORD is not set"
    ),
    ACME + "    password: {credential: acme}\n": (
        "smsd.yaml:4:15: providers.acme.password: no credentials directory: CREDENTIALS_DIRECTORY is not set "
        "(systemd's LoadCredential= sets it)"
    ),
    # a broker without its scheme
    "broker:\n  url: localhost:5672\n": "smsd.yaml:2:8: broker.url: must be amqp://… or amqps://… with a host",
    # a zone by its city
    ACME + '    quiet_hours: {from: "22:00", to: "08:00", timezone: Moscow}\n': (
        "smsd.yaml:4:57: providers.acme.quiet_hours.timezone: must be a time zone such as Europe/Moscow, got 'Moscow'"
    ),
}
"""File → what `smsd check` says; each is refused."""

WARNED_OF = {
    ACME + "    password: secret1\n": (
        "smsd.yaml:4:15: providers.acme.password: warning: "
        "a password in plain text; better {file: …}, {env: …} or {credential: …}"
    ),
    ACME + "    password: {file: open}\n": (
        "smsd.yaml:4:15: providers.acme.password: warning: open can be read by every user; chmod o-r it"
    ),
    "http: {listen: '0.0.0.0:9108'}\n": (
        "smsd.yaml:1:16: http.listen: warning: "
        "anybody who reaches this address can read names, states and events: it asks nobody"
    ),
}
"""File → what `smsd check` says; each is good."""


def smsd(directory: Path, *arguments: str, **more: Any) -> tuple[int, str]:
    """The exit code, and what was printed on either stream."""
    command = [sys.executable, "-m", "smsd", *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "CREDENTIALS_DIRECTORY"}
    ran = subprocess.run(command, capture_output=True, text=True, cwd=directory, env=environment, check=False, **more)
    return ran.returncode, (ran.stdout + ran.stderr).rstrip("\n")


@pytest.mark.parametrize("text", IN_THE_FILE, ids=lambda text: IN_THE_FILE[text].split(": ")[1])
def test_a_mistake_in_the_file_is_told_with_its_place_and_what_to_write(text: str, tmp_path: Path) -> None:
    (tmp_path / "smsd.yaml").write_text(text)
    assert smsd(tmp_path, "check", "--config", "smsd.yaml") == (78, IN_THE_FILE[text])


def test_all_mistakes_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "smsd.yaml").write_text(ACME + "    windw: 10\n    max_rate: 0,5\n    senders: ACME\n")
    code, told = smsd(tmp_path, "run", "--config", "smsd.yaml")
    assert code == 78
    assert [line.partition(": ")[0] for line in told.splitlines()] == [
        "smsd.yaml:4:5",
        "smsd.yaml:5:15",
        "smsd.yaml:6:14",
    ]


@pytest.mark.parametrize("text", WARNED_OF, ids=lambda text: WARNED_OF[text].split(": ")[1])
def test_what_is_allowed_and_unwise_is_warned_of(text: str, tmp_path: Path) -> None:
    (tmp_path / "smsd.yaml").write_text(text)
    (tmp_path / "open").write_text("secret1")
    (tmp_path / "open").chmod(0o644)
    providers = text.count("host:")
    first = f"smsd.yaml: ok, {providers} provider{'' if providers == 1 else 's'}"
    assert smsd(tmp_path, "check", "--config", "smsd.yaml") == (0, f"{first}\n{WARNED_OF[text]}")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert smsd(tmp_path, "run", "--config", "smsd.yaml") == (
        78,
        "smsd.yaml:1:1: file: can't be read: No such file or directory\n"
        "name your configuration with --config FILE, or in SMSD_CONFIG",
    )


def test_a_name_that_is_no_provider_of_the_file_is_told_with_those_that_are_close(tmp_path: Path) -> None:
    (tmp_path / "smsd.yaml").write_text(ACME)
    for command in (("pause", "acm"), ("send", "acm", "+79000000000", "hello"), ("check", "--connect", "acm")):
        code, told = smsd(tmp_path, *command, "--config", "smsd.yaml")
        assert (code, told.splitlines()[-1]) == (2, "Error: there is no provider 'acm'; did you mean 'acme'?")


def test_a_command_that_does_not_exist_is_told_with_the_one_that_was_meant(tmp_path: Path) -> None:
    code, told = smsd(tmp_path, "statu")
    assert (code, told.splitlines()[-1]) == (2, "Error: no such command: 'statu'; did you mean 'status'?")


def test_mistakes_that_only_show_at_run_time_are_told_where_an_operator_looks(stage: Stage) -> None:
    simulator = stage.simulator("--system-id", "acme", "--password", "right")
    nobody = free_port()
    daemon = stage.daemon(
        {
            "good": provider(simulator.port, password="right", senders=["ACME"], default_region="RU"),
            "password": provider(simulator.port, system_type="other", password="wrong"),
            "nobody": provider(nobody),
            "name": provider(2775) | {"host": "smpp.invalid"},
        }
    )
    daemon.bound("good")
    crm = stage.crm

    def closed(name: str) -> str:
        """What the event says, /status, the page and `smsd status`."""
        return crm.until(lambda: next((told for told in details(name) if told.startswith("connection closed")), ""))

    def details(name: str) -> list[str]:
        return [event["detail"] for event in crm.events if event["provider"] == name]

    def rejected(key: str = "good", **fields: Any) -> str:
        detail: str = crm.final(crm.send(key=key, **fields))["detail"]
        return detail

    wait = re.compile(r"; next try in [\d.]+ s$")
    assert [wait.sub("", closed(name)) for name in ("password", "nobody", "name")] == [
        "connection closed: ESME_RINVPASWD: the password is wrong: correct `password`",
        f"connection closed: 127.0.0.1:{nobody}: Connection refused: nothing listens there; look at `host` and `port`, "
        "and ask the provider whether it lets this machine's address in",
        "connection closed: smpp.invalid can't be resolved: Name or service not known: look at `host`, "
        "and at this machine's DNS",
    ]
    assert [
        rejected(key="goood"),
        rejected(**{"from": "ACNE"}),
        rejected(to="+7 900 000 00 00 00 00 00"),
        rejected(text="Ж" * 200, max_segments=1),
        rejected(text="Ж" * 71, max_segments=1),
        rejected(text=""),
        rejected(send_after="tomorrow"),
        rejected(encoding="gsm"),
    ] == [
        "routing key: 'goood' names no provider of this smsd: correct it",
        "from: 'ACNE' is not among the provider's senders: ACME",
        "to: has 17 digits: write an international number of 5 to 15 digits, such as +79000000000",
        "text: has 200 characters, more than max_segments (1) can hold",
        "text: takes 2 segments in ucs2; max_segments is 1",
        "text: must not be empty",
        "send_after: must be a time like 2026-03-01T12:00:00Z",
        "encoding: must be auto or one of the provider's encodings (gsm7, ucs2)",
    ]


def test_a_daemon_that_can_not_start_says_why_and_what_to_do(stage: Stage) -> None:
    daemon = stage.bound(stage.simulator())

    def started_with(**settings: Any) -> tuple[int, str]:
        other = stage.directory / "other.yaml"
        other.write_text(yaml.safe_dump({"http": {"listen": ""}, "log": {"format": "json"}, **settings}))
        code, told = smsd(stage.directory, "run", "--config", str(other), timeout=20)
        return code, json.loads(told.splitlines()[-1])["detail"]

    journal = next(stage.directory.glob("journal-*.db"))
    elsewhere = {"path": str(stage.directory / "other.db")}
    assert started_with(journal={"path": str(journal)}) == (
        75,
        f"journal {journal} is held by another smsd (pid {daemon.pid}): "
        "stop that one, or give this one a journal.path of its own",
    )
    nowhere = "/proc/smsd/journal.db"
    assert started_with(journal={"path": nowhere}) == (
        75,
        f"journal {nowhere} can't be opened: No such file or directory: "
        "give smsd's user the directory, or set journal.path",
    )
    taken = f"127.0.0.1:{daemon.port}"
    assert started_with(journal=elsewhere, http={"listen": taken}) == (
        75,
        f"can't listen on {taken}: Address already in use: stop what listens there, or set http.listen",
    )


def test_a_running_smsd_is_still_asked_when_its_file_was_spoilt(stage: Stage) -> None:
    daemon = stage.bound(stage.simulator())
    daemon.file.write_text(daemon.file.read_text().replace("system_id:", "sytem_id:"))
    code, told = smsd(stage.directory, "status", "--config", str(daemon.file))
    assert code == 0
    assert "connection open" in told
    assert f"{daemon.file}:24:5: providers.p.sytem_id: unknown key; did you mean 'system_id'?" in told


def test_a_broker_that_can_not_be_had_is_told_with_the_setting_to_look_at(stage: Stage) -> None:
    gone = free_port()
    address = stage.url.rpartition("@")[2].partition("/")[0]
    refused = {
        f"amqp://guest:mistaken@{address}/%2F": (
            f"no broker: {address}: ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For "
            "details see the broker logfile.: look at the login in `broker.url`, and at `broker.password`"
        ),
        f"amqp://guest:guest@{address}/nowhere": (
            f"no broker: {address}: NOT_ALLOWED - vhost nowhere not found: "
            "look at the virtual host in `broker.url`, and at what this user may do there"
        ),
        f"amqp://guest:guest@127.0.0.1:{gone}/%2F": (
            f"no broker: 127.0.0.1:{gone}: Connection refused: is RabbitMQ running there? Look at `broker.url`"
        ),
    }
    for url, sentence in refused.items():
        daemon = stage.daemon({}, ready=False, url=url)
        eventually(lambda daemon=daemon, sentence=sentence: sentence in daemon.web("/readyz")[1])
        assert [line for line in daemon.log_lines() if "logger" in line] == []
        assert daemon.term() == 0


def test_a_file_of_the_broker_that_is_not_there_is_told_and_waited_for(stage: Stage) -> None:
    broker = {"url": f"amqps://guest:guest@127.0.0.1:{free_port()}/%2F", "tls": {"ca_file": "none.pem"}}
    daemon = stage.daemon({}, ready=False, broker=broker)
    sentence = "no broker: TLS: the files can't be used: [Errno 2] No such file or directory: look at `broker.tls`"
    eventually(lambda: sentence in daemon.web("/readyz")[1])
    assert daemon.term() == 0
