"""Fault 17: what a provider had left unfinished was told by nobody once it was not held any more after a restart."""

import sqlite3
from contextlib import closing
from typing import Any

import pytest
from rig.daemon import Daemon, provider
from rig.stage import Stage

OK = 0
GONE = {"elsewhere": provider(1, active=False)}
"""A file in which the provider is no longer."""


def rows(stage: Stage, table: str) -> int:
    """Of the journal."""
    with closing(sqlite3.connect(next(stage.directory.glob("*.db")))) as journal:
        found: int = journal.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        return found


def age(stage: Stage, table: str, column: str, seconds: float) -> None:
    """So long smsd was down."""
    with closing(sqlite3.connect(next(stage.directory.glob("*.db")))) as journal, journal:
        assert journal.execute(f"UPDATE {table} SET {column} = {column} - ?", (seconds,)).rowcount == 1


def without(stage: Stage, own: dict[str, Any], how: str) -> Daemon:
    """A daemon that does not hold the provider, with the journal of the last one."""
    journal = {"path": str(next(stage.directory.glob("*.db")))}
    providers = {"p": {**own, "active": False}} if how == "inactive" else GONE
    return stage.daemon(providers, journal=journal)


@pytest.mark.parametrize("how", ["inactive", "gone"])
def test_fault_17_parts_from_a_handset_are_published(stage: Stage, how: str) -> None:
    simulator = stage.simulator()
    own = provider(simulator.port, parts_wait="3s")
    daemon = stage.daemon({"p": own})
    daemon.bound()
    crm = stage.crm
    simulator.inbound("", parts=["one ", "two"], order=[1], reference=7)
    crm.until(lambda: [delivery["status"] for delivery in simulator.deliveries()] == [OK])
    daemon.kill9()
    if how == "gone":
        age(stage, "parked", "at", 600.0)
    without(stage, own, how)
    crm.until(lambda: crm.inbound, 30)
    (inbound,) = crm.inbound
    assert (inbound["provider"], inbound["text"], inbound["incomplete"]) == ("p", "one ", True)
    crm.until(lambda: rows(stage, "parked") == 0, 30)


@pytest.mark.parametrize("how", ["inactive", "gone"])
def test_fault_17_an_early_receipt_is_published(stage: Stage, how: str) -> None:
    simulator = stage.simulator(no_answer=[{"text": "silence"}])
    own = provider(simulator.port, receipts=True)
    daemon = stage.daemon({"p": own})
    daemon.bound()
    crm = stage.crm
    crm.send("silence")
    simulator.sent(1)
    simulator.receipt("424242", stat="UNDELIV", to="79000000000")
    crm.until(lambda: [delivery["status"] for delivery in simulator.deliveries()] == [OK])
    daemon.kill9()
    without(stage, own, how)
    crm.until(lambda: crm.receipts, 30)
    assert [(each["provider"], each["smsc_id"]) for each in crm.receipts] == [("p", "424242")]
    crm.until(lambda: rows(stage, "parked") == 0, 30)


@pytest.mark.parametrize("how", ["inactive", "gone"])
def test_fault_17_a_receipt_that_never_came_is_told(stage: Stage, how: str) -> None:
    simulator = stage.simulator(receipts={"stat": None})
    own = provider(simulator.port, receipts=True, receipt_wait="1h")
    daemon = stage.daemon({"p": own})
    daemon.bound()
    crm = stage.crm
    id = crm.send("hello")
    crm.result(id, "sent")
    daemon.kill9()
    age(stage, "awaiting", "due", 3600.0)
    without(stage, own, how)
    result = crm.final(id, 30)
    assert (result["status"], result["reason"]) == ("unconfirmed", "no-receipt")
    crm.until(lambda: rows(stage, "awaiting") == 0, 30)


def test_fault_17_the_provider_may_come_back(stage: Stage) -> None:
    simulator = stage.simulator()
    own = provider(simulator.port)
    daemon = stage.daemon({"p": own})
    daemon.bound()
    crm = stage.crm
    simulator.inbound("", parts=["one ", "two"], order=[1], reference=7)
    crm.until(lambda: [delivery["status"] for delivery in simulator.deliveries()] == [OK])
    daemon.kill9()
    daemon = without(stage, own, "gone")
    path = str(next(stage.directory.glob("*.db")))
    stage.configure(daemon, {"p": own}, journal={"path": path})
    daemon.hup()
    crm.event("config_reloaded")
    daemon.bound("p")
    simulator.inbound("", parts=["one ", "two"], order=[2], reference=7)
    crm.until(lambda: crm.inbound, 30)
    assert [(each["text"], each.get("incomplete")) for each in crm.inbound] == [("one two", None)]
