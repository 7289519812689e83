"""`smsd check`: is the configuration file good, and if not, what is wrong with it, and where."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict

import click

from smsd.settings.reader import Problem, SettingsError, load

DEFAULT_CONFIG = "/etc/smsd/smsd.yaml"


@click.command()
@click.argument("names", nargs=-1, metavar="[FILE | P…]")
@click.option("--config", "config", metavar="FILE", help=f"The configuration file.  [default: {DEFAULT_CONFIG}]")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON on stdout.")
@click.option(
    "--connect", is_flag=True, help="Also reach the broker, and bind and unbind each provider (or those named)."
)
def check(names: tuple[str, ...], config: str | None, as_json: bool, connect: bool) -> None:
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
    report(file, list(loaded.settings.providers), [], loaded.warnings, as_json)


def report(file: str, providers: list[str], problems: list[Problem], warnings: list[Problem], as_json: bool) -> None:
    if as_json:
        facts = {
            "file": file,
            "ok": not problems,
            "providers": providers,
            "problems": [asdict(one) for one in problems],
            "warnings": [asdict(one) for one in warnings],
        }
        click.echo(json.dumps(facts, ensure_ascii=False))
        return
    for one in (*warnings, *problems):
        click.echo(str(one), err=True)
    if not problems:
        click.echo(f"{file}: ok, {len(providers)} provider{'' if len(providers) == 1 else 's'}")
