"""Fault 4: the same id through another provider, or in another priority, while the first may not send."""

from typing import Any

from rig.daemon import provider
from rig.stage import Stage
from world import eventually, in_a_loop, world

from smsd.core.publication import Confirm

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


@in_a_loop
async def test_fault_04_a_copy_of_what_is_half_sent_rests_and_does_not_circulate() -> None:
    async with world({"errors": [{"text": "^y", "status": "0x45"}]}, retries={"delays": ["90s"]}) as w:
        first = w.come(w.request(LONG))
        ((_, _, _, then),) = await eventually(lambda: w.broker.forwarded)  # the wait is the hold queue's
        w.broker.forwarded.clear()
        then(Confirm.DONE)
        copy = w.request(LONG, id="m1")
        copy.priority = 0
        w.come(copy)
        ((_, where, _, then),) = await eventually(lambda: w.broker.forwarded)
        assert where == ("sms.hold.1m", "p.urgent")
        then(Confirm.DONE)
        assert (first.acks, copy.acks, copy.given_back) == (1, 1, 0)
        assert w.smsc.counts()["submits"] == 2


@in_a_loop
async def test_fault_04_what_rests_unsent_goes_on_in_the_priority_it_comes_with() -> None:
    async with world({"errors": [{"status": "0x45", "times": 1}]}, retries={"delays": ["50s"]}) as w:
        w.come(w.request())
        await eventually(lambda: w.smsc.counts()["submits"] and w.holding.lane.waiting())
        w.holding.pause("by a test")
        assert (await w.known()).message.held
        w.holding.resume("by a test")
        again = w.request(id="m1")
        again.priority = 0
        w.come(again)
        await eventually(w.results)
        assert [(each["status"], each["attempts"]) for each in w.results()] == [("sent", 2)]
        assert (await w.known()).message.priority == 0
