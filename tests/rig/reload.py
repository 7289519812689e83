"""A reload as an operator does it, and what is told of it."""

from typing import Any

from rig.daemon import Daemon
from rig.stage import Stage

Providers = dict[str, dict[str, Any]]


def reload(stage: Stage, daemon: Daemon, providers: Providers, **settings: Any) -> dict[str, Any]:
    """SIGHUP with these settings; the event that came of it, `config_reloaded` or `config_refused`."""
    crm = stage.crm
    crm.read(0.05)

    def told() -> list[dict[str, Any]]:
        return [event for event in crm.events if event["event"].startswith("config_")]

    before = len(told())
    stage.configure(daemon, providers, **settings)
    daemon.hup()
    crm.until(lambda: len(told()) > before)
    return told()[before]
