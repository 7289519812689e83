"""A command's own short bind at a provider: dial, bind, unbind, and in a sentence how far that went."""

import asyncio
import contextlib
from dataclasses import dataclass, replace

from smsd.core.binding import bind_fields, kinds, limits
from smsd.core.errors import LinkDown
from smsd.core.smpp.events import Arrived, BindRefused, Bound, Closed, Event
from smsd.core.smpp.session import Session
from smsd.core.smpp.states import State
from smsd.core.verdict import explain_bind
from smsd.links.smsc import Dialer, SmscConnection
from smsd.settings.model import Host, Provider


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of one host. `status` is the command_status of a bind that was refused."""

    host: str
    open: bool
    detail: str
    status: int | None = None


async def probe(provider: Provider) -> list[Finding]:
    """Each of the provider's hosts, one after the other: at the same time they would be two binds of one login."""
    return [await _probe(provider, host) for host in provider.hosts]


async def _probe(provider: Provider, host: Host) -> Finding:
    """The binds that the daemon would have, open at the same time as there, then unbound."""
    where = host.where
    trials = [Trial(provider, kind) for kind in kinds(provider)]
    try:
        for trial in trials:
            if (why := await trial.bind(host)) is not None:
                detail = why if len(trials) == 1 else f"{trial.kind}: {why}"
                return Finding(where, False, detail.removeprefix(f"{where}: "), trial.status)
        return Finding(where, True, " and ".join(trial.kind for trial in trials) + f", SMSC {trials[0].smsc}")
    finally:
        await asyncio.gather(*(trial.unbind() for trial in trials))


class Trial:
    """One bind. Satisfies the connection's Peer."""

    def __init__(self, provider: Provider, kind: str) -> None:
        self.kind = kind
        self.smsc = "unnamed"
        self.status: int | None = None
        self._provider = provider
        self._loop = asyncio.get_running_loop()
        self._session: Session | None = None
        self._connection: SmscConnection | None = None
        self._changed = asyncio.Event()
        self._reason = ""
        self._in_order = False
        """Whether the SMSC has ended the session itself."""

    async def bind(self, host: Host) -> str | None:
        """Binds within bind_timeout, the connecting included; why it could not, or None."""
        provider = self._provider
        deadline = self._loop.time() + provider.bind_timeout
        try:
            connection = await Dialer(provider.tls, provider.bind_timeout)(host.host, host.port, self)
        except LinkDown as down:
            return down.reason
        self._connection = connection
        now = self._loop.time()
        bounds = replace(limits(provider), bind_timeout=deadline - now)
        session = self._session = Session(self.kind, bind_fields(provider), bounds)
        session.connected(now)
        self._flush()
        await self._leave(session, State.BINDING)
        return None if session.state is State.BOUND else self._reason

    async def unbind(self) -> None:
        """Unbinds, waits for the answer as long as the session does, and closes."""
        session = self._session
        if session is not None and session.state is State.BOUND:
            session.unbind(self._loop.time())
            self._flush()
            await self._leave(session, State.UNBINDING)
        if self._connection is not None:
            self._connection.close(in_order=self._in_order)

    async def _leave(self, session: Session, state: State) -> None:
        """Waits until the session is in another state."""
        while session.state is state and (due := session.deadline()) is not None:
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), due - self._loop.time())
            self._take(session, session.tick(self._loop.time()))

    def _take(self, session: Session, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Bound):
                self.smsc = event.system_id or self.smsc
            elif isinstance(event, BindRefused) and event.status is not None:
                self.status = event.status
            elif isinstance(event, Closed):
                self._in_order = event.in_order
                self._reason = event.reason if self.status is None else explain_bind(self.status)
            elif isinstance(event, Arrived):  # a receipt that must come again, to a daemon
                session.answer(event.pdu, self._provider.deliver_fail_status)
        self._flush()
        self._changed.set()

    def _flush(self) -> None:
        if self._session is not None and self._connection is not None:
            self._connection.write(self._session.data_to_send())

    # --- what the connection says

    def received(self, chunk: bytes) -> None:
        if self._session is not None:
            self._take(self._session, self._session.receive_data(chunk, self._loop.time()))

    def lost(self, reason: str) -> None:
        if self._session is not None:
            self._take(self._session, self._session.disconnected(reason, self._loop.time()))

    def resumed(self) -> None:
        """Nothing waits for this: a bind is all that is written."""
