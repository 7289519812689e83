"""Many SMSCs in one thread of the test's own process: cheaper than a `smsd simulator` for each."""

import asyncio
import ssl
import threading
from collections.abc import Coroutine
from typing import Any, Self, TypeVar

from smsd.simulator.orders import Inbound
from smsd.simulator.rules import Rules
from smsd.simulator.smsc import Smsc

T = TypeVar("T")
SECONDS = 10.0


class Smscs:
    """SMSCs by name, each on a port of its own; `close` ends them and their thread."""

    def __init__(self) -> None:
        self._smscs: dict[str, Smsc] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        for smsc in self._smscs.values():
            self._do(smsc.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def start(self, name: str, rules: dict[str, Any], tls: ssl.SSLContext | None = None) -> int:
        """Starts one and returns its port. `rules` are those of docs/simulator.md."""
        smsc = self._smscs[name] = Smsc(Rules.model_validate(rules))
        return self._do(smsc.start(ssl=tls))

    def submits(self, name: str) -> list[dict[str, Any]]:
        """What it got so far, oldest first."""

        async def read() -> list[dict[str, Any]]:
            return self._smscs[name].record.submits()

        return self._do(read())

    def inbound(self, name: str, text: str, data_coding: int) -> None:
        """A message from a handset."""

        async def send() -> None:
            order = {"from": "79000000001", "to": "ACME", "text": text, "data_coding": data_coding}
            self._smscs[name].inbound(Inbound.model_validate(order))

        self._do(send())

    def _do(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(SECONDS)
