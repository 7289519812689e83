"""The commands, one module each; nothing but arguments, calls and printing."""

import difflib
import importlib

import click
from click.shell_completion import CompletionItem

from smsd import __version__

COMMANDS = (
    *("run", "check", "diff", "send", "preview", "status", "log", "trace", "stats"),
    *("pause", "resume", "cancel", "topology", "simulator", "completion"),
)
MODULES = {"pause": "control", "resume": "control", "cancel": "control"}
"""Of commands that share one."""

EXIT_CODES = """\b
Exit codes of every command:
   0  it is so
   1  what was asked for is not so: a closed connection, an unknown id, a message not sent
   2  wrong usage: an option, a name, a number
  70  a fault in smsd itself, or a damaged journal
  75  not now: RabbitMQ or smsd is away, a port or the journal is taken; try again later
  78  the configuration is not good
"""


class Commands(click.Group):
    """Loads a command only when it is asked for: `smsd preview` need not wait for aiohttp."""

    def list_commands(self, _: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            if not context.resilient_parsing and (close := difflib.get_close_matches(name, COMMANDS, 1)):
                context.fail(f"no such command: {name!r}; did you mean {close[0]!r}?")
            return None
        module = importlib.import_module(f"smsd.cli.{MODULES.get(name, name)}")
        command: click.Command = getattr(module, name)
        return command

    def shell_complete(self, context: click.Context, incomplete: str) -> list[CompletionItem]:
        """The names alone: for what each does all of them would have to be loaded."""
        options = click.Command.shell_complete(self, context, incomplete)
        return [*(CompletionItem(name) for name in COMMANDS if name.startswith(incomplete)), *options]


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    epilog=EXIT_CODES,
)
@click.version_option(__version__, prog_name="smsd")
def main() -> None:
    """smsd sends a company's SMS: RabbitMQ in, SMPP out, and what became of every message back."""
