"""All that one test of the daemon needs, and all of it gone afterwards."""

import os
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Any

from rig import rabbit
from rig.crm import Crm
from rig.daemon import Daemon, provider
from rig.forward import Forward
from rig.smsc import Simulator

QUEUE_TYPE = os.environ.get("SMSD_TEST_QUEUES", "classic")


class Stage:
    """Names of its own on a broker, and the processes of one test. Queues are classic for speed unless told."""

    def __init__(self, url: str, prefix: str, directory: Path, queue_type: str = QUEUE_TYPE) -> None:
        self.url = url
        self.prefix = prefix
        self.directory = directory
        self._queue_type = queue_type
        self._open = ExitStack()
        self._providers: set[str] = set()

    def close(self) -> None:
        """Ends the processes, then deletes what they declared."""
        self._open.close()
        if self._providers:
            rabbit.delete_everything(self.url, self.prefix, self._providers)

    def simulator(self, *options: str, listen: str = "127.0.0.1:0", **rules: Any) -> Simulator:
        """A running simulator."""
        return self._open.enter_context(Simulator(*options, listen=listen, **rules))

    def forward(self) -> Forward:
        """The broker by another port, closed at first."""
        return self._open.enter_context(Forward(self.url))

    def daemon(
        self,
        providers: dict[str, dict[str, Any]],
        *,
        ready: bool = True,
        url: str | None = None,
        trace: Path | None = None,
        **settings: Any,
    ) -> Daemon:
        """A running daemon; `url` is how it reaches the broker, `trace` where it is recorded for rig.power."""
        whole = self._whole(providers, url, settings)
        return self._open.enter_context(Daemon(whole, self.directory, ready=ready, trace=trace))

    def configure(
        self, daemon: Daemon, providers: dict[str, dict[str, Any]], *, url: str | None = None, **settings: Any
    ) -> None:
        """Writes the file of a running daemon, which reads it on `hup`."""
        daemon.configure(self._whole(providers, url, settings))

    def _whole(self, providers: dict[str, dict[str, Any]], url: str | None, settings: dict[str, Any]) -> dict[str, Any]:
        self._providers.update(providers)
        broker = {"url": url or self.url, "prefix": self.prefix, "queue_type": self._queue_type, "heartbeat": "2s"}
        return {"providers": providers, **settings, "broker": {**broker, **settings.get("broker", {})}}

    def bound(self, simulator: Simulator, **settings: Any) -> Daemon:
        """A running daemon whose only provider `p` is this simulator, bound."""
        daemon = self.daemon({"p": provider(simulator.port, **settings)})
        daemon.bound()
        return daemon

    def settings(self, providers: dict[str, dict[str, Any]]) -> dict[str, Any]:
        """What a smsd for these names reads that is not a `daemon`: a service of systemd."""
        return self._whole(providers, None, {})

    @cached_property
    def crm(self) -> Crm:
        """The CRM; ask for it once a daemon is ready, which declares what it reads."""
        return self._open.enter_context(Crm(self.url, self.prefix))
