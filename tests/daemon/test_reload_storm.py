"""Reloads again and again under load, half of them of broken files."""

from chaos.report import stories, table
from rig.stage import Stage
from storms import reloads


def test_a_storm_of_reloads_affects_no_message_and_nobody_who_did_not_change(stage: Stage) -> None:
    verdict = reloads(stage, rounds=24, seconds=6.0, seed=1)
    print(table(verdict), stories(verdict, 0.0), sep="\n")
    assert verdict.clean, "see the output"
    assert verdict.total("sent once") == sum(verdict.requests.values()) == 3 * 240
