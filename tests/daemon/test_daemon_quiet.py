"""Quiet hours of a running daemon: who waits in its queue, who goes on, and what it says of that."""

from datetime import UTC, datetime, timedelta

from rig.daemon import provider
from rig.stage import Stage


def hours(begin: int, end: int) -> dict[str, str]:
    """Quiet hours, in hours from now."""
    begins, ends = (datetime.now(UTC) + timedelta(hours=each) for each in (begin, end))
    return {"from": f"{begins:%H:%M}", "to": f"{ends:%H:%M}", "timezone": "UTC"}


def test_in_quiet_hours_codes_are_sent_and_the_rest_waits_in_its_queues_until_they_are_over(stage: Stage) -> None:
    simulator = stage.simulator()
    daemon = stage.bound(simulator, quiet_hours=(quiet := hours(-2, 2)))
    crm = stage.crm
    waiting = [crm.send("normal"), crm.send("bulk", "p.bulk"), crm.send("soon over", expires_at=soon(1))]
    assert crm.final(crm.send("code", "p.urgent"))["status"] == "sent"
    assert [crm.depth(f"requests.p.{name}") for name in ("urgent", "normal", "bulk")] == [0, 2, 1]
    assert daemon.status()["providers"]["p"]["detail"].endswith(f"; quiet until {quiet['to']} (normal, bulk)")
    crm.read(1.0)  # until the third has expired
    assert daemon.term() == 0
    stage.daemon({"p": provider(simulator.port, quiet_hours=hours(-3, -1))})
    assert [result["status"] for result in crm.finals(waiting)] == ["sent", "sent", "expired"]
    assert sorted(submit["text"] for submit in simulator.submits()) == ["bulk", "code", "normal"]


def soon(seconds: float) -> str:
    """A time of the contract, that many seconds from now."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
