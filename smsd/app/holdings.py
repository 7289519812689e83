"""The providers that this daemon holds: how they come, change and go, each on its own.

What is wanted is in the settings, what is real in the binds; a task for each provider leads from one to the other, and
ends there. A wish that changes on the way is followed as soon as the step under way is done. Never are there two binds
with the same connection data: who would clash with one that is leaving waits until that one has unbound.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

from smsd.app.neighbours import ASK_AGAIN, Claim, Neighbours
from smsd.core.errors import LinkDown
from smsd.core.topology import Topology, of_provider, topology
from smsd.flow.events import Events
from smsd.flow.holding import Holding
from smsd.flow.supervisor import Supervisor
from smsd.links.broker.link import BrokerLink
from smsd.settings.change import rebinds
from smsd.settings.model import Provider, Settings
from smsd.settings.rules import same_connections

AGAIN = 10.0
"""Seconds before queues that could not be declared are tried again."""

GOODBYE = 15.0
"""Seconds that unbinding may take at the end, beyond the wait for answers."""


def topology_of(settings: Settings, names: Iterable[str] | None = None) -> Topology:
    """What the contract wants at the broker for these settings, with the queues of all providers or of those named."""
    broker = settings.broker
    providers = settings.providers if names is None else [name for name in settings.providers if name in set(names)]
    return topology(providers, prefix=broker.prefix, queue_type=broker.queue_type, default_queues=broker.default_queues)


def left_behind(name: str) -> Provider:
    """A provider that is gone from the settings, as far as what it has left in the journal is concerned.

    How long its receipts are waited for is in the journal, message by message.
    """
    return Provider.model_construct(name=name, title=name, active=False, hosts=(), receipt_wait=0.0)


class Holdings(Mapping[str, Holding]):
    """By name; those that are leaving are here until they are gone. `make` builds one that was never held."""

    def __init__(
        self,
        settings: Settings,
        make: Callable[[Provider], Holding],
        broker: BrokerLink,
        events: Events,
        supervisor: Supervisor,
        mine: tuple[str, str],
    ) -> None:
        self._settings = settings
        self._make = make
        self._broker = broker
        self._events = events
        self._supervisor = supervisor
        self._loop = asyncio.get_running_loop()
        self._held: dict[str, Holding] = {}
        self._resting: dict[str, Holding] = {}
        """Those that left, with what they know: clock, parked receipts, references. They may come back.

        Of an earlier run's those are here that have left something, until they are held, if they ever are.
        """
        self._declared = set(settings.providers)
        """Providers whose queues are there once the broker is."""
        self._leaving: dict[str, tuple[Provider, str]] = {}
        """Whose binds have to end: by whose connection data they live, and why."""
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._news = asyncio.Event()
        """Set, and replaced, when somebody who waits should look again."""
        self._begun = False
        """Whether the broker was there once: nothing is bound before."""
        self._ending: float | None = None
        """Loop time until which the windows are awaited, once smsd stops."""
        self._troubles: dict[str, str] = {}
        self._control: asyncio.Task[None] | None = None
        self._meeting: asyncio.Task[None] | None = None
        """Who looks for others that hold our providers, on this connection."""
        self.neighbours = Neighbours(broker, self._wake, mine)
        self._connections = 0
        self._refused: set[str] = set()
        """Providers that somebody else holds, when last looked at."""
        broker.control_keys = self._active()

    def __getitem__(self, name: str) -> Holding:
        return self._held[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

    def why_not(self, name: str) -> str:
        """Why an active provider is not held yet."""
        if name in self._troubles:
            return self._troubles[name]
        return "about to connect" if self._broker.connected else "waiting for the broker"

    def resting(self, name: str) -> Holding:
        """Who takes care of what this provider has left in an earlier run; nothing is bound for that."""
        if name not in self._resting:
            self._resting[name] = self._make(self._settings.providers.get(name) or left_behind(name))
        return self._resting[name]

    # --- what is wanted

    def broker_up(self) -> None:
        """The broker is connected. Who holds a provider goes on; others look first whether somebody else does."""
        self._connections += 1
        for holding in self._held.values():
            holding.update()
            holding.broker_up()
        if self._meeting is not None:
            self._meeting.cancel()
        meet = partial(self._meet, self._connections == 1)
        self._meeting = asyncio.create_task(self._supervisor.keep("neighbours", meet), name="neighbours")

    async def _meet(self, first: bool) -> None:
        """Begins to hold what nobody else does. Again after that: two that started together had not seen each other."""
        await self.neighbours.look()
        await self._broker.set_control_keys(["all", *self._active()])
        self._yield(lambda _: True)
        self._begun = True
        self._lead_all()
        await self.neighbours.look()
        self._yield(lambda claim: not (first and self.neighbours.comes_first(claim)))
        while True:
            await asyncio.sleep(ASK_AGAIN)
            if self._refused & self._settings.providers.keys():
                await self.neighbours.look()
                self._lead_all()

    def _lead_all(self) -> None:
        self._wake()
        for name in self._settings.providers:
            self._lead(name)

    def _yield(self, to: Callable[[Claim], bool]) -> None:
        """Leaves what another one holds as well."""
        for name, holding in self._held.items():
            claim = self.neighbours.claim(name)
            if claim is not None and holding.bound_as is not None and to(claim):
                holding.release()
                self._leaving.setdefault(name, (holding.bound_as, str(claim)))
                self._lead(name)

    def sweep(self) -> None:
        """Called about twice a second. Of those that left, what came before may still have to be told."""
        for holding in self._held.values():
            holding.sweep()
        for holding in self._resting.values():
            holding.receipts.sweep()

    def apply(self, settings: Settings, why: Mapping[str, str]) -> None:
        """From now on these settings; `why` says of each provider that has to rebind or leave what has changed.

        What counts in place does so at once; binds are ended and made in the background.
        """
        before, self._settings = self._settings, settings
        names = dict.fromkeys([*before.providers, *settings.providers])
        changed = [name for name in names if before.providers.get(name) != settings.providers.get(name)]
        self._declared &= settings.providers.keys()
        self._broker.topology = topology_of(settings, self._declared)
        for holding in self._held.values():
            holding.watch(settings.log.pdus)
        for name in changed:
            self._troubles.pop(name, None)
            if name in self._held:
                self._change(self._held[name], settings.providers.get(name), why.get(name, ""))
        self._wake()
        for name in changed:
            self._lead(name)
        self._broker.control_keys = self._active()
        self._control = asyncio.create_task(self._broker.set_control_keys(["all", *self._active()]))

    def _change(self, holding: Holding, provider: Provider | None, why: str) -> None:
        wanted = provider is not None and provider.active
        if provider is not None:
            holding.adopt(provider)
        if not wanted:
            holding.release()
        bound_as = holding.bound_as
        if bound_as is not None and not (wanted and provider is not None and not rebinds(bound_as, provider)):
            self._leaving.setdefault(holding.name, (bound_as, why))

    async def stop(self, deadline: float) -> None:
        """Ends all binds; their windows are awaited until `deadline` (loop time)."""
        self._ending = deadline
        for task in (self._control, self._meeting):
            if task is not None:
                task.cancel()
        for name, holding in self._held.items():
            holding.release()
            if holding.bound_as is not None:
                self._leaving.setdefault(name, (holding.bound_as, ""))
        self._wake()
        for name in self._held:
            self._lead(name)
        if ends := [self._tasks[name] for name in self._held]:
            await asyncio.wait(ends, timeout=deadline + GOODBYE - self._loop.time())
        for leading in self._tasks.values():
            leading.cancel()

    # --- getting there

    def _lead(self, name: str) -> None:
        task = self._tasks.get(name)
        if task is None or task.done():
            what = f"holding {name}"
            self._tasks[name] = asyncio.create_task(self._supervisor.keep(what, partial(self._follow, name)), name=what)

    async def _follow(self, name: str) -> None:
        """Does the next step until none is left. It looks at the settings anew after whatever it has waited for."""
        while True:
            holding = self._held.get(name)
            provider = self._settings.providers.get(name)
            if name in self._leaving and holding is not None:
                await holding.leave(self._leaving[name][1], self._patience(holding))
                del self._leaving[name]
                self._wake()
            elif self._ending is not None or (provider is None and holding is not None):
                self._rest(name)
                return
            elif provider is None or not self._begun or (holding is not None and holding.bound_as is not None):
                return
            elif name not in self._declared:
                await self._declare(name)
            elif not provider.active:
                self._rest(name)
                return
            elif self._clashes(provider):
                await self._news.wait()
            elif claim := self.neighbours.claim(name):
                self._refuse(name, str(claim))
                await self._news.wait()
            else:
                self._enter(provider)

    def _patience(self, holding: Holding) -> float:
        """Until when answers are awaited: after submit_timeout none is counted on any more."""
        if self._ending is not None:
            return self._ending
        return self._loop.time() + min(self._settings.stop_timeout, holding.provider.submit_timeout)

    def _enter(self, provider: Provider) -> None:
        name = provider.name
        self._troubles.pop(name, None)
        self._refused.discard(name)
        if name not in self._held:
            known = self._resting.pop(name, None)
            if known is not None:
                known.adopt(provider)
            self._held[name] = known or self._make(provider)
        self._held[name].watch(self._settings.log.pdus)
        self._held[name].enter()

    def _rest(self, name: str) -> None:
        if name in self._held:
            self._resting[name] = self._held.pop(name)

    def _clashes(self, provider: Provider) -> bool:
        """Whether somebody who is leaving still has a bind with its connection data."""
        leaving = {name: bound_as for name, (bound_as, _) in self._leaving.items() if name != provider.name}
        return bool(leaving) and any(
            name == provider.name for name, _ in same_connections({**leaving, provider.name: provider})
        )

    async def _declare(self, name: str) -> None:
        """Makes the queues of a provider that is new, or waits until it may be tried again."""
        broker = self._settings.broker
        try:
            await self._broker.add(of_provider(name, prefix=broker.prefix, queue_type=broker.queue_type))
        except LinkDown as down:
            why = f"its queues are not there: {down.reason}"
            if self._broker.connected and self._troubles.get(name) != why:
                self._troubles[name] = why
                self._events.emit("check_failed", name, detail=f"connection closed: {why}")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), AGAIN)
        else:
            self._troubles.pop(name, None)
            if name in self._settings.providers:
                self._declared.add(name)
                self._broker.topology = topology_of(self._settings, self._declared)

    def _refuse(self, name: str, why: str) -> None:
        self._refused.add(name)
        if self._troubles.get(name) != why:
            self._troubles[name] = why
            self._events.emit("already_bound", name, detail=f"connection closed: {why}")

    def _active(self) -> list[str]:
        return [name for name, provider in self._settings.providers.items() if provider.active]

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()
