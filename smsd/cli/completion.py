"""`smsd completion`: the script by which a shell completes commands, options and providers."""

import click
from click.shell_completion import get_completion_class

WHERE = """\b
bash:  smsd completion bash > /etc/bash_completion.d/smsd
zsh:   smsd completion zsh > "${fpath[1]}/_smsd"
fish:  smsd completion fish > ~/.config/fish/completions/smsd.fish
or for this shell alone:  . <(smsd completion bash)
"""


@click.command(short_help="Print the completion script of a shell.", epilog=WHERE)
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def completion(shell: str) -> None:
    """Print the completion script for SHELL. Providers come from --config, SMSD_CONFIG or the usual file."""
    from smsd.cli import main

    script = get_completion_class(shell)
    assert script is not None  # click knows these three
    click.echo(script(main, {}, "smsd", "_SMSD_COMPLETE").source())
