"""Fault 11, of the whole daemon: receipts that come while the broker is away cost disk, not memory."""

from daemon.night import night
from rig.stage import Stage

RECEIPTS = 15_000
"""Some thousands more than memory holds."""
MOST = 150.0
"""MB, the same for a million (python -m tests.daemon.night)."""


def test_fault_11_a_night_of_receipts_stays_within_150_mb(stage: Stage) -> None:
    cost = night(stage, RECEIPTS)
    print(cost)
    assert cost.most <= MOST
