"""The CRM's side of the demo: publishes requests and reads results, events and inbound messages, on plain pika."""

import json
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pika
from samples import Result, Sample

QUEUES = ("sms.results", "sms.events", "sms.inbound")


class Crm:
    """One connection; `arrived(queue, routing_key, body)` is called for each message as it comes."""

    def __init__(self, url: str, arrived: Callable[[str, str, Any], None]) -> None:
        self._connection = pika.BlockingConnection(pika.URLParameters(url))
        self._arrived = arrived
        self._channel = self._connection.channel()
        self._channel.confirm_delivery()
        self.results: dict[str, list[Result]] = defaultdict(list)
        """By the request's id, in the order they came."""
        self.events: list[tuple[str, str]] = []
        """(provider or "smsd", event)"""
        self.inbound: list[dict[str, Any]] = []
        self.unmatched: list[dict[str, Any]] = []
        for queue in QUEUES:
            self._channel.basic_consume(queue, self._deliver, consumer_tag=queue)

    def _deliver(self, channel: Any, method: Any, _: Any, body: bytes) -> None:
        channel.basic_ack(method.delivery_tag)
        found = json.loads(body)
        key = method.routing_key
        if method.consumer_tag == "sms.events":
            self.events.append((found["provider"] or "smsd", found["event"]))
        elif method.consumer_tag == "sms.inbound":
            self.inbound.append(found)
        elif key.endswith(".unmatched"):
            self.unmatched.append(found)
        else:
            self.results[found["id"]].append(found)
        self._arrived(method.consumer_tag, key, found)

    def publish(self, sample: Sample) -> None:
        """As a CRM does it: persistent, mandatory, confirmed. Raises pika's UnroutableError or NackError."""
        properties = pika.BasicProperties(
            content_type="application/json", delivery_mode=2, message_id=sample.id, type="sms.request.v1"
        )
        body = json.dumps(sample.body, ensure_ascii=False).encode()
        self._channel.basic_publish("sms.requests", sample.key, body, properties, mandatory=True)

    def watch(self, until: Callable[[], bool], seconds: float) -> bool:
        """Lets messages arrive until `until` is true; False when it is not within `seconds`."""
        deadline = time.monotonic() + seconds
        while not until():
            if time.monotonic() > deadline:
                return False
            self._connection.process_data_events(time_limit=0.1)
        return True

    def ended(self, sample: Sample) -> bool:
        return any(result["final"] for result in self.results[sample.id])

    def close(self) -> None:
        if self._connection.is_open:
            self._connection.close()
