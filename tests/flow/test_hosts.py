"""Which of a provider's hosts is tried next: the backups in turn, and the first again after a bind that held."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from rig.ports import free_port
from world import eventually, in_a_loop

from smsd.flow import bind as binds
from smsd.flow.bind import Bind
from smsd.links.smsc import Dialer
from smsd.settings.model import Host, Provider
from smsd.simulator.smsc import Smsc


@dataclass
class Owner:
    """Writes down where the bind went."""

    tried: list[int] = field(default_factory=list)
    bound_at: list[int] = field(default_factory=list)
    wire: None = None

    def connecting(self, _: Bind, host: Host) -> None:
        self.tried.append(host.port)

    def bound(self, _: Bind, host: Host, __: str) -> None:
        self.bound_at.append(host.port)

    def unreachable(self, *_: Any) -> None: ...
    def closed(self, *_: Any) -> None: ...
    def answers_done(self) -> None: ...


@asynccontextmanager
async def binding(*ports: int) -> AsyncIterator[Owner]:
    """A bind that goes round these ports."""
    provider = Provider.model_validate(
        {
            "name": "p",
            "hosts": [{"host": "127.0.0.1", "port": port} for port in ports],
            "system_id": "acme",
            "bind_timeout": "300ms",
            "reconnect": {"min": "50ms", "max": "50ms"},
        }
    )
    owner: Any = Owner()
    bind = Bind(provider, "transceiver", Dialer(None, provider.bind_timeout), owner, lambda: 0.0, attempt)
    task = asyncio.create_task(bind.run())
    try:
        yield owner
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def attempt(_: object, step: Callable[..., None], *arguments: Any) -> None:
    step(*arguments)


@asynccontextmanager
async def simulators(n: int) -> AsyncIterator[list[Smsc]]:
    smscs = [Smsc() for _ in range(n)]
    for smsc in smscs:
        await smsc.start()
    try:
        yield smscs
    finally:
        for smsc in smscs:
            await smsc.stop()


@in_a_loop
async def test_a_bind_that_was_lost_soon_goes_on_with_the_next_host() -> None:
    async with simulators(2) as (second, third):
        ports = [free_port(), second.port, third.port]
        async with binding(*ports) as owner:
            await eventually(lambda: owner.bound_at)
            second.disconnect()
            await eventually(lambda: len(owner.bound_at) == 2)
            assert owner.tried == ports


@in_a_loop
async def test_after_a_bind_that_held_the_first_host_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binds, "STABLE", 0.0)
    async with simulators(2) as (second, third):
        ports = [free_port(), second.port, third.port]
        async with binding(*ports) as owner:
            await eventually(lambda: owner.bound_at)
            second.disconnect()
            await eventually(lambda: len(owner.bound_at) == 2)
            assert owner.tried == [*ports[:2], *ports[:2]]


@in_a_loop
async def test_a_host_that_is_silent_for_long_has_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binds, "STABLE", 0.1)  # bind_timeout is longer, as an operator may set it
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with simulators(1) as (backup,), binding(silent.getsockname()[1], backup.port) as owner:
            await eventually(lambda: owner.bound_at)
            assert len(owner.tried) == 2
