"""`smsd topology`: what the broker needs, for those who set it up themselves (`broker.declare: false`)."""

import json
from urllib.parse import unquote, urlsplit

import click

from smsd.cli.options import config_option, load_or_exit
from smsd.core.topology import definitions


@click.command(
    short_help="Print RabbitMQ's definitions.json for the configuration.",
    epilog="Example: smsd topology > definitions.json && rabbitmqctl import_definitions definitions.json",
)
@config_option
@click.option("--json", is_flag=True, expose_value=False, help="It always is JSON.")
def topology(config: str) -> None:
    """Print RabbitMQ's definitions.json for this configuration, for `rabbitmqctl import_definitions`."""
    settings = load_or_exit(config, secrets=False)
    from smsd.app import topology_of

    wanted = definitions(topology_of(settings), virtual_host(settings.broker.url[0]))
    click.echo(json.dumps(wanted, indent=2))


def virtual_host(url: str) -> str:
    """The virtual host in an AMQP url; no path, or an empty one, means `/` to RabbitMQ's clients."""
    return unquote(urlsplit(url).path[1:]) or "/"
