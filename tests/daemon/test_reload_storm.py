"""Reload after reload under load, every other one with a broken file."""

from reloads import reloads
from rig.stage import Stage


def test_a_storm_of_reloads_half_of_them_broken_touches_no_message_and_no_provider_but_those_that_change(
    stage: Stage,
) -> None:
    verdict, events = reloads(stage, rounds=24, requests=300, seconds=5.0, seed=3)
    assert verdict.clean
    assert (events["config_refused"], events["config_reloaded"]) == (12, 12)
