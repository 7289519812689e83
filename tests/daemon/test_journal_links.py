"""The link to an SMSC dies with a full window."""

from rig.stage import Stage
from storms import cuts


def test_every_message_of_a_full_window_is_accounted_for_after_each_cut(stage: Stage) -> None:
    cuts(stage, rounds=5, window=50)
