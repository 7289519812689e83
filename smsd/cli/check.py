"""`smsd check`: is the configuration file good, and if not, what is wrong with it, and where."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import click

from smsd.settings.effective import Setting
from smsd.settings.reader import Problem, SettingsError, load

DEFAULT_CONFIG = "/etc/smsd/smsd.yaml"


@click.command()
@click.argument("names", nargs=-1, metavar="[FILE | P…]")
@click.option("--config", "config", metavar="FILE", help=f"The configuration file.  [default: {DEFAULT_CONFIG}]")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON on stdout.")
@click.option("--show", is_flag=True, help="Also print each provider's settings, and where each comes from.")
@click.option(
    "--connect", is_flag=True, help="Also reach the broker, and bind and unbind each provider (or those named)."
)
def check(names: tuple[str, ...], config: str | None, as_json: bool, show: bool, connect: bool) -> None:
    """Validate the configuration; every problem is told at once, as FILE:line:column: path: sentence.

    Exit code 0 if it is good, 78 if not.
    """
    if connect:
        raise click.UsageError("--connect is not active yet in this version")
    if len(names) > 1 or (names and config is not None):
        raise click.UsageError("give one FILE")
    file = config if config is not None else next(iter(names), DEFAULT_CONFIG)
    try:
        loaded = load(file)
    except SettingsError as error:
        report(file, [], error.problems, [], as_json)
        sys.exit(os.EX_CONFIG)
    shown = loaded.effective() if show else None
    report(file, list(loaded.settings.providers), [], loaded.warnings, as_json, shown)


def report(
    file: str,
    providers: list[str],
    problems: list[Problem],
    warnings: list[Problem],
    as_json: bool,
    shown: Mapping[str, Sequence[Setting]] | None = None,
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
        click.echo(json.dumps(facts, ensure_ascii=False))
        return
    for one in (*warnings, *problems):
        click.echo(str(one), err=True)
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
