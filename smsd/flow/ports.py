"""What the flow needs of the outside, as Protocols; app hands in the links that satisfy them.

Everything here is called on the one loop, and nothing waits: what takes time calls back.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

from smsd.core.message import Known, Message, Part
from smsd.core.publication import Confirm, Publication


class Delivery(Protocol):
    """One message from a queue, to be acked exactly once; acks of a lost connection are dropped by the link."""

    body: bytes
    key: str
    provider: str
    priority: int
    redelivered: bool
    first: bool
    """Whether it came by the first consumer of its queue in this run: nothing that came has gone back there unseen."""

    @property
    def message_id(self) -> str | None:
        """With lone surrogates where it is no UTF-8."""

    @property
    def correlation_id(self) -> str | None: ...
    @property
    def content_encoding(self) -> str:
        """What the publisher says that the body was put through."""

    @property
    def reply_to(self) -> str | None: ...
    @property
    def headers(self) -> Mapping[str, str]:
        """Those that mean something to us, as far as they are text."""

    @property
    def given_up(self) -> str | None:
        """Why its work queue gave up on it, in the broker's word; None if none has since it was published."""

    @property
    def unreadable(self) -> str | None:
        """What makes its properties unreadable."""

    def ack(self) -> None: ...
    def give_back(self) -> None: ...
    @property
    def stale(self) -> bool: ...


class Broker(Protocol):
    """The broker connection, which comes and goes. Publishing needs `connected`."""

    @property
    def connected(self) -> bool: ...
    @property
    def blocked(self) -> bool: ...
    def publish(self, publication: Publication, then: Callable[[Confirm], None]) -> None: ...
    def copy(self, queue: str, publication: Publication) -> None:
        """The same body to the caller's own queue, at best effort."""

    def forward(
        self, delivery: Any, exchange: str, key: str, headers: dict[str, str], then: Callable[[Confirm], None]
    ) -> None:
        """A delivery's body and properties to another exchange, with more headers."""

    def consume(self, provider: str, prefetch: int, priorities: Collection[int]) -> None:
        """Reads the queues of these priorities, and no others of the provider's."""

    def stop_consuming(self, provider: str) -> None: ...
    def read_through(self, provider: str, look: Callable[[Any], bool], then: Callable[[bool], None]) -> None:
        """Shows `look` all that waits in the provider's work queues; what it takes it acks, the rest goes back.

        `then` is told at the end whether that was all of it.
        """


class Journal(Protocol):
    """What must survive the process. Callbacks come once the fact is safe, in the order of the calls."""

    @property
    def trouble(self) -> str | None:
        """Why nothing can be made safe for now; it is tried again by itself."""

    @property
    def full(self) -> bool:
        """Too much waits to be committed, or has waited too long: take nothing new."""

    @property
    def new(self) -> bool:
        """It was made in this run: of what was handed over before, it knows nothing."""

    def look_up(self, message_id: str, then: Callable[[Known | None], None]) -> None:
        """What is known of a request id."""

    def take_up(self, message: Message) -> None:
        """The id is this message's from now on."""

    def put_back(self, message: Message) -> None:
        """The message went back to its queue, never handed over: its id is free again."""

    def intend(self, message: Message, part: Part, then: Callable[[Message, Part], None]) -> None:
        """This part is about to be written to the provider."""

    def note(self, message: Message, kind: str, part: Part | None = None, **facts: Any) -> None:
        """A step of a message, or of one part of it (core.life names them)."""

    def file_under(self, message: Message, part: Part, group: str, keys: Sequence[str]) -> None:
        """What a part's receipts may be found by within `group`."""

    def conclude(self, message: Message, result: Publication, final: bool) -> None:
        """A result of a message."""

    def remember(self, message_id: str, fingerprint: bytes, result: Publication) -> None:
        """The result of a request that never became a message."""

    def count(self, result: Publication, campaign: str | None) -> None:
        """A result that is not remembered."""

    def await_receipt(self, message: Message, due: float | None) -> None:
        """The message's receipt must come by `due`, in seconds since 1970; None: it need not any more."""

    def overdue(self, provider: str, then: Callable[[list[Message]], None]) -> None:
        """Some of the messages whose receipt had to come by now."""

    def match(
        self,
        groups: Sequence[str],
        keys: Sequence[str],
        then: Callable[[tuple[Message, Part] | None], None],
        numbers: Sequence[str] = (),
    ) -> None:
        """The part that a receipt is about, filed within one of `groups`.

        Of several with one id it is one whose recipient has one of `numbers` as its tail (core.address), then the one
        of the first group and key, then the newest.
        """

    def park(self, provider: str, pdu: bytes) -> int:
        """Keeps a PDU that can't be dealt with yet; returns its number."""

    def unpark(self, number: int) -> None:
        """It has been dealt with."""

    def keep(self, publication: Publication, then: Callable[[int], None]) -> None:
        """A publication that must reach the broker, in one commit with what was told before it in this turn."""

    def published(self, number: int) -> None:
        """The broker has it: it need not be kept any more."""

    def kept(
        self, types: Sequence[str], after: int, most: int, then: Callable[[list[tuple[int, Publication]]], None]
    ) -> None:
        """Publications of these types that were kept and not published, in their order, from `after` on."""

    def record(self, provider: str, body: bytes) -> None:
        """A line of the connection log."""

    def stand(self, provider: str, kind: str, value: str, on: bool) -> None:
        """What an operator has decided, until it is taken back."""

    def safe(self, then: Callable[[], None]) -> None:
        """Calls back once everything told so far is safe."""


class Meter(Protocol):
    """Counts and measures; `provider` is a name of the settings, or `unknown`."""

    def request(self, provider: str, outcome: str) -> None: ...
    def dead_letter(self, reason: str) -> None: ...
    def submitted(self, provider: str, priority: int, seconds_waited: float) -> None: ...
    def answered(self, provider: str, outcome: str, seconds: float) -> None: ...
    def submit_error(self, provider: str, status: str) -> None: ...
    def segment(self, provider: str, outcome: str) -> None: ...
    def result(self, provider: str, status: str) -> None: ...
    def receipt_awaited(self, provider: str) -> None: ...
    def receipt(self, provider: str, state: str) -> None: ...
    def delivered_after(self, provider: str, seconds: float) -> None: ...
    def unmatched_receipt(self, provider: str) -> None: ...
    def inbound(self, provider: str) -> None: ...
    def bind_attempt(self, provider: str, outcome: str) -> None: ...
    def bad_pdu(self, provider: str) -> None: ...
    def event(self, provider: str, event: str) -> None: ...
    def events_dropped(self, number: int) -> None: ...


class Connection(Protocol):
    """An open connection to an SMSC."""

    @property
    def writable(self) -> bool: ...
    def write(self, octets: bytes) -> None: ...
    def close(self, *, in_order: bool) -> None:
        """`in_order`: the peer knows of it, and closes its own side; else nothing waits for that."""


class Peer(Protocol):
    """Who is told what happens on a connection."""

    def received(self, chunk: bytes) -> None: ...
    def lost(self, reason: str) -> None: ...
    def resumed(self) -> None: ...


Dial = Callable[[str, int, Peer], Awaitable[Connection]]
"""Opens a connection to (host, port); raises LinkDown."""
