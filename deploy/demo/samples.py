"""The demo's messages, and what has to become of each: one final result, exactly as written here."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

Result = dict[str, Any]


@dataclass(frozen=True)
class Sample:
    """One request and its end. `submits` is how many submit_sm the SMSC must have seen of it."""

    name: str
    to: str
    text: str
    status: str
    key: str = "acme.normal"
    reason: str | None = None
    encoding: str | None = None
    segments: int = 1
    submits: int = 1
    stat: str | None = None
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return "demo-" + self.name.lower().replace(" ", "-")

    @property
    def body(self) -> dict[str, Any]:
        return {"id": self.id, "to": self.to, "text": self.text, **self.more}

    @property
    def expectation(self) -> str:
        return self.status if self.reason in (None, self.status) else f"{self.status} ({self.reason})"

    def complaints(self, results: list[Result], submits: int) -> list[str]:
        """What is not as it has to be; nothing when all is well."""
        finals = {result["result_id"]: result for result in results if result["final"]}
        if len(finals) != 1:
            return [f"{len(finals)} final results instead of one"]
        (final,) = finals.values()
        wanted = {"status": self.status, "reason": self.reason}
        got = {"status": final["status"], "reason": final["reason"]}
        if self.encoding:
            wanted |= {"encoding": self.encoding, "segments": self.segments}
            got |= {"encoding": final["encoding"], "segments": final["segments"]}
        if self.stat:
            wanted["receipts"] = [self.stat] * self.segments
            got["receipts"] = [part.get("receipt", {}).get("stat") for part in final["parts"]]
        wanted["submit_sm"], got["submit_sm"] = self.submits, submits
        return [f"{name} is {got[name]}, not {wanted[name]}" for name in wanted if got[name] != wanted[name]]


def delivered(name: str, to: str, text: str, encoding: str, segments: int = 1, **more: Any) -> Sample:
    """A message that arrives, with a receipt for each segment."""
    options = {"submits": segments, **more}
    return Sample(name, to, text, "delivered", encoding=encoding, segments=segments, stat="DELIVRD", **options)


LONG = (
    "Уважаемый клиент! Ваш заказ № 4711 передан в службу доставки и прибудет завтра с 10:00 до 18:00. "
    "Курьер позвонит за час. Спасибо, что выбрали нас!"
)
YESTERDAY = (datetime.now(UTC) - timedelta(days=1)).isoformat(timespec="seconds")

# The simulator runs with --magic: numbers that end in 0002, 0004 and 0007 have a fate of their own (docs/simulator.md).
SAMPLES = (
    delivered("Latin", "+7 900 000 00 11", "Your order 4711 is ready. ACME", "gsm7"),
    delivered("Cyrillic", "+7 900 000 00 12", "Ваш заказ 4711 готов к выдаче.", "ucs2"),
    delivered("Long", "+7 900 000 00 13", LONG, "ucs2", 3),
    delivered("Emoji", "+7 900 000 00 14", "Happy birthday! 🎂🎉", "ucs2"),
    delivered("One-time code", "+7 900 000 00 15", "Your code is 271828", "gsm7", key="acme.urgent"),
    delivered(
        "Campaign", "+7 900 000 00 16", "Spring sale: -20 %", "gsm7", key="acme.bulk", more={"campaign": "spring"}
    ),
    delivered("Other sender", "+7 900 000 00 17", "Your parcel is here", "gsm7", more={"from": "Shop"}),
    Sample("No receipt", "+7 900 000 00 18", "Sent by nord", "sent", key="nord", encoding="gsm7"),
    Sample("Bad number", "+7 900", "Hello", "rejected", reason="bad-number", submits=0),
    Sample(
        "Unknown sender",
        "+7 900 000 00 19",
        "Hello",
        "rejected",
        reason="sender-not-allowed",
        submits=0,
        more={"from": "Somebody"},
    ),
    Sample("Too long", "+7 900 000 00 20", LONG, "rejected", reason="too-long", submits=0, more={"max_segments": 1}),
    Sample(
        "Expired", "+7 900 000 00 21", "Hello", "expired", reason="expired", submits=0, more={"expires_at": YESTERDAY}
    ),
    Sample("Unknown provider", "+7 900 000 00 22", "Hello", "rejected", "nobody", reason="unknown-provider", submits=0),
    Sample("Refused", "+7 900 000 00 07", "Hello", "rejected", reason="refused-by-provider", encoding="gsm7"),
    Sample(
        "Undelivered",
        "+7 900 000 00 02",
        "Hello",
        "undelivered",
        reason="delivery-failed",
        encoding="gsm7",
        stat="UNDELIV",
    ),
    delivered("Throttled", "+7 900 000 00 04", "Sent at the third try", "gsm7", submits=3),
)
REPEATED = SAMPLES[0]
"""Published twice: the second time must give the same result again, and no second SMS."""

WHILE_CLOSED = delivered("While closed", "+7 900 000 00 23", "Waited for the connection", "gsm7")
"""Published while the connection is closed."""

INBOUND = {"from": "79000000031", "to": "ACME", "parts": ["Please call me back, ", "my order ", "is late"]}
"""A message from a handset in three segments, which arrive in the wrong order."""
