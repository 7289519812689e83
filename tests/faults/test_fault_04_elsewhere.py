"""Fault 4: the same id through another provider, or in another priority, while the first may not send."""

from typing import Any

from rig.daemon import provider
from rig.stage import Stage

REFUSED_ONCE = [{"status": "0x45", "times": 1}]
LONG = "x" * 153 + "y" * 40
LATER = {"delays": ["30s"], "max_age": "1h"}


def scene(stage: Stage) -> tuple[Any, Any, Any]:
    """A daemon with the providers a, which refuses the first message for half a minute, and b."""
    a, b = stage.simulator(errors=REFUSED_ONCE), stage.simulator()
    daemon = stage.daemon({"a": provider(a.port, system_id="a", retries=LATER), "b": provider(b.port, system_id="b")})
    daemon.bound()
    return daemon, a, b


def test_fault_04_what_a_paused_provider_refused_goes_by_another(stage: Stage) -> None:
    daemon, a, b = scene(stage)
    crm = stage.crm
    crm.send("x", "a", id="m", campaign="c")
    a.sent(1)
    crm.command("pause", "a")
    crm.send("x", "b", id="m", campaign="c")
    result = crm.final("m")
    assert (result["provider"], result["status"], result["attempts"]) == ("b", "sent", 2)
    assert (a.count(), b.texts()) == (1, ["x"])
    crm.command("resume", "a")  # its own copy of the request comes now: it is answered, and sent to nobody
    crm.until(lambda: crm.waiting("a") == 0 and crm.waiting("b") == 0)
    crm.read(0.5)
    assert (a.count(), b.count()) == (1, 1)
    assert daemon.term() == 0
    assert crm.waiting("a") == 0


def test_fault_04_what_is_half_sent_stays_and_its_copy_does_not_circulate(stage: Stage) -> None:
    a, b = stage.simulator(errors=[{"text": "^y", "status": "0x45", "times": 1}]), stage.simulator()
    daemon = stage.daemon({"a": provider(a.port, system_id="a", retries=LATER), "b": provider(b.port, system_id="b")})
    daemon.bound()
    crm = stage.crm
    crm.send(LONG, "a", id="m")
    a.sent(2)
    crm.command("pause", "a")
    crm.send(LONG, "b", id="m")
    crm.until(lambda: crm.depth("hold.1m") == 1)
    assert (b.count(), crm.waiting("b")) == (0, 0)
    assert daemon.term() == 0
    assert (crm.waiting("a"), crm.waiting("b"), crm.depth("hold.1m")) == (1, 0, 1)
