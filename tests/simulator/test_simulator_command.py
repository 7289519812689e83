"""`smsd simulator` as a process of its own."""

import asyncio
import json
import re
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from esme import Esme, close_all

RUN = [sys.executable, "-c", "from smsd.cli.simulator import simulator; simulator()"]
ANY = ["--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"]


@contextmanager
def running(*options: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The process and its SMPP port; killed in the end, should it still be there."""
    process = subprocess.Popen([*RUN, *ANY, *options], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process:
        try:
            line = process.stdout.readline()
            found = re.fullmatch(r"listening on 127\.0\.0\.1:(\d+), control on http://127\.0\.0\.1:\d+\n", line)
            assert found is not None, line
            yield process, int(found[1])
        finally:
            process.kill()


def certificate(directory: Path) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1, and its key."""
    cert, key = directory / "cert.pem", directory / "key.pem"
    new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=smsc.example"]
    subprocess.run(
        [*new, "-addext", "subjectAltName=IP:127.0.0.1", "-out", cert, "-keyout", key], check=True, capture_output=True
    )
    return cert, key


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_0_when_asked_to(number: signal.Signals) -> None:
    with running() as (process, _):
        process.send_signal(number)
        assert process.wait(10) == 0


def test_options_rules_and_log_come_together(tmp_path: Path) -> None:
    rules, log = tmp_path / "rules.yaml", tmp_path / "log.jsonl"
    rules.write_text('name: "file"\nerrors:\n- {to: "5$", status: 0x0A}\n')

    async def scene(port: int) -> tuple[int, str, list[int]]:
        refused = await (await Esme.connect(port)).bind(password="wrong")
        esme = await Esme.connect(port)
        bound = await esme.bind(password="secret")
        statuses = [(await esme.submitted(destination_addr=to)).status for to in (b"75", b"70007", b"71")]
        await close_all()
        return refused.status, bound.text("system_id"), statuses

    options = ["--rules", str(rules), "--log", str(log), "--system-id", "acme", "--password", "secret", "--magic"]
    with running(*options) as (process, port):
        assert asyncio.run(scene(port)) == (0x0E, "file", [0x0A, 0x0B, 0])
        process.terminate()
        process.wait(10)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["text"] for line in lines if line["event"] == "submit"] == ["hello"] * 3
    assert {"connected", "bind_refused", "bound", "closed"} <= {line["event"] for line in lines}


def test_it_speaks_tls(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)

    async def scene(port: int) -> int:
        esme = await Esme.connect(port, ssl.create_default_context(cafile=cert))
        status = (await esme.bind()).status
        await close_all()
        return status

    with running("--tls-cert", str(cert), "--tls-key", str(key)) as (_, port):
        assert asyncio.run(scene(port)) == 0


def test_wrong_rules_are_told_without_the_values_and_end_with_78(tmp_path: Path) -> None:
    rules = tmp_path / "rules.json"
    rules.write_text('{"credentials": {"acme": ["hush"]}, "latency": -1}')
    done = subprocess.run([*RUN, *ANY, "--rules", rules], capture_output=True, text=True, check=False)
    assert done.returncode == 78
    assert "credentials.acme: Input should be a valid string" in done.stderr
    assert "hush" not in done.stderr


def test_a_port_in_use_ends_with_75() -> None:
    with running() as (_, port):
        options = ["--listen", f"127.0.0.1:{port}", "--control", "127.0.0.1:0"]
        done = subprocess.run([*RUN, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 75
    assert "can't listen" in done.stderr
