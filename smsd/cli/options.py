"""What several commands share: --config, names of providers, times, and refusals with a sentence."""

import os
import sys
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:  # what it takes to read a file, or a journal, takes time to load: not every command needs it
    from smsd.links.journal.file import Reading
    from smsd.settings.model import Settings
    from smsd.settings.reader import Problem

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_CONFIG = "/etc/smsd/smsd.yaml"
CONFIG_VARIABLE = "SMSD_CONFIG"

config_option = click.option(
    "--config",
    metavar="FILE",
    default=DEFAULT_CONFIG,
    envvar=CONFIG_VARIABLE,
    show_default=True,
    show_envvar=True,
    help="The configuration file.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


class Unavailable(click.ClickException):
    """What may work later: the broker or the daemon is away."""

    exit_code = os.EX_TEMPFAIL


# --- times


def duration(_: click.Context, __: click.Parameter, value: str) -> float:
    """An option's duration, in seconds."""
    from smsd.settings.scalars import seconds

    try:
        return float(seconds(value))
    except ValueError:
        raise click.BadParameter(f"{value!r} is no duration: write it like 500ms, 30s, 24h or 7d") from None


def moment(context: click.Context, parameter: click.Parameter, value: str) -> float:
    """An option's time, in seconds since 1970: a duration back from now, `today`, or a local date with or without time.

    A time with a zone of its own is that zone's.
    """
    now = datetime.now()
    if value == "today":
        return now.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
    with suppress(ValueError):
        return datetime.fromisoformat(value).timestamp()
    with suppress(click.BadParameter):
        return now.timestamp() - duration(context, parameter, value)
    raise click.BadParameter(f"{value!r} is no time: write it like 24h, 7d, today, 2026-03-01 or 2026-03-01T12:00")


def since_option(default: str, help: str) -> Callable[[F], F]:
    """--since, from when on something is told."""
    return click.option("--since", metavar="TIME", default=default, show_default=True, callback=moment, help=help)


# --- providers


def providers_named(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The providers of the configuration, for completion by the shell; none if it can't be read."""
    import yaml

    path = context.params.get("config") or os.environ.get(CONFIG_VARIABLE) or DEFAULT_CONFIG
    try:
        with open(path, "rb") as file:
            found = yaml.load(file, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        providers = dict(found["providers"])
    except (OSError, yaml.YAMLError, ValueError, KeyError, TypeError):
        return []
    titles = {str(name): told.get("title") if isinstance(told, dict) else None for name, told in providers.items()}
    return [CompletionItem(name, help=title) for name, title in titles.items() if name.startswith(incomplete)]


def check_provider(name: str, settings: "Settings", also: Container[str] = ()) -> None:
    """Raises UsageError for a provider that is neither in the configuration nor among `also`."""
    if name in settings.providers or name in also:
        return
    raise click.UsageError(f"there is no provider {name!r}{suggestion(name, settings.providers)}")


def suggestion(name: str, known: Iterable[str]) -> str:
    """`; did you mean …?`, or else what there is to choose from."""
    import difflib

    close = difflib.get_close_matches(name, known := list(known), 1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; there is: {', '.join(known[:20]) or 'none'}{' …' if len(known) > 20 else ''}"


# --- files


@contextmanager
def journal_or_exit(path: str) -> Iterator["Reading"]:
    """The journal, to be read; if it can't be, a sentence on stderr, and exit 1."""
    from smsd.core.errors import JournalDamaged
    from smsd.links.journal.file import DiskTrouble, Reading

    try:
        file = Reading(path)
        try:
            yield file
        finally:
            file.close()
    except (JournalDamaged, DiskTrouble) as error:
        click.echo(str(error), err=True)
        sys.exit(1)


def load_or_exit(config: str, *, secrets: bool = True) -> "Settings":
    """The settings of a good file; for a bad one every problem on stderr, and exit 78.

    Without `secrets` the files that hold them are not read: not everybody who may look may read those.
    """
    from smsd.settings.reader import SettingsError, load

    try:
        loaded = load(config, secrets=secrets)
    except SettingsError as error:
        tell(config, error.problems)
        sys.exit(os.EX_CONFIG)
    tell(config, loaded.warnings)
    return loaded.settings


def load_to_look(config: str) -> "Settings":
    """The settings for who only looks: a file that was spoilt since smsd has read it must not blind anybody.

    Every problem on stderr; exit 78 only where too little is good to know where to look.
    """
    from smsd.settings.reader import SettingsError, load

    try:
        loaded = load(config, secrets=False)
    except SettingsError as error:
        tell(config, error.problems)
        if error.rest is None:
            sys.exit(os.EX_CONFIG)
        return error.rest
    tell(config, loaded.warnings)
    return loaded.settings


def tell(config: str, problems: "Iterable[Problem]") -> None:
    """What is wrong with a configuration, and, if the file itself is not there for us, what to do."""
    for problem in problems:
        click.echo(str(problem), err=True)
    try:
        open(config, "rb").close()
    except FileNotFoundError:
        click.echo(f"name your configuration with --config FILE, or in {CONFIG_VARIABLE}", err=True)
    except PermissionError:
        click.echo(f"this user may not read {config}: become one who may, as in sudo -u smsd smsd …", err=True)
    except (OSError, ValueError):
        pass  # what to do about those the problem says
