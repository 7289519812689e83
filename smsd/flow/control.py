"""Commands from operators and the CRM: pause, resume, cancel, status."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from smsd.core.contract import CONTROL_TYPE, dumps, result_id
from smsd.core.message import Message
from smsd.core.publication import Publication
from smsd.flow.holding import Holding
from smsd.flow.ports import Broker, Delivery, Journal
from smsd.flow.report import Reporter
from smsd.flow.stopped import ALL, Entry, Stopped

CANCEL_TIMEOUT = 60.0
"""Seconds after which a cancel is answered all the same, with `done: false`."""

ON_ITS_WAY = 0.3
"""Seconds until what was between us and the queues while they were read is either here or back there: they are read
again until that has found nothing more twice."""

AT_ONCE = 4
"""Providers whose queues one cancel has read through at the same time."""

BODY_MAX = 64 * 1024
"""Octets that a command may have."""

COMMANDS = ("pause", "resume", "cancel", "status")


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
    if len(body) > BODY_MAX:
        raise ValueError(f"the body has {len(body)} octets: {BODY_MAX} are the most")
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
        self,
        broker: Broker,
        journal: Journal,
        holdings: Mapping[str, Holding],
        stopped: Stopped,
        reporter: Reporter,
        status: Callable[[], dict[str, Any]],
        elsewhere: Callable[[str | None], bool],
    ) -> None:
        self._broker = broker
        self._journal = journal
        self._holdings = holdings
        self._stopped = stopped
        self._reporter = reporter
        self._status = status
        self._elsewhere = elsewhere
        """Whether another daemon holds this provider; None: any of ours."""
        self._tasks: dict[Entry, asyncio.Task[None]] = {}
        """Who answers a cancel; the same one again is answered together with the first."""
        self._askers: dict[Entry, list[tuple[Command, Delivery]]] = {}

    def arrived(self, delivery: Delivery) -> None:
        """One command; it is acked at once, since its answer says what became of it."""
        delivery.ack()
        try:
            command = read(delivery.body, delivery.key)
            if self._is_for_another(command):
                return
            if command.provider and command.provider not in self._holdings:
                raise ValueError(f"provider: {command.provider!r} is not held by this smsd")
            answer = self._carry_out(command, delivery)
        except ValueError as error:
            answer = {"ok": False, "error": str(error)}
            command = Command("", None, None, None, _control_id(delivery.body))
        if answer is not None:
            self._reply(delivery, command, answer)

    def _is_for_another(self, command: Command) -> bool:
        """The holder answers, the others stay silent; to all, those answer who hold something."""
        if command.command == "status":
            return False
        return self._elsewhere(command.provider) and (command.provider is not None or not self._holdings)

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
        if command.command == "resume":
            self._let_through(command)
        state = "paused" if command.command == "pause" else "running"
        return {"ok": True, "provider": command.provider or ALL, "state": state}

    def _chosen(self, command: Command) -> list[Holding]:
        return [self._holdings[command.provider]] if command.provider else list(self._holdings.values())

    def _let_through(self, command: Command) -> None:
        for kind, value in (("campaign", command.campaign), ("id", command.id)):
            if value is not None:
                self._stopped.resume(command.provider or ALL, kind, value, self._holdings)

    def _reply(self, delivery: Delivery, command: Command, answer: dict[str, Any]) -> None:
        if not delivery.reply_to or not self._broker.connected:
            return
        identity = result_id("control", command.control_id, repr(time.time()))
        correlation_id = delivery.correlation_id or command.control_id
        body = dumps({"control_id": command.control_id or None, **answer})
        reply = Publication("", "", body, identity, CONTROL_TYPE, correlation_id)
        if command.command == "status":  # nothing was decided
            self._broker.copy(delivery.reply_to, reply)
        else:  # whoever has the answer may rely on it: what was decided stands, whatever happens to us now
            self._journal.safe(partial(self._broker.copy, delivery.reply_to, reply))

    # --- cancel

    def _cancel(self, command: Command, chosen: list[Holding], delivery: Delivery) -> None:
        if not command.campaign and not command.id:
            raise ValueError("campaign: say which campaign, or the id of one message")
        kind, value = ("campaign", command.campaign) if command.campaign else ("id", command.id)
        assert value is not None
        entry = self._stopped.stop(command.provider or ALL, kind, value)
        for holding in chosen:
            for message in holding.lane.waiting():
                if _meant(message, kind, value) and holding.lane.cancel(message):
                    self._stopped.count(holding.name, message.request.campaign, message.id)
        self._askers.setdefault(entry, []).append((command, delivery))
        if entry not in self._tasks:
            self._tasks[entry] = asyncio.create_task(self._answer_cancel(entry, chosen))

    async def _answer_cancel(self, entry: Entry, chosen: list[Holding]) -> None:
        """Answers once nothing of it waits any more, and the broker has every result that says so."""
        try:
            async with asyncio.timeout(CANCEL_TIMEOUT):
                done, in_vain = True, 0
                while done and in_vain < 2:
                    before = self._stopped.ended(entry)
                    done = await self._read_through(chosen)
                    await asyncio.sleep(ON_ITS_WAY)
                    while done and any(self._reporter.cancelling[holding.name] for holding in chosen):
                        await asyncio.sleep(0.05)
                    in_vain = in_vain + 1 if self._stopped.ended(entry) == before else 0
        except TimeoutError:
            done = False
        finally:
            del self._tasks[entry]
            askers = self._askers.pop(entry)
        _, kind, value = entry
        already = sum(holding.lane.campaigns[value] for holding in chosen) if kind == "campaign" else 0
        counted = {"cancelled_waiting": self._stopped.ended(entry), "already_sent": already}
        for command, delivery in askers:
            self._reply(delivery, command, {"ok": True, "done": done, **counted})

    async def _read_through(self, chosen: list[Holding]) -> bool:
        """Has all their queues read through; False if not all of it could be seen."""
        turns = asyncio.Semaphore(AT_ONCE)

        async def read(holding: Holding) -> bool:
            seen: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
            async with turns:
                holding.read_through(partial(_tell, seen))
                return await seen

        return all(await asyncio.gather(*(read(holding) for holding in chosen)))


def _meant(message: Message, kind: str, value: str) -> bool:
    return message.request.campaign == value if kind == "campaign" else message.id == value


def _control_id(body: bytes) -> str:
    try:
        found = json.loads(body) if len(body) <= BODY_MAX else None
        return str(found.get("control_id") or "")[:128] if isinstance(found, dict) else ""
    except (ValueError, RecursionError):
        return ""


def _tell(future: asyncio.Future[bool], what: bool) -> None:
    if not future.done():
        future.set_result(what)
