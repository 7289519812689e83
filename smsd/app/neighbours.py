"""Other smsd on the same broker: without `cluster` no two may hold one provider, and nobody has told them so.

Whoever connects asks all that listen to commands for their status, and holds no provider that another one says it
holds. A provider that somebody held is left alone for LEFT_ALONE after it was heard of last: a broker that restarts,
and a daemon that finds it again a little later, must not make two binds of one.
"""

import asyncio
import json
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

import structlog

from smsd.core.errors import LinkDown
from smsd.flow.ports import Delivery
from smsd.links.broker.link import BrokerLink

log = structlog.get_logger("smsd.neighbours")

ANSWER_WITHIN = 2.0
"""Seconds for the first answer of somebody who has the question."""

ALL_HEARD = 0.3
"""Seconds without another answer after which all have answered."""

ASK_AGAIN = 5.0
"""Seconds between two questions while somebody else holds what we should."""

LEFT_ALONE = 30.0
"""Seconds."""


class Claim(NamedTuple):
    """Who holds a provider. `heard` is loop time."""

    node: str
    since: str
    heard: float

    def __str__(self) -> str:
        return (
            f"another smsd holds it, on node {self.node}, running since {self.since}: stop one of the two, or let each "
            f"have providers of its own; this one binds once the other has been gone for {LEFT_ALONE:g} s"
        )


class Neighbours:
    """`on_news` is called when somebody's claim has come; `mine` says since when this daemon runs, and where."""

    def __init__(self, broker: BrokerLink, on_news: Callable[[], None], mine: tuple[str, str]) -> None:
        self._broker = broker
        self._on_news = on_news
        self._mine = mine
        """When it was started, and on which node: of two that start together the first keeps what both took."""
        self._loop = asyncio.get_running_loop()
        self._asked: set[str] = set()
        """Questions of ours whose answers still count."""
        self._claims: dict[str, Claim] = {}
        self._answered = asyncio.Event()

    def claim(self, provider: str) -> Claim | None:
        """Who else holds it, or did a moment ago."""
        found = self._claims.get(provider)
        if found is not None and self._loop.time() > found.heard + LEFT_ALONE:
            del self._claims[provider]
            return None
        return found

    def holds(self, provider: str | None) -> bool:
        """Whether somebody else has this provider, or any that we know of."""
        names = [*self._claims] if provider is None else [provider]
        return any(self.claim(name) is not None for name in names)

    async def look(self) -> None:
        """Asks who is there; returns when all have answered who will."""
        question = uuid.uuid4().hex
        self._asked.add(question)
        self._answered.clear()
        body = json.dumps({"command": "status", "control_id": question}).encode()
        try:
            patience = ANSWER_WITHIN if await self._broker.ask_all(body, question) else 0.0
            while patience:
                await asyncio.wait_for(self._answered.wait(), patience)
                self._answered.clear()
                patience = ALL_HEARD
        except TimeoutError:
            pass  # nobody, or nobody else
        except LinkDown as down:
            log.warning("neighbours", detail=f"can't ask whether another smsd holds our providers: {down.reason}")
        finally:
            self._asked.discard(question)

    def takes(self, delivery: Delivery) -> bool:
        """Whether it is an answer to us, or our own question; anything else is a command."""
        if delivery.correlation_id not in self._asked:
            return False
        delivery.ack()
        try:
            told = json.loads(delivery.body)
        except (ValueError, RecursionError):
            return True
        if isinstance(told, dict) and isinstance(told.get("providers"), dict):
            self._heard(told)
        return True

    def _heard(self, told: dict[str, Any]) -> None:
        self._answered.set()
        claim = Claim(str(told.get("node")), str(told.get("started_at")), self._loop.time())
        held = [name for name, one in told["providers"].items() if isinstance(one, dict) and _is_held(one)]
        for name in held:
            self._claims[name] = claim
        if held:
            self._on_news()

    def comes_first(self, claim: Claim) -> bool:
        """Whether this daemon was there before the other one."""
        return self._mine < (claim.since, claim.node)


def _is_held(provider: dict[str, Any]) -> bool:
    """By its own word; an older smsd has no word for it."""
    return provider.get("holder") is not None if "holder" in provider else provider.get("state") == "open"
