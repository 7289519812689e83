"""Commands from operators and the CRM: pause, resume, cancel, status."""

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from smsd.core.contract import CONTROL_TYPE, dumps, result_id
from smsd.core.message import Message
from smsd.core.publication import Publication
from smsd.flow.holding import Holding
from smsd.flow.ports import Broker, Delivery, Journal

CANCEL_TIMEOUT = 60.0
"""Seconds after which a cancel is answered all the same, with `done: false`."""

QUIET = 1.0
"""Seconds without another cancelled message after which a campaign counts as stopped."""

COMMANDS = ("pause", "resume", "cancel", "status")
CANCELLED_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Command:
    """One command, read and checked."""

    command: str
    provider: str | None
    campaign: str | None
    id: str | None
    control_id: str


def read(body: bytes, key: str) -> Command:
    """Raises ValueError with a sentence for people."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError("the body is not JSON") from None
    if not isinstance(found, dict):
        raise ValueError("the body must be a JSON object")
    for name in ("command", "provider", "campaign", "id", "control_id"):
        if not isinstance(found.get(name), str | None):
            raise ValueError(f"{name}: must be a string")
        if any("\ud800" <= character <= "\udfff" for character in found.get(name) or ""):
            raise ValueError(f"{name}: holds a lone surrogate, which is no text")
    if found.get("command") not in COMMANDS:
        raise ValueError(f"command: must be one of {', '.join(COMMANDS)}")
    provider = found.get("provider")
    if provider and key not in ("all", provider):
        raise ValueError(f"provider: the body says {provider!r} and the routing key {key!r}: let them name the same")
    if provider is None and key != "all":
        provider = key
    return Command(
        found["command"], provider, found.get("campaign"), found.get("id"), str(found.get("control_id") or "")
    )


class Control:
    """Carries out commands on the providers that this daemon holds."""

    def __init__(
        self, broker: Broker, journal: Journal, holdings: Mapping[str, Holding], status: Callable[[], dict[str, Any]]
    ) -> None:
        self._broker = broker
        self._journal = journal
        self._holdings = holdings
        self._status = status
        self._cancelled: dict[tuple[str, str, str], int] = {}
        """(provider, "campaign" or "id", value) -> messages cancelled so far."""
        self._last: dict[tuple[str, str, str], float] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def restore(self, standing: Iterable[tuple[str, str, str]]) -> None:
        """What was cancelled in an earlier run, and stays so: provider, `campaign` or `id`, value."""
        for provider, kind, value in standing:
            self._cancelled[provider, kind, value] = 0

    def arrived(self, delivery: Delivery) -> None:
        """One command; it is acked at once, since its answer says what became of it."""
        delivery.ack()
        try:
            command = read(delivery.body, delivery.key)
            if command.provider and command.provider not in self._holdings:
                raise ValueError(f"provider: {command.provider!r} is not held by this smsd")
            answer = self._carry_out(command, delivery)
        except ValueError as error:
            answer = {"ok": False, "error": str(error)}
            command = Command("", None, None, None, _control_id(delivery.body))
        if answer is not None:
            self._reply(delivery, command, answer)

    def _carry_out(self, command: Command, delivery: Delivery) -> dict[str, Any] | None:
        chosen = self._chosen(command)
        if command.command == "status":
            return {"ok": True, **self._status()}
        if command.command == "cancel":
            self._cancel(command, chosen, delivery)
            return None
        for holding in chosen:
            if command.command == "pause":
                holding.pause(f"by command {command.control_id}")
            elif command.campaign is None and command.id is None:
                holding.resume(f"by command {command.control_id}")
            self._let_through(command, holding)
        state = "paused" if command.command == "pause" else "running"
        return {"ok": True, "provider": command.provider or "all", "state": state}

    def _chosen(self, command: Command) -> list[Holding]:
        return [self._holdings[command.provider]] if command.provider else list(self._holdings.values())

    def _let_through(self, command: Command, holding: Holding) -> None:
        if command.command == "resume" and command.campaign is not None:
            self._forget((holding.name, "campaign", command.campaign))

    def _forget(self, key: tuple[str, str, str]) -> None:
        if self._cancelled.pop(key, None) is not None:
            self._journal.stand(*key, False)

    def _reply(self, delivery: Delivery, command: Command, answer: dict[str, Any]) -> None:
        if not delivery.reply_to or not self._broker.connected:
            return
        identity = result_id("control", command.control_id, repr(time.time()))
        correlation_id = delivery.correlation_id or command.control_id
        body = dumps({"control_id": command.control_id or None, **answer})
        reply = Publication("", "", body, identity, CONTROL_TYPE, correlation_id)
        # Whoever has the answer may rely on it: what was decided stands, whatever happens to us now.
        self._journal.safe(partial(self._broker.copy, delivery.reply_to, reply))

    # --- cancel

    def cancelled(self, provider: str, campaign: str | None, message_id: str) -> bool:
        """Whether a message that arrives now was cancelled before; counts it if so."""
        if not self._cancelled:
            return False
        for key in ((provider, "campaign", campaign or ""), (provider, "id", message_id)):
            if key in self._cancelled:
                self._count(key)
                return True
        return False

    def _count(self, key: tuple[str, str, str]) -> None:
        self._cancelled[key] += 1
        self._last[key] = time.monotonic()

    def _cancel(self, command: Command, chosen: list[Holding], delivery: Delivery) -> None:
        if not command.campaign and not command.id:
            raise ValueError("campaign: say which campaign, or the id of one message")
        kind, value = ("campaign", command.campaign) if command.campaign else ("id", command.id)
        assert value is not None
        keys = []
        for holding in chosen:
            key = (holding.name, kind, value)
            keys.append(key)
            self._cancelled.setdefault(key, 0)
            self._journal.stand(*key, True)
            self._last[key] = time.monotonic()
            while len(self._cancelled) > CANCELLED_MAX:
                self._forget(next(iter(self._cancelled)))
            for message in holding.lane.waiting():
                if _meant(message, kind, value) and holding.lane.cancel(message):
                    self._count(key)
        task = asyncio.create_task(self._answer_cancel(command, chosen, keys, kind, value, delivery))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer_cancel(
        self,
        command: Command,
        chosen: list[Holding],
        keys: list[tuple[str, str, str]],
        kind: str,
        value: str,
        delivery: Delivery,
    ) -> None:
        """Answers once nothing of it comes any more: what waited at the broker is cancelled as it arrives."""
        started = time.monotonic()
        done = False
        while not done and time.monotonic() - started < CANCEL_TIMEOUT:
            await asyncio.sleep(0.1)
            quiet = all(time.monotonic() - self._last.get(key, 0.0) > QUIET for key in keys)
            done = quiet and all(holding.has_seen_its_queues() for holding in chosen)
        already = sum(holding.lane.campaigns[value] for holding in chosen) if kind == "campaign" else 0
        waiting = sum(self._cancelled.get(key, 0) for key in keys)
        answer = {"ok": True, "done": done, "cancelled_waiting": waiting, "already_sent": already}
        self._reply(delivery, command, answer)


def _meant(message: Message, kind: str, value: str) -> bool:
    return message.request.campaign == value if kind == "campaign" else message.id == value


def _control_id(body: bytes) -> str:
    try:
        found = json.loads(body)
        return str(found.get("control_id") or "") if isinstance(found, dict) else ""
    except (ValueError, RecursionError):
        return ""
