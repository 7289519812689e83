"""The ESME side of one SMPP connection, without a socket: octets and a clock in, events and octets out.

The owner feeds `receive_data`, calls `tick` at `deadline`, and writes `data_to_send` after each call. Times are seconds
of any monotonic clock. No task, timer or future per PDU: requests wait in one table, ordered by age, swept by `tick`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from smsd.core import advice
from smsd.core.errors import LocalProtocolError, RemoteProtocolError
from smsd.core.smpp import pdus
from smsd.core.smpp.codec import HEADER, MIN_PDU, Framer, Pdu, Tlvs, Value, decode, encode_body
from smsd.core.smpp.events import (
    Answered,
    Arrived,
    BindRefused,
    Bound,
    Closed,
    Event,
    Malformed,
    Noticed,
    TimedOut,
)
from smsd.core.smpp.states import State, Step, move

UNBIND_TIMEOUT = 5.0
"""Seconds to wait for unbind_resp: some SMSCs never answer (quirk Q47; vumi waits 2 s, Kannel 30 s)."""

GIVEN_UP_MAX = 10_000
"""Timed-out requests remembered, so that an answer that comes after all still finds its message."""

MAX_SEQUENCE = 0x7FFFFFFF
"""SMPP 3.4 §5.1.4."""

BIND_COMMANDS = {
    "transceiver": pdus.BIND_TRANSCEIVER,
    "transmitter": pdus.BIND_TRANSMITTER,
    "receiver": pdus.BIND_RECEIVER,
}


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a session, in seconds and PDUs."""

    window: int = 10
    submit_timeout: float = 60.0
    bind_timeout: float = 10.0
    enquire_interval: float = 30.0
    enquire_timeout: float = 30.0
    enquire_always: bool = False


@dataclass(slots=True)
class _Waiting:
    command: int
    context: Any
    since: float


class Session:
    """One bind from TCP connect to close; a new connection needs a new session."""

    def __init__(self, kind: str, bind: Mapping[str, Value], limits: Limits) -> None:
        self.limits = limits
        self.state = State.CLOSED
        self.window_used = 0
        self.heard: Callable[[list[bytes]], None] | None = None
        """Shown every PDU that comes, before anything is made of it."""
        self._bind_command = BIND_COMMANDS[kind]
        self._bind_fields = dict(bind)
        self._framer = Framer()
        self._out: list[bytes] = []
        self._sequence = 0
        self._waiting: dict[int, _Waiting] = {}
        self._given_up: dict[int, _Waiting] = {}
        self._state_since = 0.0
        self._received_at = 0.0
        self._enquired_at: float | None = None
        self._enquire_sent_at = 0.0

    def __repr__(self) -> str:
        return f"<Session {self.state}, window {self.window_used}/{self.limits.window}, sequence {self._sequence}>"

    # --- what the owner does

    def connected(self, now: float) -> None:
        """The TCP (and TLS) connection is there: asks for the bind."""
        self._enter(Step.CONNECTED, now)
        self._enquire_sent_at = now
        self._request(self._bind_command, encode_body(self._bind_command, self._bind_fields))

    def submit(self, body: bytes, context: Any, now: float) -> bytes:
        """Sends a submit_sm whose body is ready, and returns the whole PDU. The owner has looked at `room` before."""
        if not self._may_submit():
            raise LocalProtocolError("a submit_sm needs a bind that may send")
        self._waiting[self._request(pdus.SUBMIT_SM, body)] = _Waiting(pdus.SUBMIT_SM, context, now)
        self.window_used += 1
        return self._out[-1]

    def request(self, command: int, fields: Mapping[str, Value], context: Any, now: float, tlvs: Tlvs = ()) -> None:
        """Sends any other request (query_sm, data_sm); its answer comes as `Answered` too."""
        if self.state is not State.BOUND:
            raise LocalProtocolError(f"{pdus.name(command)} needs a bind")
        self._waiting[self._request(command, encode_body(command, fields, tlvs))] = _Waiting(command, context, now)

    def answer(self, arrived: Pdu, status: int = 0) -> None:
        """Answers a deliver_sm or data_sm; message_id stays a single NUL (SMPP 3.4 §4.6.2, quirk Q30)."""
        if self.state in (State.BOUND, State.UNBINDING):
            self._out.append(
                HEADER.pack(MIN_PDU + 1, arrived.command | pdus.RESPONSE, status, arrived.sequence) + b"\0"
            )

    def unbind(self, now: float) -> None:
        """Says goodbye; `Closed` follows with the answer or after UNBIND_TIMEOUT."""
        self._enter(Step.UNBIND_SENT, now)
        self._request(pdus.UNBIND, b"")

    def disconnected(self, reason: str, now: float, *, by_peer: bool = True) -> list[Event]:
        """The connection is gone."""
        if self.state is State.CLOSED:
            return []
        if self.state is State.BINDING and by_peer:
            reason = advice.hung_up(reason)
        return self._close(Step.LOST, reason, now, by_peer=by_peer)

    def room(self) -> int:
        """Free places in the window; 0 where nothing may be submitted, and while a window made smaller empties."""
        return max(0, self.limits.window - self.window_used) if self._may_submit() else 0

    def unanswered(self) -> int:
        """Requests of ours that still wait for their answer."""
        return len(self._waiting)

    def waiting(self) -> Iterator[Any]:
        """The contexts of requests that wait for their answer, oldest first."""
        return (waiting.context for waiting in self._waiting.values())

    def data_to_send(self) -> bytes:
        """The octets to write now; empty when there are none."""
        if not self._out:
            return b""
        data = b"".join(self._out)
        self._out.clear()
        return data

    # --- time

    def deadline(self) -> float | None:
        """When `tick` must be called next."""
        limits = self.limits
        if self.state is State.CLOSED:
            return None
        if self.state is State.BINDING:
            return self._state_since + limits.bind_timeout
        moments = [self._enquire_due()]
        if self.state is State.UNBINDING:
            moments.append(self._state_since + UNBIND_TIMEOUT)
        if self._waiting:
            moments.append(next(iter(self._waiting.values())).since + limits.submit_timeout)
        return min(moments)

    def _enquire_due(self) -> float:
        if self._enquired_at is not None:
            return self._enquired_at + self.limits.enquire_timeout
        since = self._enquire_sent_at if self.limits.enquire_always else self._received_at
        return since + self.limits.enquire_interval

    def tick(self, now: float) -> list[Event]:
        """Does what is due: gives up old requests, asks whether the peer is alive, ends what took too long."""
        if self.state is State.BINDING and now >= self._state_since + self.limits.bind_timeout:
            return [BindRefused(None), *self._close(Step.BIND_REFUSED, advice.UNANSWERED, now)]
        if self.state is State.UNBINDING and now >= self._state_since + UNBIND_TIMEOUT:
            return self._close(Step.UNBIND_ANSWERED, "unbind was not answered", now)
        if self.state not in (State.BOUND, State.UNBINDING):
            return []
        events: list[Event] = []
        for sequence, waiting in list(self._waiting.items()):
            if now < waiting.since + self.limits.submit_timeout:
                break
            events.append(self._give_up(sequence, waiting))
        if now >= self._enquire_due():
            if self._enquired_at is not None:
                return events + self._close(Step.LOST, "enquire_link was not answered", now)
            self._enquired_at = self._enquire_sent_at = now
            self._request(pdus.ENQUIRE_LINK, b"")
        return events

    def _give_up(self, sequence: int, waiting: _Waiting) -> Event:
        self._forget(sequence, waiting)
        self._given_up[sequence] = waiting
        if len(self._given_up) > GIVEN_UP_MAX:
            del self._given_up[next(iter(self._given_up))]
        return TimedOut(waiting.context)

    # --- what the peer sends

    def receive_data(self, chunk: bytes, now: float) -> list[Event]:
        """Takes octets, cut anywhere, and returns what they mean; nothing means anything after `Closed`."""
        events: list[Event] = []
        while self.state is not State.CLOSED:
            try:
                frames = self._framer.feed(chunk)
            except RemoteProtocolError as error:
                self._out.append(HEADER.pack(MIN_PDU, pdus.GENERIC_NACK, error.status, 0))
                events.append(Malformed(str(error), error.pdu_hex))
                why = f"the stream can't be read any more: {error}"
                if self.state is State.BINDING:
                    why = advice.not_smpp(why, bytes.fromhex(error.pdu_hex))
                return events + self._close(Step.LOST, why, now)
            if not frames:
                break
            self._received_at = now
            self._enquired_at = None
            if self.heard is not None:
                self.heard(frames)
            for frame in frames:
                self._receive(frame, now, events)
            chunk = b""  # a framing error behind these frames shows on the next turn
        return events

    def _receive(self, frame: bytes, now: float, events: list[Event]) -> None:
        if self.state is State.CLOSED:
            return
        try:
            pdu = decode(frame)
        except RemoteProtocolError as error:
            events.append(Malformed(str(error), error.pdu_hex))
            self._refuse(frame, error.status)
            return
        pdu.frame = frame
        command = pdu.command
        if command == pdus.SUBMIT_SM_RESP:
            self._answered(pdu, now, events)
        elif command in (pdus.DELIVER_SM, pdus.DATA_SM):
            self._arrived(pdu, events)
        elif command == pdus.ENQUIRE_LINK:
            self._out.append(HEADER.pack(MIN_PDU, pdus.ENQUIRE_LINK_RESP, 0, pdu.sequence))
        elif command == pdus.ENQUIRE_LINK_RESP:
            pass  # that it came is all it says
        elif command == pdus.UNBIND:
            self._out.append(HEADER.pack(MIN_PDU, pdus.UNBIND_RESP, 0, pdu.sequence))
            events += self._close(Step.PEER_UNBOUND, "the provider sent unbind", now, by_peer=True, in_order=True)
        elif command == pdus.UNBIND_RESP and self.state is State.UNBINDING:
            events += self._close(Step.UNBIND_ANSWERED, "unbound", now, in_order=True)
        elif self.state is State.BINDING and command in _BIND_ANSWERS:
            self._bind_answered(pdu, now, events)
        elif command in (pdus.ALERT_NOTIFICATION, pdus.OUTBIND):
            events.append(Noticed(pdu, f"{pdus.name(command)} received"))
        elif command & pdus.RESPONSE:
            self._answered(pdu, now, events)
        else:
            events.append(Noticed(pdu, f"{pdus.name(command)} is nothing a provider may ask; answered generic_nack"))
            self._out.append(HEADER.pack(MIN_PDU, pdus.GENERIC_NACK, 0x03, pdu.sequence))

    def _bind_answered(self, pdu: Pdu, now: float, events: list[Event]) -> None:
        if pdu.status or pdu.command == pdus.GENERIC_NACK:
            events.append(BindRefused(pdu.status or 0x03))
            events += self._close(Step.BIND_REFUSED, "bind refused", now, by_peer=True, in_order=True)
            return
        self._enter(Step.BIND_ACCEPTED, now)
        version = pdu.tlv(pdus.TLV_SC_INTERFACE_VERSION)
        events.append(Bound(pdu.text("system_id"), version[0] if version else None))

    def _arrived(self, pdu: Pdu, events: list[Event]) -> None:
        if self.state is State.BINDING:  # an SMSC may flood before its bind_resp (quirk Q41): it will come again
            self._out.append(HEADER.pack(MIN_PDU + 1, pdu.command | pdus.RESPONSE, 0x04, pdu.sequence) + b"\0")
        else:
            events.append(Arrived(pdu))

    def _answered(self, pdu: Pdu, now: float, events: list[Event]) -> None:
        sequence = pdu.sequence
        waiting = self._waiting.get(sequence)
        late = waiting is None
        if waiting is None:
            waiting = self._given_up.get(sequence)
        nack = pdu.command == pdus.GENERIC_NACK
        if waiting is None or not (nack or pdu.command == waiting.command | pdus.RESPONSE):
            events.append(Noticed(pdu, f"{pdus.name(pdu.command)} that nobody waits for"))
            return
        if late:
            del self._given_up[sequence]
        else:
            self._forget(sequence, waiting)
        status = (pdu.status or 0x03) if nack else pdu.status  # a generic_nack is never a yes
        events.append(Answered(waiting.context, status, pdu.text("message_id"), pdu, now - waiting.since, late))

    def _refuse(self, frame: bytes, status: int) -> None:
        """Answers a request that can't be read. (A response can always be read: see `codec`.)"""
        _, command, _, sequence = HEADER.unpack_from(frame)
        if command in (pdus.DELIVER_SM, pdus.DATA_SM):
            # Permanent for the SMSC: the same octets would come again for days (quirk Q36).
            self._out.append(HEADER.pack(MIN_PDU + 1, command | pdus.RESPONSE, status, sequence) + b"\0")
        else:
            self._out.append(HEADER.pack(MIN_PDU, pdus.GENERIC_NACK, status, sequence))

    # --- inside

    def _may_submit(self) -> bool:
        return self.state is State.BOUND and self._bind_command != pdus.BIND_RECEIVER

    def _request(self, command: int, body: bytes) -> int:
        sequence = self._sequence = self._sequence + 1 if self._sequence < MAX_SEQUENCE else 1
        self._out.append(HEADER.pack(MIN_PDU + len(body), command, 0, sequence) + body)
        return sequence

    def _forget(self, sequence: int, waiting: _Waiting) -> None:
        del self._waiting[sequence]
        if waiting.command == pdus.SUBMIT_SM:
            self.window_used -= 1

    def _enter(self, step: Step, now: float) -> None:
        self.state = move(self.state, step)
        self._state_since = now

    def _close(
        self, step: Step, reason: str, now: float, *, by_peer: bool = False, in_order: bool = False
    ) -> list[Event]:
        self._enter(step, now)
        lost = tuple(waiting.context for waiting in self._waiting.values())
        self._waiting.clear()
        self.window_used = 0
        return [Closed(reason, lost, by_peer, in_order)]


_BIND_ANSWERS = frozenset({pdus.GENERIC_NACK, *(command | pdus.RESPONSE for command in BIND_COMMANDS.values())})
"""Any of them answers any bind: some SMSCs answer with another bind's response (quirk Q29)."""
