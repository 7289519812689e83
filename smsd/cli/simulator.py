"""`smsd simulator`: an SMSC to test against, with a control port."""

import asyncio
import gc
import signal
import ssl
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
import yaml
from pydantic import ValidationError

from smsd.links.web import listen_address
from smsd.simulator.control import control_port
from smsd.simulator.record import KEEP, Record
from smsd.simulator.rules import Rules, merged, problems, with_magic
from smsd.simulator.smsc import Smsc

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class _Misconfigured(click.ClickException):
    exit_code = 78


class _Unavailable(click.ClickException):
    exit_code = 75


def _address(_: click.Context, __: click.Parameter, value: str) -> str:
    try:
        listen_address(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return value


def _span(_: click.Context, __: click.Parameter, value: str | None) -> float | list[float] | None:
    if value is None:
        return None
    try:
        numbers = [float(number) for number in value.split("-")]
    except ValueError:
        raise click.BadParameter(f"{value!r} is neither SECONDS nor MIN-MAX") from None
    return numbers[0] if len(numbers) == 1 else numbers


@click.command(
    short_help="Run an SMSC to test against.",
    epilog="Example: smsd simulator --magic --latency 0.05-0.2 --log smsc.jsonl; see docs/simulator.md",
)
@click.option("--listen", default="127.0.0.1:2775", show_default=True, callback=_address, help="SMPP; port 0: any.")
@click.option("--control", default="127.0.0.1:2780", show_default=True, callback=_address, help="HTTP; port 0: any.")
@click.option("--rules", "rules_file", type=_FILE, help="What it does, JSON or YAML; see docs/simulator.md.")
@click.option("--system-id", help="The only login that may bind, unless the rules name others.")
@click.option("--password", default="", help="Its password.")
@click.option("--latency", callback=_span, help="Seconds to an answer: SECONDS or MIN-MAX.")
@click.option("--magic", is_flag=True, help="Numbers that end in 0001 to 0008 each have a fate of their own.")
@click.option("--tls-cert", type=_FILE, help="Speak TLS with this certificate chain (PEM).")
@click.option("--tls-key", type=_FILE, help="Its private key, where that is not in the same file.")
@click.option(
    "--log", "log_file", type=click.Path(dir_okay=False, path_type=Path), help="Append what it gets, JSON lines."
)
@click.option("--keep", default=KEEP, show_default=True, type=click.IntRange(min=1), help="Submits kept in memory.")
def simulator(
    listen: str,
    control: str,
    rules_file: Path | None,
    system_id: str | None,
    password: str,
    latency: float | list[float] | None,
    magic: bool,
    tls_cert: Path | None,
    tls_key: Path | None,
    log_file: Path | None,
    keep: int,
) -> None:
    """An SMSC to test against: receipts, delays, throttling, faults."""
    changes: dict[str, Any] = {}
    if latency is not None:
        changes["latency"] = latency
    rules = _read_rules(rules_file, changes, system_id, password)
    if magic:
        rules = with_magic(rules)
    if tls_key and not tls_cert:
        raise click.UsageError("--tls-key needs --tls-cert")
    with ExitStack() as files:
        log = files.enter_context(log_file.open("a", buffering=1, encoding="utf-8")) if log_file else None
        smsc = Smsc(rules, Record(keep, log))
        asyncio.run(_serve(smsc, listen, control, _tls(tls_cert, tls_key) if tls_cert else None))


def _read_rules(file: Path | None, changes: dict[str, Any], system_id: str | None, password: str) -> Rules:
    try:
        rules = Rules.model_validate(yaml.safe_load(file.read_bytes()) or {}) if file else Rules()
        if system_id is not None:
            changes["credentials"] = {**(rules.credentials or {}), system_id: password}
        return merged(rules, changes)
    except ValidationError as error:
        raise _Misconfigured(f"{file or 'the options'}: {problems(error)}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise _Misconfigured(f"{file}: {error}") from None


def _tls(certificate: Path, key: Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise click.UsageError(f"{certificate}: {error}") from None
    return context


async def _serve(smsc: Smsc, listen: str, control: str, context: ssl.SSLContext | None) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    host, port = listen_address(listen)
    web = control_port(smsc)
    try:
        smpp = await smsc.start(host, port, context)
        http = await web.start(control)
    except OSError as error:
        await smsc.stop()
        raise _Unavailable(f"can't listen: {error}") from None
    gc.freeze()  # what lives for ever need not be walked again: that takes 10 ms, which the record would show as jitter
    click.echo(f"listening on {_shown(listen, smpp)}, control on http://{_shown(control, http)}")
    await stopped.wait()
    await web.stop()
    await smsc.stop()


def _shown(listen: str, port: int) -> str:
    return f"{listen.rpartition(':')[0]}:{port}"
