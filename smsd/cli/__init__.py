"""The commands, one module each; nothing but arguments, calls and printing."""

import importlib

import click

from smsd import __version__

COMMANDS = ("run", "check", "send", "preview", "status", "trace", "log", "topology", "simulator")


class Commands(click.Group):
    """Loads a command only when it is asked for: `smsd preview` need not wait for aiohttp."""

    def list_commands(self, _: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"smsd.cli.{name}"), name)
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, prog_name="smsd")
def main() -> None:
    """smsd sends a company's SMS: RabbitMQ in, SMPP out, and what became of every message back."""
