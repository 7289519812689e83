"""A queue full of requests: all of them go, as fast as may be and no faster, and urgent ones overtake."""

import itertools
import time

from rig.daemon import provider
from rig.record import mean_rate, most_in_a_second, times
from rig.stage import Stage

WAITING = 5_000


def test_every_request_waiting_gets_exactly_one_final_result(stage: Stage) -> None:
    simulator = stage.simulator(latency=0.05)
    simulator.go_down()
    daemon = stage.daemon({"p": provider(simulator.port, window=100)})
    ids = stage.crm.send_many(WAITING)
    simulator.come_up()
    finals = stage.crm.finals(ids, timeout=60)
    assert {result["status"] for result in finals} == {"sent"}
    submits = simulator.submits()
    assert len({submit["text"] for submit in submits}) == len(submits) == WAITING
    assert daemon.term() == 0
    assert stage.crm.waiting() == 0  # nothing was left unacked either: it would be back


def test_max_rate_is_reached_and_never_exceeded(stage: Stage) -> None:
    simulator = stage.simulator()
    stage.bound(simulator, max_rate=100, window=50)
    stage.crm.send_many(500)
    moments = times(simulator.sent(500))
    assert most_in_a_second(moments) <= 100
    assert mean_rate(moments, after=1.0) >= 90  # above 99 with the machine to itself: `make bench`


def test_max_rate_counts_segments(stage: Stage) -> None:
    simulator = stage.simulator()
    stage.bound(simulator, max_rate=20)
    stage.crm.send_many(10, text="{}" + "." * 400)
    moments = times(simulator.sent(30))
    assert most_in_a_second(moments) <= 20
    assert moments[-1] - moments[0] > 1.4


def test_a_rate_below_one_is_a_distance(stage: Stage) -> None:
    simulator = stage.simulator()
    stage.bound(simulator, max_rate=0.5)
    stage.crm.send_many(3)
    moments = times(simulator.sent(3))
    assert all(later - earlier >= 2.0 for earlier, later in itertools.pairwise(moments))
    assert moments[-1] - moments[0] < 4.2


def test_the_rate_holds_across_a_reconnect(stage: Stage) -> None:
    simulator = stage.simulator()
    stage.bound(simulator, max_rate=50, on_uncertain="resend")
    stage.crm.send_many(120)
    simulator.sent(20)
    simulator.cut()
    simulator.sent(60)
    simulator.cut()
    assert most_in_a_second(times(simulator.sent(120))) <= 50


def test_urgent_messages_overtake_a_bulk_backlog(stage: Stage) -> None:
    simulator = stage.simulator()
    stage.bound(simulator, max_rate=20)
    crm = stage.crm
    crm.send_many(200, "p.bulk")
    simulator.sent(10)
    for _ in range(4):
        began = time.monotonic()
        crm.final(crm.send("urgent", "p.urgent"))
        assert time.monotonic() - began < 0.5


def test_lower_priorities_get_one_turn_in_twenty(stage: Stage) -> None:
    simulator = stage.simulator()
    simulator.go_down()
    stage.daemon({"p": provider(simulator.port, max_rate=60)})
    crm = stage.crm
    crm.send_many(120, "p.urgent", "urgent {}")
    crm.send_many(60, "p.bulk", "bulk {}")
    time.sleep(0.5)  # until both are prefetched
    simulator.come_up()
    texts = [submit["text"].split()[0] for submit in simulator.sent(125)][:120]
    assert 5 <= texts.count("bulk") <= 7
    assert max(len(run) for run in " ".join(texts).split("bulk")) <= 20 * len("urgent ") + 1
