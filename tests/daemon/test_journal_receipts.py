"""Receipts find their message whenever and wherever they come, smsd having been killed in between or not."""

import sqlite3
from contextlib import closing

import night
from rig.daemon import provider
from rig.stage import Stage
from storms import flood

from smsd.flow.early import PARK

OK = 0


def test_receipts_0_ms_before_their_submit_sm_resp_are_matched(stage: Stage) -> None:
    simulator = stage.simulator(latency=0.02, receipts={"before_response": True})
    stage.bound(simulator, receipts=True, window=100)
    crm = stage.crm
    ids = crm.send_many(500)
    assert {result["status"] for result in crm.finals(ids)} == {"delivered"}
    assert {tuple(result["status"] for result in crm.results[id]) for id in ids} == {("sent", "delivered")}
    assert crm.receipts == []
    assert {delivery["status"] for delivery in simulator.deliveries()} == {OK}


def test_a_flood_of_receipts_after_a_restart_is_matched_and_gives_one_result_each(stage: Stage) -> None:
    flood(stage, 3000, copies=3)


def test_an_enquire_link_amid_a_flood_of_receipts_does_not_wait_for_them(stage: Stage) -> None:
    """How long one takes, bench/flood.py measures."""
    smsc = night.Provider(9_000, window=4_500)
    try:
        daemon = stage.daemon({"p": provider(smsc.port)})
        daemon.bound()
        smsc.go()
        stage.crm.until(lambda: smsc.answered == 9_000, 120)
    finally:
        smsc.close()
    assert smsc.statuses == {OK}
    smsc.judge()


def test_a_receipt_after_kill_9_on_another_bind_of_the_group_is_matched_and_its_duplicates_give_no_second_result(
    stage: Stage,
) -> None:
    simulator = stage.simulator(receipts={"stat": None})
    account = {"receipts": True, "receipt_group": "acme"}
    providers = {
        "p": provider(simulator.port, bind="transmitter", **account),
        "q": provider(simulator.port, bind="receiver", **account),
    }
    daemon = stage.daemon(providers)
    daemon.bound()
    crm = stage.crm
    first, second = crm.send("before"), crm.send("x" * 200)
    smsc_ids = {id: [part["smsc_id"] for part in crm.result(id, "sent")["parts"]] for id in (first, second)}
    simulator.receipt(smsc_ids[first][0])
    simulator.receipt(smsc_ids[second][0])
    delivered = crm.final(first)
    daemon.kill9()
    stage.daemon(providers).bound()
    for _ in range(2):
        simulator.receipt(smsc_ids[first][0])
        simulator.receipt(smsc_ids[second][1])
    ended = crm.final(second)
    crm.until(lambda: len(simulator.deliveries()) == 6)
    assert {delivery["status"] for delivery in simulator.deliveries()} == {OK}
    assert [(each["provider"], each["status"]) for each in (delivered, ended)] == [("p", "delivered")] * 2
    assert [part["receipt"]["stat"] for part in ended["parts"]] == ["DELIVRD"] * 2
    id = crm.send("a last one, behind whatever they may have brought about")
    crm.result(id, "sent")
    assert [len({result["result_id"] for result in crm.results[id]}) for id in (first, second)] == [2, 2]
    assert crm.receipts == []


def test_a_receipt_that_nobody_claims_is_published_even_if_smsd_is_killed_while_it_is_parked(stage: Stage) -> None:
    simulator = stage.simulator(no_answer=[{"text": "silence"}])
    daemon = stage.bound(simulator, receipts=True)
    crm = stage.crm
    crm.send("silence")
    simulator.sent(1)
    simulator.receipt("424242", stat="UNDELIV", to="79000000000")  # a message to it is under way: its id may be this
    crm.until(lambda: [delivery["status"] for delivery in simulator.deliveries()] == [OK])
    assert crm.receipts == []
    daemon.kill9()
    with closing(sqlite3.connect(stage.directory / "journal-p.db")) as journal, journal:
        parked = journal.execute("UPDATE parked SET at = at - ?", (PARK,)).rowcount  # so long smsd was down
    assert parked == 1
    daemon = stage.bound(simulator, receipts=True)
    (receipt,) = crm.until(lambda: crm.receipts)
    assert (receipt["smsc_id"], receipt["receipt"]["stat"]) == ("424242", "UNDELIV")
    daemon.kill9()
    stage.bound(simulator, receipts=True)
    assert crm.final(crm.send("next"), timeout=5)["status"] == "delivered"
    assert {each["receipt_id"] for each in crm.receipts} == {receipt["receipt_id"]}


def test_parts_from_a_handset_are_joined_though_smsd_is_killed_between_them(stage: Stage) -> None:
    simulator = stage.simulator()
    daemon = stage.bound(simulator)
    crm = stage.crm
    simulator.inbound("", parts=["one ", "two ", "three"], order=[3, 1], reference=7)
    crm.until(lambda: [delivery["status"] for delivery in simulator.deliveries()] == [OK, OK])
    daemon.kill9()
    stage.bound(simulator)
    simulator.inbound("", parts=["one ", "two ", "three"], order=[2], reference=7)
    crm.until(lambda: crm.inbound)
    assert [(each["text"], each["parts"], each.get("incomplete")) for each in crm.inbound] == [
        ("one two three", 3, None)
    ]
