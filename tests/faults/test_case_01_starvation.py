"""Case 1: refused numbers among good ones, on a real broker: the good ones go as if they were alone."""

import pytest
from rig.stage import Stage

GOOD = "+7 900 000 00 11"


def seconds(stage: Stage, bad: list[str], status: str) -> float:
    """From the first submit to the answer of the last of forty good messages, at the simulator."""
    simulator = stage.simulator(errors=[{"to": "13.$", "status": status}])
    stage.bound(simulator, max_rate=20)
    crm = stage.crm
    for to in bad:
        crm.send("x", to=to)
    good = [crm.send("hello", to=GOOD) for _ in range(40)]
    assert {crm.final(id)["status"] for id in good} == {"sent"}
    times = [submit["monotonic"] for submit in simulator.submits() if submit["text"] == "hello"]
    assert len(times) == 40
    return float(max(times)) - float(min(submit["monotonic"] for submit in simulator.submits()))


@pytest.mark.parametrize("status", ["0x14", "0x58"])
@pytest.mark.parametrize("number", [1, 5])
def test_case_01_refused_numbers_cost_the_good_ones_a_fifth_at_most(number: int, status: str, stage: Stage) -> None:
    """By the limit alone forty take 39 / 20 s; each of the refused numbers may have a try of its own in that time."""
    bad = [f"+7 900 000 013 {n}" for n in range(number)]
    assert seconds(stage, bad, status) <= 1.2 * (1 + 39 / 20)
