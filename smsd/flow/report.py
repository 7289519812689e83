"""Tells how messages end: result to the outbox, ack after its confirm, one log line, the counters.

The only place that acks a request (rule 1 of design.md: only after its result is confirmed by the broker).
"""

import logging
import time
from collections import Counter
from dataclasses import replace
from functools import partial
from typing import Any

import structlog

from smsd.core.address import mask
from smsd.core.contract import result_id
from smsd.core.errors import ContractError
from smsd.core.failures import Failures
from smsd.core.message import SENT, UNCERTAIN, Ending, Message
from smsd.core.publication import Publication
from smsd.core.results import FINAL, rejection, result
from smsd.flow.outbox import Outbox
from smsd.flow.ports import Delivery, Journal, Meter

log = structlog.get_logger("smsd")

CANCELLED = "cancelled"


TRACEPARENT_MAX = 256
"""Characters of a `traceparent` that is passed through; W3C's has 55, and later versions may have more."""


def traceparent(delivery: Delivery) -> str | None:
    """The header to pass through; what is no visible ASCII, or longer than any trace, is none."""
    value = delivery.headers.get("traceparent")
    if not isinstance(value, str) or len(value) > TRACEPARENT_MAX:
        return None
    return value if all("!" <= character <= "~" for character in value) else None


class Reporter:
    """Publishes results. `prefix` is the exchanges'."""

    def __init__(self, outbox: Outbox, journal: Journal, meter: Meter, prefix: str) -> None:
        self._outbox = outbox
        self._journal = journal
        self._meter = meter
        self._prefix = prefix
        self.uncertain: Counter[str] = Counter()
        """Messages by provider whose last result, in this run, is `uncertain`."""
        self.cancelling: Counter[str] = Counter()
        """Results `cancelled` by provider that the broker has not confirmed yet."""
        self.failures = Failures()
        """What went wrong in this run, for people."""
        self._log_of_messages = log.bind()
        """Bound once: its line is written for every message."""

    def report(self, message: Message, ending: Ending) -> None:
        """Publishes a message's result, as soon as the journal has it."""
        now = time.time()
        publication = result(message, ending, self._prefix, now)
        final = ending.status in FINAL or not message.receipt_asked
        message.result = publication
        message.status = ending.status
        self._journal.conclude(message, publication, final)
        self._meter.result(message.provider, ending.status)
        if ending.reason is not None:
            self.failures.count(message.provider, ending.status, ending.reason, ending.smpp_status, now)
        if ending.status == UNCERTAIN:
            self.uncertain[message.provider] += 1
        elif message.corrects is not None and self.uncertain[message.provider]:  # else an earlier run reported it
            self.uncertain[message.provider] -= 1
        if ending.status == SENT and message.receipt_asked:
            self._meter.receipt_awaited(message.provider)
        if ending.status == CANCELLED:
            self.cancelling[message.provider] += 1
        # Without deliveries, as after a receipt, nobody waits for it: millions may, while the broker is away.
        waited_for = message.deliveries or ending.status == CANCELLED
        self._outbox.add(publication, partial(self._confirmed, message, ending.status) if waited_for else None)
        if final:
            self._log(message, ending, now)

    def _confirmed(self, message: Message, status: str) -> None:
        if status == CANCELLED:
            self.cancelling[message.provider] -= 1
        deliveries, message.deliveries = message.deliveries, []
        for delivery in deliveries:
            delivery.ack()

    def _log(self, message: Message, ending: Ending, now: float) -> None:
        if not self._log_of_messages.is_enabled_for(logging.INFO):
            return
        why = {"reason": ending.reason, "smpp_status": ending.smpp_status} if ending.reason else {}
        self._log_of_messages.info(
            "message",
            id=message.id,
            provider=message.provider,
            status=ending.status,
            to=mask(message.recipient),
            segments=message.segments,
            encoding=message.encoding,
            smsc_id=message.parts[0].smsc_id,
            attempts=message.attempts,
            seconds=round(now - message.received_at, 3),
            **why,
        )

    def reject(
        self,
        delivery: Delivery,
        error: ContractError,
        known: dict[str, Any],
        provider: str | None,
        *,
        identity: str | None = None,
        status: str = "rejected",
        permanent: bool = True,
        fingerprint: bytes | None = None,
    ) -> None:
        """Answers a request that never became a message, and acks it once that is confirmed.

        With `fingerprint` the answer is remembered as the last result of the id.
        """
        request_id = known.get("id")
        if identity is None:
            identity = result_id(request_id, status) if request_id else result_id("", status, delivery.body.hex())
        now = time.time()
        publication = rejection(
            error,
            known,
            provider=provider,
            prefix=self._prefix,
            received_at=now,
            identity=identity,
            correlation_id=delivery.correlation_id,
            reply_to=delivery.reply_to,
            traceparent=traceparent(delivery),
            status=status,
            permanent=permanent,
        )
        if request_id and fingerprint is not None:
            self._journal.remember(request_id, fingerprint, publication)
        else:
            self._journal.count(publication, known.get("campaign"))
        self._meter.result(provider or "unknown", status)
        self.failures.count(provider or "", status, error.reason, None, now)
        if status == CANCELLED:
            self.cancelling[delivery.provider] += 1
        self._outbox.add(publication, partial(self._rejected, delivery, status))
        log.info(
            "message",
            id=request_id,
            provider=provider,
            status=status,
            reason=error.reason,
            detail=f"{error.field}: {error.sentence}",
            to=mask(known.get("to") or ""),
        )

    def _rejected(self, delivery: Delivery, status: str) -> None:
        if status == CANCELLED:
            self.cancelling[delivery.provider] -= 1
        delivery.ack()

    def repeat(self, delivery: Delivery, publication: Publication) -> None:
        """Publishes an earlier result once more, for a request that came again."""
        queues = (delivery.reply_to,) if delivery.reply_to else ()
        self._outbox.add(replace(publication, reply_to=queues), delivery.ack)
