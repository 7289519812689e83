"""`smsd check`: is the configuration file good, and if not, what is wrong with it, and where."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from smsd.cli.options import CONFIG_VARIABLE, DEFAULT_CONFIG, providers_named, tell

if TYPE_CHECKING:
    from smsd.settings.effective import Setting
    from smsd.settings.reader import Problem

CONFIG_HELP = f"The configuration file.  [env var: {CONFIG_VARIABLE}; default: {DEFAULT_CONFIG}]"


@click.command(
    short_help="Validate the configuration; --connect tries it.",
    epilog="Examples: smsd check new.yaml; smsd check --connect; smsd check --connect acme --json",
)
@click.argument("names", nargs=-1, metavar="[FILE | --connect P…]", shell_complete=providers_named)
@click.option("--config", "config", metavar="FILE", help=CONFIG_HELP)
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON on stdout.")
@click.option("--show", is_flag=True, help="Also print each provider's settings, and where each comes from.")
@click.option(
    "--connect", is_flag=True, help="Also reach the broker, and bind and unbind the active providers, or those named."
)
@click.option(
    "--without-credentials", is_flag=True, help="Pass over {credential: …}, which systemd hands to the service alone."
)
def check(
    names: tuple[str, ...], config: str | None, as_json: bool, show: bool, connect: bool, without_credentials: bool
) -> None:
    """Validate the configuration; every problem is told at once, as FILE:line:column: path: sentence.

    With --connect, a provider that a running smsd holds is asked of that smsd: no provider is bound twice.

    Exit code 0 if all is well, 78 if the file is not, 1 if a connection is closed.
    """
    if not connect and (len(names) > 1 or (names and config is not None)):
        raise click.UsageError("give one FILE")
    if connect and without_credentials:
        raise click.UsageError("--connect needs the credentials")
    usual = os.environ.get(CONFIG_VARIABLE) or DEFAULT_CONFIG
    file = config or (names[0] if names and not connect else usual)
    from smsd.settings.reader import SettingsError, load

    try:
        loaded = load(file, credentials=not without_credentials)
    except SettingsError as error:
        report(file, [], error.problems, [], as_json)
        sys.exit(os.EX_CONFIG)
    providers = list(loaded.settings.providers)
    shown = loaded.effective() if show else None
    if not connect:
        report(file, providers, [], loaded.warnings, as_json, shown)
        return
    from smsd.cli import connect as connecting  # what it needs takes time to load

    chosen = connecting.chosen(loaded.settings, names)
    if not as_json:
        report(file, providers, [], loaded.warnings, False, shown)
    found = connecting.connections(loaded.settings, chosen)
    if as_json:
        report(file, providers, [], loaded.warnings, True, shown, **connecting.as_json(found))
    else:
        connecting.show(found)
    sys.exit(0 if all(one.open for one in found) else 1)


def report(
    file: str,
    providers: list[str],
    problems: list[Problem],
    warnings: list[Problem],
    as_json: bool,
    shown: Mapping[str, Sequence[Setting]] | None = None,
    **more: object,
) -> None:
    if as_json:
        facts: dict[str, Any] = {
            "file": file,
            "ok": not problems,
            "providers": providers,
            "problems": [asdict(one) for one in problems],
            "warnings": [asdict(one) for one in warnings],
        }
        if shown is not None:
            facts["settings"] = {name: dict(map(fact, settings)) for name, settings in shown.items()}
        click.echo(json.dumps(facts | more, ensure_ascii=False))
        return
    tell(file, [*warnings, *problems])
    if not problems:
        click.echo(f"{file}: ok, {len(providers)} provider{'' if len(providers) == 1 else 's'}")
    for name, settings in (shown or {}).items():
        click.echo("\n".join(table(name, settings)))


def fact(setting: Setting) -> tuple[str, dict[str, Any]]:
    return setting.path, {"value": setting.value, "from": setting.origin, "line": setting.line}


def table(name: str, settings: Sequence[Setting]) -> Iterator[str]:
    """Yield a provider's settings for people: key, where it comes from, value."""
    wide = max(len(setting.path) for setting in settings)
    preset = next(setting.value for setting in settings if setting.path == "preset")
    yield f"\n{name}"
    for path, value, origin, line in settings:
        source = {"built-in": origin, "preset": f"preset {preset}"}.get(origin, f"{origin}, line {line}")
        told = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
        yield f"  {path:{wide}}  {source:18}  {told}"
