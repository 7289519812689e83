"""Suspicion S1 and case 28: a receipt comes early, and over another bind of its group than its message went out by."""

import sqlite3
from contextlib import closing

from rig.daemon import provider
from rig.stage import Stage

OK = 0


def test_case_28_an_early_receipt_over_another_bind_finds_its_message(stage: Stage) -> None:
    simulator = stage.simulator(latency=0.5, receipts={"before_response": True})
    account = {"receipts": True, "receipt_group": "acme"}
    providers = {
        "p": provider(simulator.port, bind="transmitter", **account),
        "q": provider(simulator.port, bind="receiver", **account),
    }
    daemon = stage.daemon(providers)
    daemon.bound()
    crm = stage.crm
    ids = [crm.send(f"hello {n}", to=f"7900000001{n}") for n in range(5)]
    finals = [crm.final(id, 30) for id in ids]
    assert {(each["provider"], each["status"]) for each in finals} == {("p", "delivered")}
    assert {tuple(each["status"] for each in crm.results[id]) for id in ids} == {("sent", "delivered")}
    assert crm.receipts == []
    assert {delivery["status"] for delivery in simulator.deliveries()} == {OK}
    assert daemon.term() == 0
    with closing(sqlite3.connect(next(stage.directory.glob("*.db")))) as journal:
        assert journal.execute("SELECT count(*) FROM parked").fetchone() == (0,)
