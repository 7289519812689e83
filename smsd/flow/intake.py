"""From a delivery to a message in its lane, or to a result that says why not."""

import asyncio
import time
from collections.abc import Callable, Container, Iterable, Mapping
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
from smsd.core.publication import Confirm
from smsd.flow.ports import Broker, Delivery, Journal, Meter
from smsd.flow.recovery import doubt
from smsd.flow.report import Reporter, traceparent
from smsd.flow.stopped import Stopped

log = structlog.get_logger("smsd.intake")

REROUTED = "x-smsd-rerouted"
"""Header of a request that was given to its queue after the broker had returned it: how often. What no queue takes is
given to it once; what its queue gave up on always, from the second time on by way of a hold queue, so that a limit of
few deliveries makes no circle that turns at full speed."""

SLOWLY = "hold.10s"

DELIVERY_LIMIT, EXPIRED = "delivery_limit", "expired"
"""RabbitMQ's words for why a queue gave up on a message: delivered too often, and its time to live has passed."""

AGAIN = 5.0
"""Seconds before a copy that the broker refused is published again. Nothing is given back meanwhile: RabbitMQ 4 drops
what came back to a queue without a dead-letter exchange too often."""

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
    def rest(self, message: Message, delivery: Delivery) -> None: ...
    def take(self, message: Message) -> None: ...
    def cancel(self, message: Message) -> bool: ...
    def expire(self, message: Message) -> None: ...


class Intake:
    """Reads requests."""

    def __init__(
        self,
        *,
        broker: Broker,
        journal: Journal,
        reporter: Reporter,
        meter: Meter,
        prefix: str,
        destinations: Mapping[str, Destination],
        known_providers: Callable[[], Container[str]],
        stopped: Stopped,
        with_delivery: Callable[..., None],
    ) -> None:
        self._with_delivery = with_delivery
        """Carries on after a question to the journal; a failure costs that delivery and no other (rule 7)."""
        self._broker = broker
        self._journal = journal
        self._reporter = reporter
        self._meter = meter
        self._prefix = prefix
        self._destinations = destinations
        self._known_providers = known_providers
        self._stopped = stopped
        self._warned: set[str] = set()
        self._seen: dict[str, bool] = {}
        """Ids that came in this run, as long as the journal is new, and whether they were in doubt at first."""

    # --- from a provider's own queues

    def arrived(self, delivery: Delivery) -> None:
        """One delivery of a work queue."""
        provider = delivery.provider
        try:
            request = _read(delivery)
        except Unreadable as error:
            self._meter.request(provider, "refused")
            self.bury(delivery, error.reason, error.detail)
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
            self._reporter.reject(delivery, error, _known(request), delivery.provider, identity=identity)
        elif known.unreadable is not None and known.result is None:
            self._meter.request(delivery.provider, "refused")
            self.bury(delivery, "internal-error", f"it may have been sent: {known.unreadable}")
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
            self._end_at_once(delivery, request, print_, "cancelled", "campaign", "was cancelled before it was sent")
            return
        try:
            composed = destination.compose(request, history.reference(told))
        except ContractError as error:
            self._meter.request(provider, "refused")
            self._refuse(delivery, error, _known(request), provider, print_)
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
            destination.rest(message, delivery)
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
        self._reporter.reject(delivery, error, _known(request), delivery.provider, status=status, fingerprint=print_)

    def _warn_of(self, unknown: Iterable[str]) -> None:
        for name in unknown:
            if name not in self._warned and len(self._warned) < NAMES_WARNED:
                self._warned.add(name)
                log.warning("unknown_field", field=name[:64], detail="ignored: the contract has no such field")

    # --- what nobody can be answered about, and what the broker gave back

    def bury(self, delivery: Delivery, reason: str, detail: str) -> None:
        """To the dead queue, body and properties untouched; acked once it is there."""
        self._meter.dead_letter(reason)
        log.warning("unanswerable", provider=delivery.provider, reason=reason, detail=detail)
        if why := delivery.given_up:
            detail = f"{detail}; its queue had given up on it ({why})"
        self._move(delivery, "dead", {"x-smsd-reason": reason, "x-smsd-detail": detail[:1000]})

    def _move(self, delivery: Delivery, exchange: str, headers: dict[str, str]) -> None:
        """A confirmed copy to another exchange, then the ack. A copy that is refused is published again later."""
        name = f"{self._prefix}.{exchange}"

        def answered(answer: Confirm) -> None:
            if answer is Confirm.DONE:
                delivery.ack()
            else:
                log.error("copy_refused", detail=f"{name}: {answer.value}; trying again later")
                asyncio.get_running_loop().call_later(AGAIN, publish)

        def publish() -> None:
            if not delivery.stale:
                self._broker.forward(delivery, name, delivery.key, headers, answered)

        publish()

    def returned(self, delivery: Delivery) -> None:
        """A request that the broker could not route, or gave up on: answered, or given to its queue after all."""
        provider, _, priority = delivery.key.partition(".")
        exists = provider in self._known_providers()
        gave_up = delivery.given_up
        routable = exists and priority in ("", *PRIORITIES)
        if routable and (gave_up == DELIVERY_LIMIT or not (gave_up or REROUTED in delivery.headers)):
            self._to_its_queue(delivery)  # what is known of it is looked up when it comes from there
            return
        try:
            request = _read(delivery)
        except Unreadable as error:
            self.bury(delivery, error.reason, error.detail)
            return
        except Refused as error:
            known = error.known
            refusal: Refused | None = error
        else:
            known, refusal = _known(request), None
        if not exists:
            sentence = f"{delivery.key!r} names no provider of this smsd: correct it"
            self._meter.request("unknown", "refused")
            self._reporter.reject(delivery, ContractError("routing key", sentence, "unknown-provider"), known, None)
        elif not routable:
            sentence = f"{priority!r} is no priority: use {', '.join(PRIORITIES)}, or none for normal"
            self._meter.request(provider, "refused")
            self._reporter.reject(delivery, ContractError("routing key", sentence), known, provider)
        elif refusal is not None:
            self._meter.request(provider, "refused")
            self._refuse(delivery, refusal, known, provider)
        else:
            give_up = partial(self._given_up, delivery, request, provider, gave_up)
            self._journal.look_up(known["id"], partial(self._with_delivery, delivery, give_up))

    def _given_up(
        self, delivery: Delivery, request: SendRequest, provider: str, why: str | None, before: Known | None
    ) -> None:
        """The broker gave up on it: what is known of it already counts more than that."""
        if delivery.stale:
            return
        if before is not None and before.result is not None:
            self._reporter.repeat(delivery, before.result)
        elif before is not None and before.unreadable is not None:
            self.bury(delivery, "internal-error", f"it may have been sent: {before.unreadable}")
        elif before is not None and before.message is not None and before.message.held:
            self._to_its_queue(delivery)  # where it waits as long as it has to, paused for instance
        elif before is not None and before.message is not None:
            before.message.attach(delivery)
        elif why == EXPIRED:
            self._meter.request(provider, "expired")
            error = ContractError("expiration", "its time to live at the broker passed before it was sent", EXPIRED)
            print_ = fingerprint(request.to, request.text)
            self._reporter.reject(delivery, error, _known(request), provider, status=EXPIRED, fingerprint=print_)
        else:
            sentence = f"the broker gave up on it ({why or 'no queue takes it'}) before it was sent: send it again"
            error = ContractError("queue", sentence, "provider-down")
            self._reporter.reject(delivery, error, _known(request), provider, status="failed", permanent=False)

    def _to_its_queue(self, delivery: Delivery) -> None:
        """It was published before its queue existed, or the queue gave up on it while it rested there."""
        rounds = delivery.headers.get(REROUTED, "0")
        before = int(rounds) if rounds.isdecimal() and len(rounds) < 10 else 0
        self._move(delivery, SLOWLY if before else "requests", {REROUTED: str(before + 1)})


def _read(delivery: Delivery) -> SendRequest:
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


def _known(request: SendRequest) -> dict[str, Any]:
    return {
        "id": request.id,
        "to": request.to,
        "from": request.sender,
        "campaign": request.campaign,
        "callback": request.callback,
    }
