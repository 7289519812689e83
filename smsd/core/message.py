"""One message on its way: what was asked for, its segments, and what is known of each of them.

Whether a message has ended, and as what, is decided here and nowhere else. Statuses only move forward.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from smsd.core.contract import SendRequest
from smsd.core.publication import Publication

WAITING, IN_FLIGHT, SENT, REJECTED, UNCERTAIN = "waiting", "in_flight", "sent", "rejected", "uncertain"
"""What a part is before its receipt; afterwards its status is the receipt's."""

RESENDS = 2
"""Times that a segment in doubt is sent again at most (`on_uncertain: resend`): each may be an SMS."""

_NOT_ACCEPTED = frozenset({WAITING, IN_FLIGHT, REJECTED, UNCERTAIN})
_SETTLED = frozenset({"delivered", "undelivered", "expired"})


@dataclass(slots=True, eq=False)
class Part:
    """One segment; with message_payload the whole text."""

    n: int
    body: bytes
    """The submit_sm's body, ready for the wire."""
    cost: int = 1
    """Segments that it counts as."""
    status: str = WAITING
    smsc_id: str | None = None
    smpp_status: int | None = None
    receipt: dict[str, Any] | None = None
    tlvs: dict[str, str] | None = None
    """Those of the last response, as results show them; None where it had none."""
    attempts: int = 0
    resent: int = 0
    """How often it was handed over again although the provider may have had it already."""
    written: bool = False
    """Whether its octets were given to the link, as long as no outcome is known."""
    host: str | None = None
    """Where it was handed over last, or is about to be."""
    intent: int | None = None
    """The journal's number of its intent, as long as no outcome is known."""

    @property
    def accepted(self) -> bool:
        """Whether the provider has it; a receipt may have come since, even before the answer to the next segment."""
        return self.status not in _NOT_ACCEPTED

    @property
    def settled(self) -> bool:
        """Whether a receipt has said what became of it."""
        return self.status in _SETTLED


@dataclass(frozen=True, slots=True)
class Ending:
    """How a message ends: the fields of its result that say so."""

    status: str
    reason: str | None = None
    detail: str | None = None
    permanent: bool = False
    smpp_status: int | None = None


ALL_SENT = Ending(SENT)


@dataclass(slots=True, eq=False, weakref_slot=True)
class Message:
    """A request that passed the intake, until nothing more can follow."""

    id: str
    request: SendRequest
    provider: str
    priority: int
    """0 urgent, 1 normal, 2 bulk."""
    fingerprint: bytes
    received_at: float
    """Seconds since 1970."""
    recipient: str
    """Digits of the international number."""
    sender: str
    encoding: str
    segments: int
    parts: list[Part]
    receipt_asked: bool
    resend: bool
    """What happens to uncertain segments."""
    correlation_id: str | None = None
    reply_to: tuple[str, ...] = ()
    traceparent: str | None = None

    deliveries: list[Any] = field(default_factory=list)
    """What to ack once the first result is confirmed: the delivery, and copies of it that came meanwhile."""
    todo: list[Part] = field(default_factory=list)
    """Parts to hand over, in order."""
    in_flight: int = 0
    queued: bool = False
    """Whether a lane's queue holds it."""
    refusals: int = 0
    first_refused_at: float | None = None
    """On the clock of the time bound, in seconds: time without a bind does not count against retries.max_age."""
    last_status: int | None = None
    """The command_status of the last refusal."""
    reference: int | None = None
    """Concatenation reference of its segments."""
    cut: str | None = None
    """What its segments have in common that the handset joins them by, see core.compose; None if nobody knows."""
    text_changed: bool = False
    """Whether signs of the text were replaced."""
    ending: Ending | None = None
    """Decided, but not told before the last segment in flight has its answer."""
    result: Publication | None = None
    """The last result published."""
    status: str | None = None
    """The status of that result."""
    possible_duplicate: bool = False
    corrects: str | None = None
    host: str | None = None
    """Which of the provider's hosts, as `HOST:PORT`, was first handed a segment."""
    sent_at: float | None = None
    done_at: float | None = None
    due: float = 0.0
    """Seconds since 1970 before which it is not handed over, as it is written down for others: send_after, or the end
    of a retry's delay."""
    rests_until: float = 0.0
    """Loop time at which a retry's delay ends: a clock of the world that is set changes no delay."""
    rest: float | None = None
    """Seconds that were left of a retry's delay when it came out of a hold queue; None where nobody has said so."""
    faults: int = 0
    """How often the provider took it for a fault of the bind."""
    doubted_at: float | None = None
    """Seconds since 1970 when a segment of it first was in doubt and waits to be sent again."""
    doubted_since: float | None = None
    """The same on the loop's clock."""
    came_at: float = 0.0
    """Loop time at which the delivery came that it waits with."""
    held: bool = False
    """Whether it rests at the broker, in a hold queue or its own; no delivery of it is here then."""
    place: Any = None
    """Where the journal keeps it."""

    def __repr__(self) -> str:
        parts = ",".join(part.status for part in self.parts)
        return f"<Message {self.id} to {self.provider}: {self.status or 'no result'}, parts {parts}>"

    @property
    def attempts(self) -> int:
        """How often it was handed to the provider: of several segments, the most any had."""
        parts = self.parts
        return parts[0].attempts if len(parts) == 1 else max(part.attempts for part in parts)

    @property
    def segments_sent(self) -> int:
        return sum([part.cost for part in self.parts if part.status not in _NOT_ACCEPTED])

    @property
    def touched(self) -> bool:
        """Whether any part may have reached the provider."""
        return any(part.attempts or part.status == IN_FLIGHT for part in self.parts)

    @property
    def handed_over(self) -> bool:
        """Whether any part is accepted, unanswered or uncertain; a part whose every attempt was refused is not."""
        return any(part.accepted or part.status in (IN_FLIGHT, UNCERTAIN) for part in self.parts)

    def hosts(self) -> list[str]:
        """Over which of them the segments went that are out, or may be."""
        out = [part.host for part in self.parts if part.accepted or part.status in (IN_FLIGHT, UNCERTAIN)]
        return list(dict.fromkeys(host for host in out if host is not None))

    def move(self, provider: str, priority: int, resend: bool) -> None:
        """It goes on with another provider, or in another priority, as if it had never been refused.

        Nothing of it is handed over. Its parts have to be made anew for that.
        """
        self.provider, self.priority, self.resend = provider, priority, resend
        self.due, self.rests_until = self.send_after, 0.0
        self.refusals, self.faults, self.first_refused_at, self.last_status = 0, 0, None, None

    @property
    def begun(self) -> bool:
        """Whether some segment is at the provider, or on its way there: then the others follow."""
        return any(part.accepted or part.written for part in self.parts)

    @property
    def send_after(self) -> float:
        """Seconds since 1970."""
        return self.request.send_after or 0.0

    def waits(self, now: float, wall: float) -> float:
        """Seconds until it may be handed over; 0 if it may now. `now` is the loop's time, `wall` that of the world."""
        return max(0.0, self.rests_until - now, self.send_after - wall)

    def put_off(self, delay: float, now: float, wall: float) -> None:
        """It rests for so many seconds."""
        self.rests_until = now + delay
        self.due = max(wall + delay, self.send_after)

    def come_back(self, now: float, wall: float, most: float) -> None:
        """It rested elsewhere: what was written down as a time of the world becomes a delay of `most` seconds at most.

        The world's clock may have been set in between; what the hold queue has seen of the delay counts more.
        """
        if not self.rests_until and self.due > self.send_after:
            left = self.due - wall if self.rest is None else self.rest
            self.rests_until = now + min(max(left, 0.0), most)
        self.rest = None

    def fits(self, parts: Sequence[Part]) -> bool:
        """Whether parts made anew can stand for this message's own."""
        return [part.cost for part in parts] == [part.cost for part in self.parts]

    def attach(self, delivery: Any) -> None:
        """A copy of its request has come: acked with it, and its sender hears of the results too."""
        self.deliveries.append(delivery)
        if (queue := delivery.reply_to) and queue not in self.reply_to:
            self.reply_to += (queue,)

    def wait_again(self, part: Part) -> None:
        """A part that was not written after all, or is to be handed over once more: in its place among the others."""
        part.status, part.written = WAITING, False
        self.todo.append(part)
        self.todo.sort(key=lambda waiting: waiting.n)

    def end(self, ending: Ending) -> None:
        """Decides the end; the first decision stands. What has not been handed over stays so."""
        if self.ending is None:
            self.ending = ending
            self.todo.clear()

    def doubt(self, part: Part, reason: str, detail: str) -> None:
        """A part that may be out: of several reasons to end, that is the one to tell. Nothing more is handed over."""
        part.status, part.written = UNCERTAIN, False
        self.ending = Ending(UNCERTAIN, reason, f"segment {part.n}: {detail}")
        self.todo.clear()

    def conclusion(self) -> Ending | None:
        """The message's end, or `sent`, as soon as nothing is left to send and no answer is awaited."""
        if self.in_flight or self.todo:
            return None
        parts = self.parts
        if len(parts) == 1 and self.ending is None:
            return ALL_SENT if parts[0].accepted else None  # its receipt may have come before the answer
        if any(part.status == UNCERTAIN for part in parts):
            if self.ending is not None and self.ending.status == UNCERTAIN:
                return self.ending
            return Ending(UNCERTAIN, "no-response", "a segment was handed to the provider and never answered")
        if self.ending is None:
            return ALL_SENT if all(part.accepted for part in parts) else None
        if self.segments_sent and self.ending.status in (REJECTED, "failed", "expired", "cancelled"):
            return self.partly_sent(self.ending)
        return self.ending

    def partly_sent(self, why: Ending) -> Ending:
        """The end of a message of which some segments went out and the others never will."""
        detail = f"only {self.segments_sent} of {self.segments} segments were accepted: {why.detail}"
        return Ending("failed", "partly-sent", detail, why.permanent, why.smpp_status)

    def receipt_verdict(self, one_for_all: bool = False) -> Ending | None:
        """What the parts' receipts say together; nothing before every part is answered.

        The first bad segment ends it. Delivered are only all of them, but for those that were accepted without an id
        while another has one: nothing can be said of these. With `one_for_all` one receipt speaks for the message.
        """
        if not all(part.accepted for part in self.parts):
            return None
        settled = [part for part in self.parts if part.settled]
        for part in settled:
            if part.status != "delivered":
                return Ending(part.status, _receipt_reason(part), _receipt_detail(part))
        named = [part for part in self.parts if part.smsc_id is not None] or self.parts
        if (one_for_all and settled) or all(part.settled for part in named):
            return Ending("delivered")
        return None


@dataclass(slots=True)
class Known:
    """What the journal knows of a request id."""

    fingerprint: bytes
    message: Message | None
    """While something may still follow."""
    result: Publication | None
    """The last result."""
    unreadable: str | None = None
    """Why nobody can say what became of it, where its record is none that this smsd can read."""


def _receipt_reason(part: Part) -> str:
    return "expired" if part.status == "expired" else "delivery-failed"


def _receipt_detail(part: Part) -> str:
    receipt = part.receipt or {}
    error = f", err {receipt['err']}" if receipt.get("err") else ""
    stat = receipt.get("stat") or f"message_state {receipt.get('state')}"
    return f"the receipt of segment {part.n} says {stat}{error}: err is the provider's own code, ask it for the meaning"


def parts_of(bodies: Sequence[bytes], cost: int = 1) -> list[Part]:
    return [Part(n, body, cost) for n, body in enumerate(bodies, 1)]
