"""The disk under the journal is full: nothing goes out, nothing is lost, and it goes on by itself."""

import shutil
from pathlib import Path

from rig.daemon import provider
from rig.stage import Stage

OK, QUEUE_FULL = 0x00, 0x14
FLOOD = 300


def fill(filler: Path) -> None:
    """Takes all the room that is left."""
    room = shutil.disk_usage(filler.parent).free
    with filler.open("wb") as file:
        file.write(b"x" * room)
    assert shutil.disk_usage(filler.parent).free == 0


def test_a_full_disk_stops_the_intake_and_nothing_is_lost_or_sent_twice(small_disk: Path, stage: Stage) -> None:
    simulator = stage.simulator(receipts={"resend_after": 0.5})
    journal = small_disk / "journal.db"
    daemon = stage.daemon({"p": provider(simulator.port, max_rate=1000)}, journal={"path": str(journal)})
    daemon.bound()
    crm = stage.crm
    before = crm.send_many(50)
    crm.finals(before)

    fill(small_disk / "filler")
    during = crm.send_many(FLOOD)
    stopped = crm.event("intake_stopped")
    assert str(journal) in stopped["detail"]
    assert daemon.web("/readyz")[0] == 503
    simulator.inbound("from a handset")
    crm.until(lambda: [delivery["status"] for delivery in simulator.deliveries()][:2] == [QUEUE_FULL] * 2)
    count = simulator.count()
    assert count < 50 + FLOOD
    later = crm.send_many(20)
    crm.until(lambda: crm.waiting() >= 20)
    assert simulator.count() == count
    assert crm.inbound == []
    assert not any(crm.results[id] for id in later)

    (small_disk / "filler").unlink()
    crm.event("intake_resumed")
    assert {result["status"] for result in crm.finals([*during, *later])} == {"sent"}
    texts = simulator.texts()
    assert sorted(texts) == sorted(set(texts))
    assert len(texts) == 50 + FLOOD + 20
    crm.until(lambda: crm.inbound)
    crm.until(lambda: simulator.deliveries()[-1]["status"] == OK)
    assert [message["text"] for message in crm.inbound] == ["from a handset"]
    assert daemon.term() == 0
    assert crm.waiting() == 0
