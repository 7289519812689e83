"""The CRM of the run: real requests out, and everything in; only what matters of it is kept, for there is much."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any, Self

from rig import rabbit

from fuzz.smsc import NUMBERED

Body = dict[str, Any]


class Crm:
    """Publishes `real 1` and so on, and reads results and messages from handsets."""

    def __init__(self, url: str, prefix: str) -> None:
        self.asked = 0
        """Requests published."""
        self.finals: dict[str, tuple[str, bool]] = {}
        """By request id: the final status, and whether a duplicate is possible."""
        self.faults: list[str] = []
        self.numbers: Counter[str] = Counter()
        """Numbered messages from handsets, by their text."""
        self.of_mutants: Counter[str] = Counter()
        """What mutants became."""
        self._exchange = f"{prefix}.requests"
        self._connection = rabbit.connect(url)
        channel = self._connection.channel()
        takes: dict[str, Callable[[Body], None]] = {
            "results": self._result,
            "inbound": self._inbound,
            "events": lambda _: None,
            "dead": lambda body: self.faults.append(f"in the dead queue: {body}"),
        }
        for queue, take in takes.items():
            channel.basic_consume(f"{prefix}.{queue}", _reading(take), auto_ack=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._connection.close()

    def ask(self, n: int) -> None:
        """Publishes `n` requests more."""
        numbers = range(self.asked + 1, self.asked + n + 1)
        bodies = [{"id": f"real {i}", "to": f"7900000{i % 10_000:04}", "text": f"real {i}"} for i in numbers]
        rabbit.publish_all(self._connection, self._exchange, "p", bodies)
        self.asked += n

    def read(self, seconds: float) -> None:
        """Takes what comes within that time."""
        self._connection.process_data_events(seconds)

    def _result(self, body: Body) -> None:
        if "receipt_id" in body:
            self.of_mutants["unmatched receipts"] += 1
        elif body["final"]:
            if body["id"] in self.finals:
                self.faults.append(f"a second final result: {body}")
            self.finals[body["id"]] = body["status"], body["possible_duplicate"]

    def _inbound(self, body: Body) -> None:
        if body["from"].startswith(NUMBERED):
            self.numbers[body["text"]] += 1
        else:
            self.of_mutants["inbound messages"] += 1


def _reading(take: Callable[[Body], None]) -> Callable[..., None]:
    def read(_channel: Any, _method: Any, _properties: Any, body: bytes) -> None:
        take(json.loads(body))

    return read
