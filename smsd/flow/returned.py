"""Requests that the broker could not route, or gave up on: each is answered, or given to its queue after all."""

from collections.abc import Callable, Container
from functools import partial

from smsd.core.contract import PRIORITIES, Refused, SendRequest, Unreadable, fingerprint
from smsd.core.errors import ContractError
from smsd.core.message import Known
from smsd.flow.intake import known_of, read
from smsd.flow.moves import Moves
from smsd.flow.ports import Delivery, Journal, Meter
from smsd.flow.report import Reporter

REROUTED = "x-smsd-rerouted"
"""Header of a request that was given to its queue after the broker had returned it: how often. What no queue takes is
given to it once; what its queue gave up on always, from the second time on by way of a hold queue, so that a limit of
few deliveries makes no circle that turns at full speed."""

SLOWLY = "hold.10s"

DELIVERY_LIMIT, EXPIRED = "delivery_limit", "expired"
"""RabbitMQ's words for why a queue gave up on a message: delivered too often, and its time to live has passed."""


class Returned:
    """Reads `sms.returned`."""

    def __init__(
        self,
        *,
        moves: Moves,
        journal: Journal,
        reporter: Reporter,
        meter: Meter,
        known_providers: Callable[[], Container[str]],
        with_delivery: Callable[..., None],
    ) -> None:
        self._moves = moves
        self._journal = journal
        self._reporter = reporter
        self._meter = meter
        self._known_providers = known_providers
        self._with_delivery = with_delivery
        """Carries on after a question to the journal; a failure costs that delivery and no other (rule 7)."""

    def arrived(self, delivery: Delivery) -> None:
        """One of them."""
        provider, _, priority = delivery.key.partition(".")
        exists = provider in self._known_providers()
        gave_up = delivery.given_up
        routable = exists and priority in ("", *PRIORITIES)
        if routable and (gave_up == DELIVERY_LIMIT or not (gave_up or REROUTED in delivery.headers)):
            self._to_its_queue(delivery)  # what is known of it is looked up when it comes from there
            return
        try:
            request = read(delivery)
        except Unreadable as error:
            self._moves.bury(delivery, error.reason, error.detail)
            return
        except Refused as error:
            known = error.known
            refusal: Refused | None = error
        else:
            known, refusal = known_of(request), None
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
            self._reporter.reject(delivery, refusal, known, provider)
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
            self._moves.bury(delivery, "internal-error", f"it may have been sent: {before.unreadable}")
        elif before is not None and before.message is not None and before.message.held:
            self._to_its_queue(delivery)  # where it waits as long as it has to, paused for instance
        elif before is not None and before.message is not None:
            before.message.attach(delivery)
        elif why == EXPIRED:
            self._meter.request(provider, "expired")
            error = ContractError("expiration", "its time to live at the broker passed before it was sent", EXPIRED)
            print_ = fingerprint(request.to, request.text)
            self._reporter.reject(delivery, error, known_of(request), provider, status=EXPIRED, fingerprint=print_)
        else:
            sentence = f"the broker gave up on it ({why or 'no queue takes it'}) before it was sent: send it again"
            error = ContractError("queue", sentence, "provider-down")
            self._reporter.reject(delivery, error, known_of(request), provider, status="failed", permanent=False)

    def _to_its_queue(self, delivery: Delivery) -> None:
        """It was published before its queue existed, or the queue gave up on it while it rested there."""
        rounds = delivery.headers.get(REROUTED, "0")
        before = int(rounds) if rounds.isdecimal() and len(rounds) < 10 else 0
        self._moves.move(delivery, SLOWLY if before else "requests", delivery.key, {REROUTED: str(before + 1)})
