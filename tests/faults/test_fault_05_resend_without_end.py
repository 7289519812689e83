"""`on_uncertain: resend` is bounded: in number, in time, with a bind or without; so is a fault of the bind."""

from typing import Any

import pytest
from rig.messages import message
from world import eventually, in_a_loop, world

from smsd.core import life
from smsd.core.life import UNANSWERED, Step, facts_of, facts_of_whole
from smsd.core.message import IN_FLIGHT, RESENDS, WAITING
from smsd.flow.recovery import recover

QUICK = {"delays": ["100ms", "200ms"]}


def texts(w: Any) -> list[str]:
    return [submit["text"] for submit in w.smsc.record.submits()]


@in_a_loop
async def test_fault_05_a_message_on_which_the_link_dies_goes_three_times_and_others_pass() -> None:
    async with world({"disconnect": [{"text": "poison"}]}, retries={"delays": ["1s", "2s"]}) as w:
        poison = w.come(w.request("poison", on_uncertain="resend"))
        for _ in range(30):
            w.come(w.request("good", on_uncertain="resend"))
        await eventually(lambda: len(w.results()) == 31, 15)
        told = {result["id"]: result for result in w.results()}
        assert texts(w).count("poison") == 1 + RESENDS
        assert (told["m1"]["status"], told["m1"]["attempts"]) == ("uncertain", 1 + RESENDS)
        assert told["m1"]["possible_duplicate"] is True
        assert {result["status"] for name, result in told.items() if name != "m1"} == {"sent"}
        w.broker.confirm()
        assert poison.acks == 1


@in_a_loop
async def test_fault_05_an_smsc_that_never_answers_gets_three_copies() -> None:
    async with world({"no_answer": [{}]}, submit_timeout="100ms", retries=QUICK, on_uncertain="resend") as w:
        w.come(w.request())
        (result,) = await eventually(w.results)
        assert (result["status"], result["attempts"], len(texts(w))) == ("uncertain", 3, 3)


@in_a_loop
async def test_fault_05_time_without_a_bind_counts_for_what_is_in_doubt() -> None:
    settings = {"retries": {"delays": ["50ms"], "max_age": "600ms"}, "reconnect": {"min": "60s", "max": "60s"}}
    async with world({"disconnect": [{}]}, on_uncertain="resend", **settings) as w:
        w.come(w.request())
        (result,) = await eventually(w.results)
        assert (result["status"], result["reason"]) == ("uncertain", "no-response")
        assert (w.holding.state, len(texts(w))) == ("closed", 1)


def test_fault_05_the_journal_counts_copies_and_an_old_one_has_none() -> None:
    tried = message(IN_FLIGHT, resend=True)
    tried.parts[0].resent, tried.doubted_at = 2, 1000.0
    told = {**facts_of(tried.parts[0]), **facts_of_whole(tried), "status": WAITING}
    for facts, resent, doubted_at in [(told, 2, 1000.0), ({"status": WAITING, "attempts": 2}, 0, None)]:
        steps = [Step(1000.0, UNANSWERED, 1, life.dumps(facts).decode())]
        revived = life.revive(tried.id, tried.fingerprint, life.head(tried), steps, None)
        assert (revived.parts[0].resent, revived.doubted_at) == (resent, doubted_at)


@in_a_loop
async def test_fault_05_a_restart_does_not_begin_the_count_anew() -> None:
    async with world(bound=False) as w:
        crashed = message(IN_FLIGHT, resend=True, in_flight=1)
        crashed.parts[0].resent, crashed.parts[0].attempts = RESENDS, RESENDS
        w.journal.take_up(crashed)
        recover([crashed], w.journal, w.reporter)
        (result,) = await eventually(w.results)
        assert (result["status"], result["attempts"]) == ("uncertain", RESENDS + 1)


@pytest.mark.parametrize("others", [0, 20])
@in_a_loop
async def test_fault_05_a_message_that_faults_the_bind_is_refused_in_the_end(others: int) -> None:
    async with world({"errors": [{"text": "poison", "status": "0x04"}]}, reconnect={"min": "10ms", "max": "20ms"}) as w:
        w.come(w.request("poison"))
        for _ in range(others):
            w.come(w.request("good"))
        await eventually(lambda: len(w.results()) == 1 + others, 15)
        told = {result["id"]: result for result in w.results()}
        assert (told["m1"]["status"], told["m1"]["smpp_status"]["code"]) == ("failed", 4)
        assert told["m1"]["permanent"] is bool(others)
        assert texts(w).count("poison") == (3 if others else 10)
        assert texts(w).count("good") == others
