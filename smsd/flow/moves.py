"""Deliveries that go on elsewhere at the broker: a confirmed copy there, then the ack here."""

import asyncio

import structlog

from smsd.core.publication import Confirm
from smsd.flow.ports import Broker, Delivery, Meter

log = structlog.get_logger("smsd.moves")

AGAIN = 5.0
"""Seconds before a copy that the broker refused is published again. Nothing is given back meanwhile: RabbitMQ 4 drops
what came back to a queue without a dead-letter exchange too often."""


_NO_CODING = frozenset(["utf-8", "utf8", "us-ascii", "identity", "binary"])
"""A content_encoding that says nothing of the kind: charsets, as many publishers write there."""


class Moves:
    """`prefix` is the exchanges'."""

    def __init__(self, broker: Broker, meter: Meter, prefix: str) -> None:
        self._broker = broker
        self._meter = meter
        self._prefix = prefix

    def bury(self, delivery: Delivery, reason: str, detail: str) -> None:
        """To the dead queue, body and properties untouched: nobody can be answered about it."""
        if (coding := delivery.content_encoding) and coding.lower() not in _NO_CODING:
            detail = f"{detail}; its content_encoding is {coding[:40]!r}: send the JSON as it is, in UTF-8"
        self._meter.dead_letter(reason)
        log.warning("unanswerable", provider=delivery.provider, reason=reason, detail=detail)
        if why := delivery.given_up:
            detail = f"{detail}; its queue had given up on it ({why})"
        self.move(delivery, "dead", delivery.key, {"x-smsd-reason": reason, "x-smsd-detail": detail[:1000]})

    def move(self, delivery: Delivery, exchange: str, key: str, headers: dict[str, str]) -> None:
        """To another exchange, its name without the prefix, with more headers."""
        name = f"{self._prefix}.{exchange}"

        def answered(answer: Confirm) -> None:
            if answer is Confirm.DONE:
                delivery.ack()
            else:
                log.error("copy_refused", detail=f"{name}: {answer.value}; trying again later")
                asyncio.get_running_loop().call_later(AGAIN, publish)

        def publish() -> None:
            if not delivery.stale:
                self._broker.forward(delivery, name, key, headers, answered)

        publish()
