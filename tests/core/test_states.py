"""The table of session states, and its picture in docs/smpp-session.md.

`python tests/core/test_states.py` draws the picture anew from the table.
"""

import re
from pathlib import Path

import pytest

from smsd.core.errors import LocalProtocolError
from smsd.core.smpp.states import TRANSITIONS, State, Step, diagram, move

PAGE = Path(__file__).parents[2] / "docs" / "smpp-session.md"
PICTURE = re.compile(r"(?<=```mermaid\n).*?(?=```)", re.DOTALL)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("step", Step)
def test_a_session_moves_as_its_table_says_and_no_other_way(state: State, step: Step) -> None:
    if (state, step) in TRANSITIONS:
        assert move(state, step) is TRANSITIONS[state, step]
    else:
        with pytest.raises(LocalProtocolError, match=f"a session that is {state} can't go on with: {re.escape(step)}"):
            move(state, step)


def test_every_state_can_be_reached_and_left_for_closed() -> None:
    ways = {state: {end for (start, _), end in TRANSITIONS.items() if start is state} for state in State}
    reached = {State.CLOSED}
    while more := {end for state in reached for end in ways[state]} - reached:
        reached |= more
    assert reached == set(State)
    assert all(State.CLOSED in ways[state] for state in State if state is not State.CLOSED)


def test_every_step_leads_somewhere() -> None:
    assert {step for _, step in TRANSITIONS} == set(Step)


def test_the_diagram_has_an_arrow_for_each_way() -> None:
    lines = diagram().splitlines()
    assert lines[:2] == ["stateDiagram-v2", "    [*] --> closed"]
    assert len(lines) == 2 + len(TRANSITIONS)
    assert "    binding --> bound: bind_resp 0" in lines


def test_the_picture_in_the_docs_is_that_of_the_table() -> None:
    drawn = PICTURE.findall(PAGE.read_text(encoding="utf-8"))
    assert drawn == [diagram()], "docs/smpp-session.md is out of date: run `python tests/core/test_states.py`"


def test_the_words_in_the_docs_name_every_state() -> None:
    words = PICTURE.sub("", PAGE.read_text(encoding="utf-8"))
    assert all(f"**{state}**" in words for state in State)


if __name__ == "__main__":
    PAGE.write_text(PICTURE.sub(lambda _: diagram(), PAGE.read_text(encoding="utf-8")), encoding="utf-8")
