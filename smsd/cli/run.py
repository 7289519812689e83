"""smsd run: the daemon."""

import signal
import sys

import click

from smsd.cli.options import config_option, load_or_exit


@click.command(
    short_help="Run the daemon.", epilog="Example: smsd run --config smsd.yaml; under systemd: systemctl start smsd"
)
@config_option
def run(config: str) -> None:
    """Run the daemon in the foreground, as systemd wants it; SIGTERM drains and ends it."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until the loop takes it: a reload must not end what is starting
    settings = load_or_exit(config)
    from smsd import app
    from smsd.links import logs

    logs.configure(settings.log.level, settings.log.format)
    sys.exit(app.run(settings, config))
