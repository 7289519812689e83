"""What the SMSC sends: receipts find their message, everything is answered OK only once the broker has it."""

from typing import Any

import pytest
from rig import rabbit
from rig.daemon import provider
from rig.stage import Stage

OK = 0


def test_a_long_message_is_delivered_after_the_receipts_of_all_its_segments(stage: Stage) -> None:
    simulator = stage.simulator(receipts={"stat": None})
    stage.bound(simulator, receipts=True)
    crm = stage.crm
    id = crm.send("x" * 400)
    sent = crm.result(id, "sent")
    assert (sent["segments"], sent["segments_sent"]) == (3, 3)
    for part in reversed(sent["parts"]):
        crm.read(0.2)
        assert len(crm.results[id]) == 1
        simulator.receipt(part["smsc_id"])
    delivered = crm.final(id)
    assert delivered["status"] == "delivered"
    assert [part["receipt"]["stat"] for part in delivered["parts"]] == ["DELIVRD"] * 3


def test_the_first_bad_segment_ends_the_message(stage: Stage) -> None:
    simulator = stage.simulator(receipts={"stat": None})
    stage.bound(simulator, receipts=True)
    crm = stage.crm
    id = crm.send("x" * 400)
    parts = crm.result(id, "sent")["parts"]
    simulator.receipt(parts[1]["smsc_id"], stat="UNDELIV", err="011")
    assert crm.final(id)["status"] == "undelivered"
    simulator.receipt(parts[0]["smsc_id"])
    simulator.receipt(parts[2]["smsc_id"])
    crm.until(lambda: len(simulator.deliveries()) == 3)
    crm.read(0.2)
    assert len(crm.results[id]) == 2
    assert {delivery["status"] for delivery in simulator.deliveries()} == {OK}


def test_a_receipt_before_its_submit_sm_resp_is_matched(stage: Stage) -> None:
    simulator = stage.simulator(latency=0.2, receipts={"before_response": True})
    stage.bound(simulator, receipts=True)
    crm = stage.crm
    results = crm.finals([crm.send("one"), crm.send("x" * 200)])
    assert [result["status"] for result in results] == ["delivered", "delivered"]
    assert [[r["status"] for r in crm.results[result["id"]]] for result in results] == [["sent", "delivered"]] * 2
    assert crm.receipts == []


def test_two_receipts_before_the_submit_sm_resp_are_both_taken_whatever_their_order(stage: Stage) -> None:
    simulator = stage.simulator(latency=1.0, receipts={"stat": None})
    stage.bound(simulator, receipts=True)
    crm = stage.crm
    id = crm.send("one")
    (submit,) = simulator.sent(1)
    simulator.receipt(submit["message_id"], stat="DELIVRD")
    simulator.receipt(submit["message_id"], stat="ENROUTE")
    assert crm.final(id)["status"] == "delivered"
    assert crm.receipts == []


def test_a_receipt_to_nobody_is_unmatched_at_once_whatever_is_in_flight(stage: Stage) -> None:
    simulator = stage.simulator(latency=5.0)
    stage.bound(simulator)
    crm = stage.crm
    crm.send("one")
    simulator.sent(1)
    simulator.receipt("unknown", stat="DELIVRD", **{"to": "4815", "from": ""})
    assert crm.until(lambda: crm.receipts, timeout=3)[0]["smsc_id"] == "unknown"


def test_ids_of_another_base_are_matched(stage: Stage) -> None:
    simulator = stage.simulator(message_ids={"submit": "hex", "receipt": "decimal", "width": 10})
    stage.bound(simulator, receipts=True, message_id={"submit": "hex", "receipt": "decimal"})
    assert stage.crm.final(stage.crm.send())["status"] == "delivered"


def test_a_receipt_that_comes_twice_gives_one_result(stage: Stage) -> None:
    simulator = stage.simulator(receipts={"copies": 3})
    stage.bound(simulator, receipts=True)
    id = stage.crm.send()
    stage.crm.final(id)
    stage.crm.until(lambda: len(simulator.deliveries()) == 3)
    stage.crm.read(0.3)
    assert [result["status"] for result in stage.crm.results[id]] == ["sent", "delivered"]


@pytest.mark.parametrize("form", [{"tlvs": True, "template": ""}, {"tlvs": True}, {"enroute": True}])
def test_receipts_of_every_form_are_understood(stage: Stage, form: dict[str, Any]) -> None:
    simulator = stage.simulator(receipts=form)
    stage.bound(simulator, receipts=True)
    assert stage.crm.final(stage.crm.send())["status"] == "delivered"


def test_a_receipt_of_no_known_message_is_published_as_such(stage: Stage) -> None:
    simulator = stage.simulator()
    stage.bound(simulator)
    simulator.receipt("424242", stat="UNDELIV", err="011", to="79000000000")
    (receipt,) = stage.crm.until(lambda: stage.crm.receipts)
    assert (receipt["provider"], receipt["smsc_id"], receipt["receipt"]["stat"]) == ("p", "424242", "UNDELIV")
    assert {"receipt_id", "from", "to", "received_at"} < set(receipt)
    message = stage.crm.messages[0]
    assert (message.key, message.properties.type) == ("p.unmatched", "sms.receipt.v1")
    assert message.properties.message_id == receipt["receipt_id"]
    assert [delivery["status"] for delivery in simulator.deliveries()] == [OK]


def test_a_message_from_a_handset_is_published(stage: Stage) -> None:
    simulator = stage.simulator()
    stage.bound(simulator)
    simulator.inbound("Привет 👋")
    (inbound,) = stage.crm.until(lambda: stage.crm.inbound)
    assert inbound["inbound_id"]
    known = {name: inbound[name] for name in ("provider", "from", "to", "text", "encoding", "parts")}
    assert known == {
        "provider": "p", "from": "79000000001", "to": "ACME", "text": "Привет 👋", "encoding": "ucs2", "parts": 1,
    }  # fmt: skip
    assert stage.crm.until(lambda: [delivery["status"] for delivery in simulator.deliveries()]) == [OK]


def test_a_long_message_from_a_handset_arrives_whole_in_any_order(stage: Stage) -> None:
    simulator = stage.simulator()
    stage.bound(simulator)
    simulator.inbound("", parts=["one ", "two ", "three"], order=[3, 1, 2])
    (inbound,) = stage.crm.until(lambda: stage.crm.inbound)
    assert (inbound["text"], inbound["parts"], inbound.get("incomplete")) == ("one two three", 3, None)
    statuses = stage.crm.until(lambda: len(simulator.deliveries()) == 3 and simulator.deliveries())
    assert {delivery["status"] for delivery in statuses} == {OK}


def test_an_incomplete_message_from_a_handset_is_published_after_parts_wait(stage: Stage) -> None:
    simulator = stage.simulator()
    stage.bound(simulator, parts_wait="700ms")
    simulator.inbound("", parts=["one ", "two ", "three"], order=[1, 3])
    (inbound,) = stage.crm.until(lambda: stage.crm.inbound)
    assert inbound["incomplete"] is True
    assert "one " in inbound["text"]
    assert "three" in inbound["text"]


def test_a_message_from_a_handset_is_taken_while_the_broker_is_away_and_passed_on_when_it_is_back(stage: Stage) -> None:
    simulator, forward = stage.simulator(), stage.forward()
    forward.open()
    daemon = stage.daemon({"p": provider(simulator.port)}, url=forward.url)
    daemon.bound()
    crm = stage.crm
    forward.close()
    crm.until(lambda: daemon.web("/readyz")[0] == 503)
    simulator.inbound("hello")
    taken = crm.until(simulator.deliveries)[0]
    assert (taken["kind"], taken["status"]) == ("inbound", OK)
    forward.open()
    crm.until(lambda: crm.inbound, 30)
    assert [message["text"] for message in crm.inbound] == ["hello"]


def test_what_was_answered_ok_and_no_queue_takes_survives_kill_9(stage: Stage) -> None:
    simulator = stage.simulator()
    daemon = stage.bound(simulator)
    crm = stage.crm
    with rabbit.connect(stage.url) as connection:
        channel = connection.channel()
        channel.queue_unbind(f"{stage.prefix}.inbound", f"{stage.prefix}.inbound", "#")
        simulator.inbound("hello")
        crm.until(lambda: [d["status"] for d in simulator.deliveries()] == [OK])
        daemon.kill9()
    stage.bound(simulator)  # which binds the default queue again
    crm.until(lambda: crm.inbound)
    assert [message["text"] for message in crm.inbound] == ["hello"]
