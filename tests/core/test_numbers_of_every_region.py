"""Mobile numbers of every region that has any, in the ways in which people write them: right, or refused."""

from regions.run import Tally, outcomes
from regions.ways import REGIONS

EACH = 30
"""Of each region; `python -m tests.regions` asks for 400."""

EXPLICIT = ("plus", "digits", "dialled 00", "dialled as there")


def test_no_way_of_writing_a_mobile_number_leads_to_another_number() -> None:
    tally = Tally()
    for outcome in outcomes(EACH):
        tally.add(outcome)
    assert tally.wrong == []
    assert len({region for _, region in tally.asked}) == len(REGIONS) - 1  # Tristan da Cunha has no mobile numbers
    assert [place for place in tally.refused if place[0] in EXPLICIT] == []
    assert tally.refused.total() < tally.asked.total() / 100, tally.refused
