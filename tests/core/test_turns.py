"""Whose turn it is: order within a priority, shares between them, and those who wait for their time."""

from collections import Counter
from collections.abc import Sequence

import pytest
from rig.messages import message, request

from smsd.core.message import WAITING, Message
from smsd.core.turns import SHARE, Turns

URGENT, NORMAL, BULK = 0, 1, 2


def waiting(name: str, priority: int = NORMAL, until: float = 0.0, segments: int = 1) -> Message:
    """A message whose delay ends at `until`, on the loop's clock."""
    return message(*[WAITING] * segments, asked=request(id=name), priority=priority, rests_until=until)


def dated(name: str, send_after: float, priority: int = NORMAL) -> Message:
    """A message that must not be sent before this time of the world."""
    asked = request(id=name).model_copy(update={"send_after": send_after})
    return message(WAITING, asked=asked, priority=priority)


def lane(*messages: Message) -> Turns:
    turns = Turns()
    for one in messages:
        turns.add(one)
    return turns


def hand_over(turns: Turns, times: int, now: float = 0.0) -> list[str]:
    """Ids in the order in which parts go; shorter than `times` when nobody is left."""
    ids = []
    for _ in range(times):
        found = turns.next(now, 0.0)
        if found is None:
            break
        found.todo.pop(0)
        ids.append(found.id)
    return ids


def ids(messages: Sequence[Message]) -> list[str]:
    return [one.id for one in messages]


# --- order


def test_an_empty_lane_has_no_turn() -> None:
    turns = Turns()
    assert (turns.next(0.0, 0.0), turns.waiting_now(), turns.oldest(0.0), turns.next_due()) == (None, False, None, None)
    assert (turns.all(), turns.clear(), turns.waiting()) == ([], [], {"urgent": 0, "normal": 0, "bulk": 0})


def test_within_a_priority_first_come_is_first_served() -> None:
    assert hand_over(lane(waiting("a"), waiting("b"), waiting("c")), 9) == ["a", "b", "c"]


def test_all_segments_of_a_message_go_before_the_next_message() -> None:
    assert hand_over(lane(waiting("a", segments=3), waiting("b")), 9) == ["a", "a", "a", "b"]


def test_a_message_that_goes_back_to_the_front_is_next() -> None:
    turns = lane(waiting("a"), waiting("b"))
    turns.add(waiting("again"), first=True)
    assert hand_over(turns, 9) == ["again", "a", "b"]


def test_a_message_added_twice_has_one_turn() -> None:
    once = waiting("a")
    turns = lane(once, once)
    turns.add(once, first=True)
    assert turns.waiting()["normal"] == 1
    assert hand_over(turns, 9) == ["a"]


def test_a_message_can_come_again_after_its_turn() -> None:
    again = waiting("a")
    turns = lane(again)
    assert hand_over(turns, 9) == ["a"]
    again.todo.append(again.parts[0])
    turns.add(again)
    assert hand_over(turns, 9) == ["a"]


# --- shares


@pytest.mark.parametrize(("high", "low"), [(URGENT, NORMAL), (URGENT, BULK), (NORMAL, BULK)])
def test_one_turn_in_twenty_goes_to_the_lower_priority(high: int, low: int) -> None:
    turns = lane(waiting("high", high, segments=200), waiting("low", low, segments=200))
    order = hand_over(turns, 200)
    assert SHARE == 20
    assert [n for n, name in enumerate(order, 1) if name == "low"] == list(range(20, 201, 20))


def test_of_three_priorities_the_lowest_gets_a_twentieth_of_what_the_highest_leaves() -> None:
    turns = lane(*(waiting(name, priority, segments=9000) for priority, name in enumerate(["u", "n", "b"])))
    assert Counter(hand_over(turns, 8000)) == {"u": 7600, "n": 380, "b": 20}


def test_a_higher_priority_that_comes_later_goes_next() -> None:
    turns = lane(waiting("bulk", BULK, segments=100))
    hand_over(turns, 50)
    turns.add(waiting("code", URGENT))
    assert hand_over(turns, 2) == ["code", "bulk"]


def test_a_lower_priority_alone_has_every_turn() -> None:
    assert hand_over(lane(waiting("bulk", BULK, segments=100)), 200) == ["bulk"] * 100


def test_the_share_does_not_grow_while_nobody_else_waits() -> None:
    turns = lane(waiting("urgent", URGENT, segments=200))
    hand_over(turns, 100)
    turns.add(waiting("bulk", BULK))
    assert hand_over(turns, 20).index("bulk") == 19


# --- not yet


def test_a_message_put_off_is_passed_over_until_its_time_and_then_added_again() -> None:
    put_off = waiting("a")
    turns = lane(put_off, waiting("b"))
    put_off.rests_until = 10.0
    turns.add_later(put_off, 0.0)
    assert hand_over(turns, 9, now=9.9) == ["b"]
    assert list(turns.due(9.9, 0.0)) == []
    for one in turns.due(10.0, 0.0):
        turns.add(one)
    assert hand_over(turns, 9, now=10.0) == ["a"]


def test_a_message_held_at_the_broker_is_passed_over() -> None:
    held = waiting("a")
    turns = lane(held, waiting("b"))
    held.held = True
    assert hand_over(turns, 9) == ["b"]
    held.held = False
    turns.add(held)
    assert hand_over(turns, 9) == ["a"]


def test_a_message_put_off_does_not_use_up_its_priority() -> None:
    put_off = waiting("code", URGENT, until=10.0)
    turns = lane(put_off, waiting("bulk", BULK, segments=30))
    assert hand_over(turns, 30, now=0.0) == ["bulk"] * 30


def test_messages_come_due_in_the_order_of_their_times_and_equals_as_they_came() -> None:
    turns = Turns()
    for name, until in [("late", 9.0), ("first", 3.0), ("second", 3.0), ("early", 1.0)]:
        turns.add_later(waiting(name, until=until), 0.0)
    assert turns.next_due() == 1.0
    assert ids(list(turns.due(3.0, 0.0))) == ["early", "first", "second"]
    assert turns.next_due() == 9.0


# --- what waits


def test_waiting_counts_messages_by_priority_those_put_off_too() -> None:
    turns = lane(waiting("a", URGENT), waiting("b", BULK), waiting("c", BULK, segments=5))
    turns.add_later(waiting("d", NORMAL, until=9.0), 0.0)
    assert turns.waiting() == {"urgent": 1, "normal": 1, "bulk": 2}


def test_a_message_in_both_places_waits_once() -> None:
    both = waiting("a")
    turns = lane(both)
    turns.add_later(both, 0.0)
    assert turns.all() == [both]


def test_a_message_with_nothing_left_to_hand_over_does_not_wait() -> None:
    done = waiting("a")
    turns = lane(done)
    done.todo.clear()
    assert turns.all() == []
    assert turns.next(0.0, 0.0) is None
    assert not turns.waiting_now()


def test_the_oldest_is_the_earliest_received_of_all_priorities() -> None:
    bulk, code = waiting("bulk", BULK), waiting("code", URGENT)
    bulk.received_at, code.received_at = 5.0, 7.0
    assert lane(code, bulk).oldest(0.0) == 5.0


def test_the_oldest_is_none_of_those_whose_turn_can_not_come_now() -> None:
    put_off, sent, young = waiting("put off"), waiting("sent"), waiting("young")
    put_off.received_at, sent.received_at, young.received_at = 1.0, 2.0, 3.0
    turns = lane(put_off, sent, young)
    put_off.rests_until = 10.0
    assert turns.next(9.0, 0.0) is sent
    sent.todo.clear()
    assert turns.oldest(0.0) == 3.0
    for one in turns.due(10.0, 0.0):
        turns.add(one)
    assert turns.oldest(0.0) == 1.0


def test_clear_takes_everything_out_in_the_order_of_turns_and_it_can_come_again() -> None:
    messages = [waiting("code", URGENT), waiting("a"), waiting("b"), waiting("bulk", BULK)]
    turns = lane(*reversed(messages))
    turns.add_later(later := waiting("later", URGENT, until=9.0), 0.0)
    assert ids(turns.clear()) == ["code", "b", "a", "bulk", "later"]
    assert (turns.all(), turns.waiting_now(), turns.next_due()) == ([], False, None)
    for one in (*messages, later):
        turns.add(one)
    assert len(turns.all()) == 5


# --- two clocks


def test_nobody_is_lost_when_the_clock_of_the_world_is_set_back_behind_a_turn() -> None:
    turns = lane(dated("a", 100.0), waiting("b"))
    assert hand_over_at(turns, 0.0, 97.0) == "b"
    assert list(turns.due(0.0, 99.9)) == []
    assert turns.next_date() == 100.0
    for one in turns.due(0.0, 100.0):
        turns.add(one)
    assert hand_over_at(turns, 0.0, 100.0) == "a"


def test_a_delay_ends_by_the_clock_of_the_loop_wherever_that_of_the_world_is_set() -> None:
    turns = Turns()
    turns.add_later(waiting("a", until=60.0), 0.0)
    assert list(turns.due(59.9, 4e9)) == []
    assert ids(list(turns.due(60.0, 0.0))) == ["a"]


def test_a_delay_that_ends_before_send_after_has_come_waits_for_that_too() -> None:
    both = dated("a", 100.0)
    both.rests_until = 5.0
    turns = Turns()
    turns.add_later(both, 0.0)
    assert list(turns.due(5.0, 99.0)) == []
    assert (turns.next_due(), turns.next_date()) == (None, 100.0)
    assert turns.waiting()["normal"] == 1
    assert ids(list(turns.due(6.0, 100.0))) == ["a"]


def test_who_is_put_off_twice_waits_once() -> None:
    once = waiting("a", until=5.0)
    turns = Turns()
    turns.add_later(once, 0.0)
    once.rests_until = 9.0
    turns.add_later(once, 0.0)
    assert list(turns.due(5.0, 0.0)) == []
    assert ids(list(turns.due(9.0, 0.0))) == ["a"]
    assert list(turns.due(99.0, 0.0)) == []


def hand_over_at(turns: Turns, now: float, wall: float) -> str:
    found = turns.next(now, wall)
    assert found is not None
    found.todo.pop(0)
    return found.id
