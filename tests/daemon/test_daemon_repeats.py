"""The same id again."""

import time

from rig.stage import Stage


def test_a_repeat_gets_the_same_result_and_is_not_sent_again(stage: Stage) -> None:
    simulator = stage.simulator()
    stage.bound(simulator)
    crm = stage.crm
    crm.send("once", id="a")
    first = crm.final("a")
    crm.send("once", id="a")
    crm.until(lambda: len(crm.results["a"]) == 2)
    assert crm.results["a"][1] == first
    assert simulator.texts() == ["once"]


def test_a_repeat_of_a_rejection_gets_it_again(stage: Stage) -> None:
    stage.bound(stage.simulator())
    crm = stage.crm
    for _ in range(2):
        crm.send("hi", id="a", to="12")
    crm.until(lambda: len(crm.results["a"]) == 2)
    assert crm.results["a"][0]["result_id"] == crm.results["a"][1]["result_id"]


def test_a_repeat_before_the_first_result_is_acked_with_it(stage: Stage) -> None:
    simulator = stage.simulator(latency=0.5)
    daemon = stage.bound(simulator)
    crm = stage.crm
    for _ in range(3):
        crm.send("once", id="a")
    crm.final("a")
    crm.read(0.5)
    assert len(crm.results["a"]) == 1
    assert simulator.texts() == ["once"]
    assert daemon.term() == 0
    assert crm.waiting() == 0


def test_another_text_or_recipient_under_the_same_id_is_a_duplicate(stage: Stage) -> None:
    simulator = stage.simulator(latency=0.5)
    stage.bound(simulator)
    crm = stage.crm
    crm.send("one", id="a")
    crm.send("two", id="a")
    crm.send("one", id="a", to="+7 900 000 00 09")
    crm.until(lambda: len(crm.results["a"]) == 3)
    rejected = [result for result in crm.results["a"] if result["status"] == "rejected"]
    assert [result["reason"] for result in rejected] == ["duplicate-id"] * 2
    assert len({result["result_id"] for result in crm.results["a"]}) == 3
    assert simulator.texts() == ["one"]


def test_the_first_is_not_affected_by_a_duplicate(stage: Stage) -> None:
    stage.bound(stage.simulator())
    crm = stage.crm
    crm.send("one", id="a")
    first = crm.final("a")
    crm.send("two", id="a")
    crm.result("a", "rejected")
    crm.send("one", id="a")
    crm.until(lambda: len(crm.results["a"]) == 3)
    assert crm.results["a"][2] == first


def test_after_a_non_final_result_a_repeat_gets_that(stage: Stage) -> None:
    simulator = stage.simulator(receipts={"stat": None})
    stage.bound(simulator, receipts=True)
    crm = stage.crm
    crm.send("once", id="a")
    sent = crm.result("a", "sent")
    time.sleep(0.1)
    crm.send("once", id="a")
    crm.until(lambda: len(crm.results["a"]) == 2)
    assert crm.results["a"][1] == sent
    assert simulator.texts() == ["once"]
