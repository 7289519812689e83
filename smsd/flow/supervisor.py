"""The one place where an exception that nobody foresaw is caught: it is told, and the rest goes on (rule 7)."""

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from smsd.core.message import Message
from smsd.flow.ports import Delivery

log = structlog.get_logger("smsd")

PAUSE = 1.0
"""Seconds before a task that crashed is started again."""


class Supervisor:
    """Runs what must not end, and hands deliveries to what might fail."""

    def __init__(self, bury: Callable[[Delivery, str, str], None]) -> None:
        self._bury = bury
        self.crashes = 0

    async def keep(self, name: str, begin: Callable[[], Awaitable[None]]) -> None:
        """Runs `begin` until it ends by itself; starts it anew when it crashes."""
        while True:
            try:
                return await begin()
            except Exception as error:
                self.tell(name, error)
                await asyncio.sleep(PAUSE)

    def guard(self, take: Callable[[Delivery], None]) -> Callable[[Delivery], None]:
        """`take`, but a delivery that makes it fail is parked in the dead queue, so that those behind it go on."""

        def guarded(delivery: Delivery) -> None:
            self.with_delivery(delivery, take, delivery)

        return guarded

    def look(self, look: Callable[[Delivery], bool]) -> Callable[[Delivery], bool]:
        """`look`, but a delivery that makes it fail is parked, and so taken."""

        def guarded(delivery: Delivery) -> bool:
            try:
                return look(delivery)
            except Exception as error:
                self._park(delivery, error)
                return True

        return guarded

    def with_delivery(self, delivery: Delivery, act: Callable[..., None], *arguments: Any) -> None:
        """`act`, on behalf of a delivery, which is parked when that fails."""
        try:
            act(*arguments)
        except Exception as error:
            self._park(delivery, error)

    def _park(self, delivery: Delivery, error: Exception) -> None:
        self.tell("delivery", error)
        self._bury(delivery, "internal-error", f"{type(error).__name__}: {error}")

    def attempt(self, message: Message | None, act: Callable[..., None], *arguments: Any) -> None:
        """`act`, but when it fails nobody else is the worse for it: those behind it go on, `message` is parked."""
        try:
            act(*arguments)
        except Exception as error:
            self.tell("bind", error)
            if message is not None:
                message.todo.clear()  # parked as it is: what is not out stays so
                deliveries, message.deliveries = message.deliveries, []
                for delivery in deliveries:
                    self._bury(delivery, "internal-error", f"{type(error).__name__}: {error}")

    def tell(self, where: str, error: Exception) -> None:
        """Logs an exception that nobody foresaw."""
        self.crashes += 1
        log.error("crash", where=where, error=repr(error), trace="".join(traceback.format_exception(error))[-4000:])
