"""The CRM's side: requests to the broker for as long as it takes, and results back.

Publisher and reader each run in a thread with a connection of their own, which they open again after the broker was
away. What the broker did not confirm is published again, the same to the last octet: that is what ids are for.
"""

import json
import random
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from typing import Any

from pika.exceptions import AMQPError
from rig import octets, rabbit

from chaos.evidence import Request, Result, read_result

TICK = 0.1
"""Seconds between two bursts."""
PATIENCE = 0.3
"""Seconds between two attempts to reach the broker."""
PRIORITIES = ("urgent", "normal", "normal", "bulk")
OUTCOMES = {"7": "undelivered", "3": "expired"}
"""By the last digit of the recipient; the others are delivered."""
SHORT = ("Код подтверждения: 4815", "Your order is on its way", "Ваш заказ доставлен")
LONG = ("Уважаемый клиент! " * 8, "Dear customer, please read this carefully. " * 8)
READ_AHEAD = 500

POISON = (
    octets.with_headers((b"sent", octets.FAR)),
    octets.with_headers((b"deep", octets.nested(500))),
    octets.with_headers(
        (b"traceparent", octets.text(b"x" * 60_000)), (b"x-first-death-reason", octets.text(b"maxlen"))
    ),
)
"""Properties that are no reason to treat a request otherwise; one burst in ODD has them."""
ODD = 0.05

Burst = tuple[str, list[dict[str, Any]], octets.Octets | None]


class Publisher:
    """Publishes `rate` requests per second in bursts, each for one provider and priority, until told to finish."""

    def __init__(self, url: str, prefix: str, providers: dict[str, bool], rate: float, seed: int) -> None:
        """`providers` says whether their texts are long."""
        self.accepted: list[Request] = []
        """What the broker has confirmed."""
        self.finishing = threading.Event()
        """No more requests than there are already."""
        self.abandoning = threading.Event()
        """Those that the broker has not confirmed need not be published any more."""
        self._url = url
        self._exchange = f"{prefix}.requests"
        self._providers = providers
        self._rate = rate
        self._chance = random.Random(seed)
        self._waiting: deque[Burst] = deque()
        self._made = 0

    @property
    def done(self) -> bool:
        """Nothing is left to do."""
        return self.abandoning.is_set() or (self.finishing.is_set() and not self._waiting)

    def run(self) -> None:
        """Until it is done."""
        while not self.done:
            try:
                with rabbit.connect(self._url) as connection:
                    self._publish(connection)
            except AMQPError:
                self._pass(PATIENCE)

    def _publish(self, connection: Any) -> None:
        while not self.done:
            while self._waiting and not self.abandoning.is_set():
                key, bodies, poison = self._waiting[0]
                if poison is None:
                    rabbit.publish_all(connection, self._exchange, key, bodies)
                else:
                    for body in bodies:
                        octets.publish(connection, self._exchange, key, json.dumps(body).encode(), poison)
                self._waiting.popleft()
                now = time.time()
                provider = key.partition(".")[0]
                self.accepted += [
                    Request(body["id"], provider, body["to"], OUTCOMES.get(body["to"][-1], "delivered"), now)
                    for body in bodies
                ]
            self._pass(TICK)
            connection.process_data_events(0)

    def _pass(self, seconds: float) -> None:
        """Waits; the load goes on meanwhile, whether it can be published or not."""
        time.sleep(seconds)
        if not self.finishing.is_set():
            size = round(self._chance.uniform(0, 2) * self._rate * seconds)
            self._waiting.append(self._burst(max(1, size)))

    def _burst(self, size: int) -> Burst:
        provider = self._chance.choice(list(self._providers))
        texts = LONG if self._providers[provider] else SHORT
        bodies = []
        for _ in range(size):
            self._made += 1
            body = {"id": f"m{self._made}", "to": f"79{self._made:09}", "text": self._chance.choice(texts)}
            if self._chance.random() < 0.2:
                body["on_uncertain"] = self._chance.choice(("report", "resend"))
            bodies.append(body)
        poison = self._chance.choice(POISON) if self._chance.random() < ODD else None
        return f"{provider}.{self._chance.choice(PRIORITIES)}", bodies, poison


class Reader:
    """Reads results and messages from handsets until told to finish; events are read and dropped."""

    def __init__(self, url: str, prefix: str) -> None:
        self.results: dict[str, list[Result]] = defaultdict(list)
        """By request id, in the order they came."""
        self.ended: set[str] = set()
        """Requests that have a final result."""
        self.unmatched: dict[str, set[str]] = defaultdict(set)
        """SMSC ids of receipts of no known message, by provider."""
        self.inbound: dict[str, set[str]] = defaultdict(set)
        """Texts, by provider."""
        self.read = Counter[str]()
        """Messages by queue."""
        self.finishing = threading.Event()
        self._url = url
        self._queues: dict[str, Callable[[dict[str, Any]], None]] = {
            f"{prefix}.results": self._result,
            f"{prefix}.inbound": self._inbound,
            f"{prefix}.events": lambda _: None,
        }

    def run(self) -> None:
        """Until `finishing` is set."""
        while not self.finishing.is_set():
            try:
                with rabbit.connect(self._url) as connection:
                    channel = connection.channel()
                    channel.basic_qos(prefetch_count=READ_AHEAD)
                    for queue in self._queues:
                        channel.basic_consume(queue, self._take(queue))
                    while not self.finishing.is_set():
                        connection.process_data_events(TICK)
                    connection.process_data_events(TICK)  # what is here already would go back to its queue
            except AMQPError:
                time.sleep(PATIENCE)

    def _take(self, queue: str) -> Callable[..., None]:
        def take(channel: Any, method: Any, _: Any, body: bytes) -> None:
            self._queues[queue](json.loads(body))
            self.read[queue] += 1
            channel.basic_ack(method.delivery_tag)

        return take

    def _result(self, body: dict[str, Any]) -> None:
        if "receipt_id" in body:
            self.unmatched[body["provider"]].add(body["smsc_id"])
            return
        result = read_result(body, time.time())
        self.results[body["id"]].append(result)
        if result.final:
            self.ended.add(body["id"])

    def _inbound(self, body: dict[str, Any]) -> None:
        self.inbound[body["provider"]].add(body["text"])
