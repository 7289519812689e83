"""What was handed over and never answered: told as uncertain, corrected once, re-sent only where that is asked for."""

from rig.stage import Stage

UNANSWERED = {"no_answer": [{"text": "silence", "times": 1}]}


def test_no_answer_within_submit_timeout_is_uncertain(stage: Stage) -> None:
    simulator = stage.simulator(**UNANSWERED)
    stage.bound(simulator, submit_timeout="500ms")
    result = stage.crm.final(stage.crm.send("silence"))
    assert (result["status"], result["reason"], result["final"]) == ("uncertain", "no-response", True)
    assert (result["attempts"], result["segments_sent"], result["possible_duplicate"]) == (1, 0, False)
    assert result["parts"] == [{"n": 1, "smsc_id": None, "status": "uncertain", "smpp_status": None}]
    assert stage.crm.final(stage.crm.send("next"))["status"] == "sent"
    assert simulator.texts() == ["silence", "next"]


def test_a_cut_link_makes_what_was_in_flight_uncertain(stage: Stage) -> None:
    simulator = stage.simulator(disconnect=[{"text": "cut"}])
    stage.bound(simulator)
    result = stage.crm.final(stage.crm.send("cut here"))
    assert (result["status"], result["reason"]) == ("uncertain", "connection-lost")
    assert stage.crm.final(stage.crm.send("after"))["status"] == "sent"
    assert simulator.texts() == ["cut here", "after"]


def test_segments_after_an_uncertain_one_are_not_sent(stage: Stage) -> None:
    simulator = stage.simulator(**UNANSWERED)
    stage.bound(simulator, submit_timeout="500ms", window=1)
    result = stage.crm.final(stage.crm.send("silence" + "." * 300))
    assert (result["status"], result["segments"]) == ("uncertain", 3)
    assert [part["status"] for part in result["parts"]] == ["uncertain", "waiting", "waiting"]
    assert simulator.count() == 1


def test_a_late_answer_corrects_uncertain_once(stage: Stage) -> None:
    simulator = stage.simulator(latency=1.0)
    stage.bound(simulator, submit_timeout="400ms")
    crm = stage.crm
    id = crm.send("late")
    corrected = crm.result(id, "sent")
    uncertain = crm.result(id, "uncertain")
    assert corrected["corrects"] == uncertain["result_id"] != corrected["result_id"]
    assert (corrected["final"], corrected["segments_sent"], corrected["attempts"]) == (True, 1, 1)
    assert [result["status"] for result in crm.results[id]] == ["uncertain", "sent"]


def test_a_late_refusal_corrects_uncertain_too(stage: Stage) -> None:
    simulator = stage.simulator(latency=1.0, errors=[{"status": "0x400"}])
    stage.bound(simulator, submit_timeout="400ms")
    crm = stage.crm
    id = crm.send("late")
    corrected = crm.result(id, "rejected")
    assert corrected["corrects"] == crm.result(id, "uncertain")["result_id"]
    assert corrected["smpp_status"]["code"] == 0x400


def test_a_receipt_corrects_uncertain(stage: Stage) -> None:
    simulator = stage.simulator(latency=1.0, receipts={"delay": 0})
    stage.bound(simulator, submit_timeout="400ms", receipts=True)
    crm = stage.crm
    id = crm.send("late")
    corrected = crm.result(id, "delivered")
    assert corrected["corrects"] == crm.result(id, "uncertain")["result_id"]
    assert [result["status"] for result in crm.results[id]] == ["uncertain", "delivered"]


def test_resend_sends_again_and_says_so(stage: Stage) -> None:
    simulator = stage.simulator(**UNANSWERED)
    stage.bound(simulator, submit_timeout="500ms", on_uncertain="resend")
    result = stage.crm.final(stage.crm.send("silence"))
    assert (result["status"], result["possible_duplicate"], result["attempts"]) == ("sent", True, 2)
    assert simulator.texts() == ["silence", "silence"]


def test_the_request_decides_over_the_provider_what_uncertain_means(stage: Stage) -> None:
    simulator = stage.simulator(disconnect=[{"text": "cut", "times": 2}])
    stage.bound(simulator, on_uncertain="resend")
    crm = stage.crm
    assert crm.final(crm.send("cut", on_uncertain="report"))["status"] == "uncertain"
    resent = crm.final(crm.send("cut"))
    assert (resent["status"], resent["possible_duplicate"]) == ("sent", True)
    assert simulator.texts() == ["cut", "cut", "cut"]
