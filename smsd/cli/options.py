"""What several commands share: --config, and a settings file that is told about before it is refused."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from smsd.core.errors import JournalDamaged
from smsd.settings.model import Settings
from smsd.settings.reader import SettingsError, load
from smsd.settings.scalars import seconds

if TYPE_CHECKING:
    from smsd.links.journal.file import Reading

DEFAULT_CONFIG = "/etc/smsd/smsd.yaml"

config_option = click.option(
    "--config", metavar="FILE", default=DEFAULT_CONFIG, show_default=True, help="The configuration file."
)


def duration(_: click.Context, __: click.Parameter, value: str) -> float:
    """An option's duration, in seconds."""
    try:
        return float(seconds(value))
    except ValueError:
        raise click.BadParameter(f"{value!r} is no duration: write it like 500ms, 30s, 24h or 7d") from None


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@contextmanager
def journal_or_exit(path: str) -> Iterator["Reading"]:
    """The journal, to be read; if it can't be, a sentence on stderr, and exit 1."""
    from smsd.links.journal.file import DiskTrouble, Reading  # not every command needs SQLite

    try:
        file = Reading(path)
        try:
            yield file
        finally:
            file.close()
    except (JournalDamaged, DiskTrouble) as error:
        click.echo(str(error), err=True)
        sys.exit(1)


def load_or_exit(config: str, *, secrets: bool = True) -> Settings:
    """The settings of a good file; for a bad one every problem on stderr, and exit 78.

    Without `secrets` the files that hold them are not read: not everybody who may look may read those.
    """
    try:
        loaded = load(config, secrets=secrets)
    except SettingsError as error:
        for problem in error.problems:
            click.echo(str(problem), err=True)
        sys.exit(os.EX_CONFIG)
    for warning in loaded.warnings:
        click.echo(str(warning), err=True)
    return loaded.settings
