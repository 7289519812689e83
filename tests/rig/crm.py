"""The CRM for tests: publishes requests and commands, and sorts what comes back by what it is about."""

import itertools
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, Self, TypeVar

import pika
from pika.exceptions import AMQPError

from rig import rabbit
from rig.rabbit import Message

T = TypeVar("T")
Document = dict[str, Any]

NUMBER = "+7 900 000 00 00"
QUEUES = ("results", "events", "inbound", "dead")


class Crm:
    """Reads the default queues of one prefix; the daemon must have declared them."""

    def __init__(self, url: str, prefix: str) -> None:
        self.results: dict[Any, list[Document]] = defaultdict(list)
        """By request id, in the order they came."""
        self.messages: list[Message] = []
        """All results as messages, with key and properties."""
        self.receipts: list[Document] = []
        """Receipts of no known message."""
        self.events: list[Document] = []
        self.inbound: list[Document] = []
        self.dead: list[Message] = []
        self.url = url
        self._prefix = prefix
        self._numbers = itertools.count(1)
        self._connection: Any = None
        self._answers: dict[str, Document] = {}
        self._trouble = "none"
        self._connect()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        if self._connection is not None and self._connection.is_open:
            self._connection.close()

    # --- out

    def send(
        self,
        text: str = "hello",
        key: str = "p",
        *,
        id: str | None = None,
        properties: dict[str, Any] | None = None,
        **fields: Any,
    ) -> str:
        """One request; its id."""
        body = {"id": id or f"m{next(self._numbers)}", "to": NUMBER, "text": text, **fields}
        self.publish(key, body, **properties or {})
        return str(body["id"])

    def send_many(self, n: int, key: str = "p", text: str = "message {}", **fields: Any) -> list[str]:
        """Many requests in one transaction; their ids. `{}` in the text becomes the request's number."""
        numbers = list(itertools.islice(self._numbers, n))
        bodies = [{"id": f"m{i}", "to": NUMBER, "text": text.format(i), **fields} for i in numbers]
        rabbit.publish_all(self._open(), f"{self._prefix}.requests", key, bodies)
        return [f"m{i}" for i in numbers]

    def publish(self, key: str, body: Document | bytes, **properties: Any) -> None:
        """One body as it is, to `requests`."""
        rabbit.publish(self._open(), f"{self._prefix}.requests", key, body, **properties)

    def command(self, command: str, key: str = "p", timeout: float = 30.0, **fields: Any) -> Document:
        """A control command; the answer."""
        control_id = f"c{next(self._numbers)}"
        body = {"command": command, "control_id": control_id, **fields}
        rabbit.publish(self._open(), f"{self._prefix}.control", key, body, reply_to=self._replies)
        return self.until(lambda: self._answers.get(control_id), timeout)

    # --- in

    def until(self, look: Callable[[], T], timeout: float = 30.0) -> T:
        """Reads what comes until `look` returns something true, and returns that."""
        deadline = time.monotonic() + timeout
        while not (seen := look()):
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {timeout:g} s: {seen!r}; {self._summary()}")
            self.read(0.05)
        return seen

    def read(self, seconds: float) -> None:
        """Reads what comes for that long; survives a broker that goes away."""
        try:
            self._open().process_data_events(seconds)
        except AMQPError as error:
            self._trouble = f"{type(error).__name__} {error!r}"
            time.sleep(seconds)

    def result(self, id: str, status: str, timeout: float = 30.0) -> Document:
        """The request's first result with this status."""
        return self.until(lambda: next((r for r in self.results[id] if r["status"] == status), None), timeout)

    def final(self, id: str, timeout: float = 30.0) -> Document:
        """The request's first final result."""
        return self.until(lambda: next((r for r in self.results[id] if r["final"]), None), timeout)

    def finals(self, ids: Iterable[str], timeout: float = 30.0) -> list[Document]:
        """The final results, once each request has one; AssertionError if one has two that differ in result_id."""
        wanted = list(ids)

        def missing() -> list[str]:
            return [id for id in wanted if not any(result["final"] for result in self.results[id])]

        self.until(lambda: not missing() or None, timeout)
        self.read(0.2)
        found = [{r["result_id"]: r for r in self.results[id] if r["final"]} for id in wanted]
        assert all(len(each) == 1 for each in found), [list(each.values()) for each in found if len(each) != 1][:3]
        return [next(iter(each.values())) for each in found]

    def event(self, name: str, timeout: float = 30.0, after: int = 0) -> Document:
        """The first event of this name; `after` skips as many of them."""
        return self.until(lambda: next(iter(self.named(name)[after:]), None), timeout)

    def named(self, event: str) -> list[Document]:
        """The events of this name so far."""
        return [each for each in self.events if each["event"] == event]

    def depth(self, queue: str) -> int:
        """Messages ready in a queue, its name without the prefix."""
        return rabbit.depth(self._open(), f"{self._prefix}.{queue}")[0]

    def waiting(self, provider: str = "p") -> int:
        """Messages ready in the provider's work queues."""
        return sum(self.depth(f"requests.{provider}.{priority}") for priority in rabbit.PRIORITIES)

    # --- the connection

    def _open(self) -> Any:
        if not self._connection.is_open:
            self._connect()
        return self._connection

    def _connect(self) -> None:
        """Connected is who consumes: a connection on which a queue could not be read yet is closed again."""
        connection = rabbit.connect(self.url)
        try:
            channel = connection.channel()
            for name in QUEUES:
                channel.basic_consume(f"{self._prefix}.{name}", getattr(self, f"_take_{name}"))
            self._replies = channel.queue_declare("", exclusive=True).method.queue
            channel.basic_consume(self._replies, self._take_answer, auto_ack=True)
        except AMQPError:
            if connection.is_open:
                connection.close()
            raise
        self._connection = connection
        self._trouble = "none"

    def _take(self, channel: Any, method: Any, properties: pika.BasicProperties, body: bytes) -> Message:
        channel.basic_ack(method.delivery_tag)
        try:
            read = json.loads(body)
        except (ValueError, RecursionError):
            read = body
        return Message(method.routing_key, read, properties, method.redelivered)

    def _take_results(self, *delivery: Any) -> None:
        message = self._take(*delivery)
        self.messages.append(message)
        if "receipt_id" in message.body:
            self.receipts.append(message.body)
        else:
            self.results[message.body["id"]].append(message.body)

    def _take_events(self, *delivery: Any) -> None:
        self.events.append(self._take(*delivery).body)

    def _take_inbound(self, *delivery: Any) -> None:
        self.inbound.append(self._take(*delivery).body)

    def _take_dead(self, *delivery: Any) -> None:
        self.dead.append(self._take(*delivery))

    def _take_answer(self, _: Any, __: Any, properties: pika.BasicProperties, body: bytes) -> None:
        self._answers[str(properties.correlation_id)] = json.loads(body)

    def _summary(self) -> str:
        recent = [(r["id"], r["status"], r["reason"], r["detail"]) for rs in self.results.values() for r in rs[-1:]]
        events = [(each["provider"], each["event"], each["detail"]) for each in self.events[-10:]]
        told = f"{len(self.dead)} dead, trouble with the broker: {self._trouble}"
        return f"results {recent[-10:]}, events {events}, {told}"
