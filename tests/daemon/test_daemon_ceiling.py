"""`ceiling`: what a provider can reach now, what holds it there, and which setting to change."""

from rig.patience import eventually
from rig.stage import Stage


def test_a_window_too_small_for_the_limit_is_told_with_the_one_that_would_do(stage: Stage) -> None:
    simulator = stage.simulator(latency=0.1)
    daemon = stage.bound(simulator, window=2, max_rate=300)
    stage.crm.finals(stage.crm.send_many(5, receipt=False))
    found = daemon.status()["providers"]["p"]["ceiling"]
    assert found["by"] == "window"
    assert found["per_second"] < 20.1
    assert found["detail"].startswith("window 2 at 1")
    assert "/s of 300/s: `window` " in found["detail"]


def test_pause_and_a_lost_connection_hold_it_at_nothing(stage: Stage) -> None:
    simulator = stage.simulator()
    daemon = stage.bound(simulator, max_rate=300)
    assert daemon.status()["providers"]["p"]["ceiling"] == {
        "per_second": 300,
        "by": "max_rate",
        "detail": "`max_rate` 300/s",
    }
    assert stage.crm.command("pause")["ok"]
    assert daemon.status()["providers"]["p"]["ceiling"]["by"] == "paused"
    simulator.go_down()
    eventually(lambda: daemon.status()["providers"]["p"]["ceiling"]["by"] == "closed")
