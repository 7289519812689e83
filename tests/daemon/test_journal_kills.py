"""kill -9 of smsd at any moment: nothing is lost, and nothing is sent twice in silence."""

from chaos.report import stories, table
from rig import rabbit
from rig.daemon import provider
from rig.stage import Stage
from storms import POLICIES, kills

FIVE = "".join(letter * 153 for letter in "abcde")
"""A text of five segments, each of one letter."""


def test_kill_9_at_random_moments_loses_nothing_and_sends_nothing_twice_in_silence(stage: Stage) -> None:
    verdict = kills(stage, rounds=6, requests=2000, seed=1)
    print(table(verdict), stories(verdict, 0.0), sep="\n")
    assert verdict.clean, "see the output"
    report, resend = verdict.counts["report"], verdict.counts["resend"]
    assert verdict.requests == {"report": 2000, "resend": 2000}
    assert (report["sent twice, reported"], report["uncertain, sent"] > 0) == (0, True)
    assert (resend["uncertain, sent"], resend["uncertain, not sent"]) == (0, 0)
    assert resend["sent twice, reported"] > 0


def test_requests_finished_before_a_restart_get_the_same_result_again_and_are_not_sent_again(stage: Stage) -> None:
    simulator = stage.simulator()
    daemon = stage.bound(simulator)
    crm = stage.crm
    requests = [{"id": "sent", "text": "once"}, {"id": "refused", "text": "never", "to": "12"}]
    ids = [crm.send(**request) for request in requests]
    first = crm.finals(ids)
    assert daemon.term() == 0
    stage.bound(simulator)
    for request in requests:
        crm.send(**request)
    crm.until(lambda: [len(crm.results[id]) for id in ids] == [2, 2])
    assert [crm.results[id][1]["result_id"] for id in ids] == [result["result_id"] for result in first]
    crm.send("another text", id="sent")
    rejected = crm.result("sent", "rejected")
    assert (rejected["reason"], rejected["result_id"] != first[0]["result_id"]) == ("duplicate-id", True)
    crm.send("once", id="sent")
    crm.until(lambda: len(crm.results["sent"]) == 4)
    assert crm.results["sent"][3] == first[0]
    assert simulator.texts() == ["once"]


def test_requests_whose_acks_were_lost_come_again_are_answered_and_not_sent_again(stage: Stage) -> None:
    simulator = stage.simulator()
    daemon = stage.bound(simulator)
    crm = stage.crm
    with rabbit.connect(stage.url) as connection:
        channel = connection.channel()
        results = f"{stage.prefix}.results"
        channel.queue_unbind(results, results, "#")  # no result is confirmed, so no request is acked
        ids = crm.send_many(50)
        crm.until(lambda: daemon.status()["outbox"] == 50)
        daemon.kill9()
        crm.until(lambda: crm.waiting() == 50)
    daemon = stage.bound(simulator)  # which binds the default queue again
    assert {result["status"] for result in crm.finals(ids)} == {"sent"}
    assert daemon.term() == 0
    assert (crm.waiting(), simulator.count()) == (0, 50)


def test_after_kill_9_a_half_accepted_message_is_settled_segment_by_segment(stage: Stage) -> None:
    simulator = stage.simulator(no_answer=[{"text": "ccc"}])
    providers = {
        policy: provider(simulator.port, system_id=policy, window=1, on_uncertain=policy) for policy in POLICIES
    }
    daemon = stage.daemon(providers)
    crm = stage.crm
    for policy in POLICIES:
        crm.send(FIVE, policy, id=policy)
    simulator.sent(6)
    daemon.kill9()
    simulator.obey(no_answer=[])
    daemon = stage.daemon(providers)
    submits = {policy: [each for each in simulator.sent(9) if each["system_id"] == policy] for policy in POLICIES}
    ids = {policy: [submit["message_id"] for submit in submits[policy]] for policy in POLICIES}

    reported, resent = crm.finals(POLICIES)
    assert (reported["status"], reported["reason"], reported["segments"]) == ("uncertain", "connection-lost", 5)
    assert [part["status"] for part in reported["parts"]] == ["sent", "sent", "uncertain", "waiting", "waiting"]
    assert [part["smsc_id"] for part in reported["parts"]] == [*ids["report"][:2], None, None, None]
    assert (reported["segments_sent"], reported["attempts"], reported["possible_duplicate"]) == (2, 1, False)
    assert "".join(submit["text"][0] for submit in submits["report"]) == "abc"

    assert (resent["status"], resent["segments_sent"], resent["attempts"]) == ("sent", 5, 2)
    assert resent["possible_duplicate"] is True
    assert "".join(submit["text"][0] for submit in submits["resend"]) == "abccde"
    headers = [bytes.fromhex(submit["short_message"])[:6] for submit in submits["resend"]]
    assert [header[5] for header in headers] == [1, 2, 3, 3, 4, 5]
    assert len({header[:5] for header in headers}) == 1, "another reference, and the handset can't join them"

    assert daemon.term() == 0
    assert ([crm.waiting(policy) for policy in POLICIES], simulator.count()) == ([0, 0], 9)


def test_pause_and_cancel_survive_kill_9_until_they_are_taken_back(stage: Stage) -> None:
    simulator = stage.simulator()
    daemon = stage.bound(simulator)
    crm = stage.crm
    assert crm.command("cancel", campaign="autumn")["done"] is True
    assert crm.command("pause")["state"] == "paused"
    daemon.kill9()
    daemon = stage.bound(simulator)
    assert daemon.status()["providers"]["p"]["paused"] is True
    autumn, winter = crm.send("no", campaign="autumn"), crm.send("yes", campaign="winter")
    crm.until(lambda: crm.waiting() == 2)
    assert crm.command("resume")["state"] == "running"
    assert [result["status"] for result in crm.finals([autumn, winter])] == ["cancelled", "sent"]
    assert crm.command("resume", campaign="autumn")["ok"] is True
    daemon.kill9()
    stage.bound(simulator)
    assert crm.final(crm.send("now", campaign="autumn"))["status"] == "sent"
    assert simulator.texts() == ["yes", "now"]
