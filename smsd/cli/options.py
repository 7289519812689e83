"""What several commands share: --config, and a settings file that is told about before it is refused."""

import os
import sys

import click

from smsd.settings.model import Settings
from smsd.settings.reader import SettingsError, load

DEFAULT_CONFIG = "/etc/smsd/smsd.yaml"

config_option = click.option(
    "--config", metavar="FILE", default=DEFAULT_CONFIG, show_default=True, help="The configuration file."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


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
