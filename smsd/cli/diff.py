"""`smsd diff`: what a reload with another file would do."""

import json
import os
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from smsd.cli.options import config_option, json_option, tell

if TYPE_CHECKING:
    from smsd.settings.model import Settings


@click.command(
    short_help="Show what a reload with NEW would do.",
    epilog="Examples: smsd diff new.yaml; smsd diff new.yaml --json",
)
@click.argument("new", metavar="NEW")
@json_option
@config_option
def diff(new: str, as_json: bool, config: str) -> None:
    """Show what a reload would do if NEW were the configuration file: which providers rebind, and why.

    It is compared with the file that smsd runs with (--config). Nothing is touched. A file that is not good is told as
    `smsd check` does, exit code 78. Secrets are compared and never shown.
    """
    before, after = _load(config, as_json), _load(new, as_json)
    from smsd.settings.change import change

    found = change(before, after)
    if as_json:
        click.echo(json.dumps({"ok": True, **found.as_json()}, ensure_ascii=False))
    else:
        click.echo("\n".join(found.lines() or ["nothing would change"]))


def _load(file: str, as_json: bool) -> "Settings":
    from smsd.settings.reader import SettingsError, load

    try:
        return load(file).settings
    except SettingsError as error:
        if as_json:
            problems = [asdict(problem) for problem in error.problems]
            click.echo(json.dumps({"file": file, "ok": False, "problems": problems}, ensure_ascii=False))
        else:
            tell(file, error.problems)
        sys.exit(os.EX_CONFIG)
