"""From a delivery to a message in its lane, or to a result that says why not."""

import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Protocol

import structlog

from smsd.core import history
from smsd.core.compose import Composed
from smsd.core.contract import (
    PRIORITIES,
    Refused,
    SendRequest,
    Unreadable,
    drop_unknown_fields,
    fingerprint,
    read_request,
    result_id,
)
from smsd.core.errors import ContractError
from smsd.core.message import Ending, Known, Message
from smsd.flow.moves import Moves
from smsd.flow.ports import Delivery, Journal, Meter
from smsd.flow.recovery import doubt
from smsd.flow.report import Reporter, traceparent
from smsd.flow.stopped import Stopped

log = structlog.get_logger("smsd.intake")

ELSEWHERE = "hold.1m"
"""Where a copy of a request rests while its message is on its way by another provider, or in another priority."""

SEEN = 100_000
"""Ids remembered while the journal is new. What an earlier smsd had on its way is among the first that come."""

CHANGED = Ending(
    "failed", "partly-sent", "the settings have changed since its first segments were sent: the others don't fit them"
)
"""The end of a message whose segments could not be joined."""

NAMES_WARNED = 1000
"""Unknown field names remembered, so that each is warned about once."""


class Destination(Protocol):
    """A provider that this daemon holds, as the intake sees it."""

    @property
    def resend(self) -> bool: ...
    def compose(self, request: SendRequest, reference: int | None) -> Composed: ...
    def bound_clock(self) -> float: ...
    def take(self, message: Message) -> None: ...
    def cancel(self, message: Message) -> bool: ...
    def expire(self, message: Message) -> None: ...


class Intake:
    """Reads requests."""

    def __init__(
        self,
        *,
        moves: Moves,
        journal: Journal,
        reporter: Reporter,
        meter: Meter,
        destinations: Mapping[str, Destination],
        stopped: Stopped,
        with_delivery: Callable[..., None],
    ) -> None:
        self._with_delivery = with_delivery
        """Carries on after a question to the journal; a failure costs that delivery and no other (rule 7)."""
        self._moves = moves
        self._journal = journal
        self._reporter = reporter
        self._meter = meter
        self._destinations = destinations
        self._stopped = stopped
        self._warned: set[str] = set()
        self._seen: dict[str, bool] = {}
        """Ids that came in this run, as long as the journal is new, and whether they were in doubt at first."""

    # --- from a provider's own queues

    def arrived(self, delivery: Delivery) -> None:
        """One delivery of a work queue."""
        provider = delivery.provider
        try:
            request = read(delivery)
        except Unreadable as error:
            self._meter.request(provider, "refused")
            self._moves.bury(delivery, error.reason, error.detail)
            return
        except Refused as error:
            self._meter.request(provider, "refused")
            self._refuse(delivery, error, error.known, provider)
            return
        if unknown := drop_unknown_fields(request):
            self._warn_of(unknown)
        assert request.id is not None
        print_ = fingerprint(request.to, request.text)
        go_on = partial(self._looked_up, delivery, request, print_, self._is_doubtful(delivery, request))
        self._journal.look_up(request.id, partial(self._with_delivery, delivery, go_on))

    def look(self, delivery: Delivery) -> bool:
        """A request that waits at a provider which takes none for now: taken, and True, if it is over already."""
        try:
            request = read_request(delivery.body, delivery.message_id)
        except (Unreadable, Refused):
            return False  # it is answered when its turn comes
        if not (_has_expired(request) or self._is_cancelled(delivery.provider, request)):
            self._is_doubtful(delivery, request)  # what it comes with now it will not come with again
            return False
        self.arrived(delivery)
        return True

    def _is_cancelled(self, provider: str, request: SendRequest) -> bool:
        assert request.id is not None
        return self._stopped.holds(provider, request.campaign, request.id)

    def _looked_up(
        self, delivery: Delivery, request: SendRequest, print_: bytes, doubtful: bool, known: Known | None
    ) -> None:
        if delivery.stale:  # its connection is gone: it comes again
            return
        if known is None:
            self._admit(delivery, request, print_, doubtful)
        elif known.fingerprint != print_:
            self._meter.request(delivery.provider, "refused")
            error = ContractError(
                "id", "was used for another recipient or text: give each request its own", "duplicate-id"
            )
            identity = result_id(request.id, "rejected", "duplicate-id", print_.hex())
            self._reporter.reject(delivery, error, known_of(request), delivery.provider, identity=identity)
        elif known.unreadable is not None and known.result is None:
            self._meter.request(delivery.provider, "refused")
            self._moves.bury(delivery, "internal-error", f"it may have been sent: {known.unreadable}")
        elif known.result is None and (message := known.message) is not None and message.held:
            if (message.provider, message.priority) == (delivery.provider, delivery.priority):
                self._resume(delivery, request, message)
            else:
                self._elsewhere(delivery, request, message)
        else:
            self._meter.request(delivery.provider, "duplicate")
            if known.result is not None:
                self._reporter.repeat(delivery, known.result)
            elif known.message is not None:
                known.message.attach(delivery)

    def _is_doubtful(self, delivery: Delivery, request: SendRequest) -> bool:
        """Whether a smsd whose journal this one does not have may have sent the request.

        If this run has had it before it went back to its queue untouched, or the journal knows of it.
        """
        assert request.id is not None
        if not self._journal.new:
            return False
        if request.id not in self._seen and len(self._seen) < SEEN:
            self._seen[request.id] = delivery.redelivered and delivery.first
        return self._seen.get(request.id, False)

    def _admit(self, delivery: Delivery, request: SendRequest, print_: bytes, doubtful: bool) -> None:
        assert request.id is not None
        provider = delivery.provider
        now = time.time()
        headers = delivery.headers
        told = history.read(headers)
        destination = self._destinations.get(provider)
        if destination is None:  # the provider left the settings while this was on its way: it stays in its queue
            delivery.give_back()
            return
        if _has_expired(request):
            self._end_at_once(delivery, request, print_, "expired", "expires_at", "passed before it was handed over")
            return
        if self._is_cancelled(provider, request):
            self._stopped.count(provider, request.campaign, request.id)
            by = self._stopped.by(provider, request.campaign, request.id)
            self._end_at_once(delivery, request, print_, "cancelled", by, "was cancelled before it was sent")
            return
        try:
            composed = destination.compose(request, history.reference(told))
        except ContractError as error:
            self._meter.request(provider, "refused")
            self._refuse(delivery, error, known_of(request), provider, print_)
            return
        message = Message(
            request.id,
            request,
            provider,
            delivery.priority,
            print_,
            now,
            composed.recipient,
            composed.sender,
            composed.encoding,
            composed.segments,
            composed.parts,
            composed.receipt_asked,
            destination.resend if request.on_uncertain is None else request.on_uncertain == "resend",
            delivery.correlation_id,
            (delivery.reply_to,) if delivery.reply_to else (),
            traceparent(delivery),
            [delivery],
        )
        message.reference, message.cut = composed.reference, composed.cut
        message.text_changed = composed.text_changed
        message.todo.extend(message.parts)
        if headers or request.send_after:
            message.due = max(history.due(headers), request.send_after or 0.0)
        message.rest = history.rest(told)
        joins = told is None or history.restore(message, told, destination.bound_clock())
        self._meter.request(provider, "accepted")
        self._journal.take_up(message)
        if not joins:
            message.end(CHANGED)
            self._reporter.report(message, message.conclusion() or CHANGED)
        elif not (doubtful and doubt(message, self._journal, self._reporter)):
            destination.take(message)

    def _resume(self, delivery: Delivery, request: SendRequest, message: Message) -> None:
        """A message that rested at the broker is back, with all that is known of it."""
        destination = self._destinations.get(message.provider)
        if destination is None:
            delivery.give_back()
            return
        message.held = False
        message.rest = history.rest(history.read(delivery.headers))
        message.attach(delivery)
        if not all(part.body for part in message.todo):
            self._recompose(request, message, destination)
            if message.ending is not None:
                return
        self._go_on(request, message, destination)

    def _go_on(self, request: SendRequest, message: Message, destination: Destination) -> None:
        if (ending := message.conclusion()) is not None:
            self._reporter.report(message, ending)
        elif _has_expired(request):
            destination.expire(message)
        elif self._is_cancelled(message.provider, request) and destination.cancel(message):
            self._stopped.count(message.provider, request.campaign, message.id)
        else:
            destination.take(message)

    def _elsewhere(self, delivery: Delivery, request: SendRequest, message: Message) -> None:
        """A message that rests is asked for again by another provider's queue, or in another priority.

        While nothing of it is handed over it goes on there: that is how a CRM fails over. Else it stays where it was
        begun, and this copy of its request rests until that has come to an end.
        """
        destination = self._destinations.get(delivery.provider)
        if destination is None:
            delivery.give_back()
        elif message.handed_over:
            log.info("copy_rests", provider=delivery.provider, id=message.id, detail=f"{message.provider} has begun it")
            key = f"{delivery.provider}.{PRIORITIES[delivery.priority]}"
            self._moves.move(delivery, ELSEWHERE, key, {})
        else:
            resend = destination.resend if request.on_uncertain is None else request.on_uncertain == "resend"
            message.request = request
            message.move(delivery.provider, delivery.priority, resend)
            message.held = False
            message.attach(delivery)
            self._compose_anew(request, message, destination)

    def _compose_anew(self, request: SendRequest, message: Message, destination: Destination) -> None:
        try:
            composed = destination.compose(request, message.reference)
        except ContractError as error:
            message.end(Ending("rejected", error.reason, f"{error.field}: {error.sentence}", True))
        else:
            for part in composed.parts:
                part.attempts = message.attempts  # how often it was tried in all stays known
            message.parts, message.todo[:] = composed.parts, composed.parts
            message.recipient, message.receipt_asked = composed.recipient, composed.receipt_asked
            self._adopt(message, composed)
        self._journal.take_up(message)
        self._go_on(request, message, destination)

    def _recompose(self, request: SendRequest, message: Message, destination: Destination) -> None:
        """The journal keeps no octets of a message: they are made anew, for what is still to be handed over.

        The settings may have changed in between, or smsd itself. As long as no segment is out, they count as they are
        now; then the others are made with the sender and the encoding of those that are, or not at all.
        """
        message.request = request
        if message.first_refused_at is not None:
            message.first_refused_at += destination.bound_clock()
        begun = message.segments_sent > 0
        try:
            composed = destination.compose(_as_begun(request, message) if begun else request, message.reference)
        except ContractError as error:
            message.end(Ending("rejected", error.reason, f"{error.field}: {error.sentence}", True))
        else:
            if not begun or _joins(message, composed):
                if self._adopt(message, composed):
                    self._journal.take_up(message)
                return
            message.end(CHANGED)
        ending = message.conclusion()
        assert ending is not None
        self._reporter.report(message, ending)

    @staticmethod
    def _adopt(message: Message, composed: Composed) -> bool:
        """Gives a message the octets made anew; whether anything that the journal knows of it has changed."""
        if not (fits := message.fits(composed.parts)):
            message.parts = composed.parts
            message.todo[:] = composed.parts
        for part, made in zip(message.parts, composed.parts, strict=True):
            part.body = made.body if part in message.todo else b""
        before = message.sender, message.encoding, message.segments, message.reference, message.cut
        message.sender, message.encoding, message.segments = composed.sender, composed.encoding, composed.segments
        message.reference, message.cut = composed.reference, composed.cut
        message.text_changed = composed.text_changed
        after = message.sender, message.encoding, message.segments, message.reference, message.cut
        return not fits or before != after

    def _refuse(
        self,
        delivery: Delivery,
        error: ContractError,
        known: dict[str, Any],
        provider: str | None,
        print_: bytes | None = None,
    ) -> None:
        self._reporter.reject(delivery, error, known, provider, fingerprint=print_)

    def _end_at_once(
        self, delivery: Delivery, request: SendRequest, print_: bytes, status: str, field: str, sentence: str
    ) -> None:
        self._meter.request(delivery.provider, "expired" if status == "expired" else "refused")
        error = ContractError(field, sentence, status)
        self._reporter.reject(delivery, error, known_of(request), delivery.provider, status=status, fingerprint=print_)

    def _warn_of(self, unknown: Iterable[str]) -> None:
        for name in unknown:
            if name not in self._warned and len(self._warned) < NAMES_WARNED:
                self._warned.add(name)
                log.warning("unknown_field", field=name[:64], detail="ignored: the contract has no such field")


def read(delivery: Delivery) -> SendRequest:
    """The request of a delivery. Raises Unreadable and Refused."""
    if (why := delivery.unreadable) is not None:
        raise Unreadable("unreadable-properties", why)
    return read_request(delivery.body, delivery.message_id)


def _has_expired(request: SendRequest) -> bool:
    return request.expires_at is not None and request.expires_at <= time.time()


def _as_begun(request: SendRequest, message: Message) -> SendRequest:
    """The request as its first segments were sent, whatever is the default by now."""
    begun = {"sender": message.sender or request.sender, "encoding": message.encoding or request.encoding}
    return request.model_copy(update=begun)


def _joins(message: Message, composed: Composed) -> bool:
    """Whether segments made anew belong to the same whole as those that are out already."""
    if message.cut is not None:
        return message.fits(composed.parts) and message.cut == composed.cut
    begun = message.sender, message.encoding, message.reference  # that is all an older version wrote down
    return message.fits(composed.parts) and begun == (composed.sender, composed.encoding, composed.reference)


def known_of(request: SendRequest) -> dict[str, Any]:
    """What an answer echoes of a request."""
    return {
        "id": request.id,
        "to": request.to,
        "from": request.sender,
        "campaign": request.campaign,
        "callback": request.callback,
    }
