"""Parts of handsets' messages made whole, in any order, more than once, or never."""

from itertools import permutations

import pytest

from smsd.core.assembler import Assembler, Whole
from smsd.core.mobile_originated import Fragment
from smsd.core.text import decode

WAIT = 600.0


def part(
    number: int,
    octets: bytes,
    *,
    total: int = 3,
    encoding: str | None = "gsm7",
    reference: int = 7,
    sender: str = "79000000001",
    recipient: str = "1234",
) -> Fragment:
    text = decode(octets, encoding, "replace") if encoding else None
    return Fragment(sender, recipient, text, encoding, octets, reference, total, number)


ONE, TWO, THREE = part(1, b"one "), part(2, b"two "), part(3, b"three")


@pytest.fixture
def assembler() -> Assembler:
    return Assembler(WAIT, 100)


def add(assembler: Assembler, *fragments: Fragment, now: float = 0.0) -> list[Whole | None]:
    """Each with the token `part number @ time`."""
    return [assembler.add("acme", one, f"{one.number}@{now:g}", now) for one in fragments]


@pytest.mark.parametrize("order", list(permutations([ONE, TWO, THREE])))
def test_parts_become_whole_in_whatever_order_they_come(
    assembler: Assembler, order: tuple[Fragment, Fragment, Fragment]
) -> None:
    *before, whole = add(assembler, *order)
    assert before == [None, None]
    assert whole is not None
    assert (whole.text, whole.encoding, whole.octets) == ("one two three", "gsm7", b"one two three")
    assert (whole.parts, whole.incomplete, whole.exact, whole.age) == (3, False, True, 0)
    assert sorted(whole.tokens) == ["1@0", "2@0", "3@0"]


def test_a_message_of_one_part_is_given_out_at_once(assembler: Assembler) -> None:
    whole = assembler.add("acme", Fragment("79000000001", "1234", "hi", "gsm7", b"hi"), "token", 0)
    assert whole == Whole("79000000001", "1234", "hi", "gsm7", b"hi", 1, False, ("token",))


def test_two_equal_messages_of_one_part_are_two(assembler: Assembler) -> None:
    single = Fragment("79000000001", "1234", "yes", "gsm7", b"yes")
    assert [whole and whole.age for whole in add(assembler, single, single)] == [0, 0]


@pytest.mark.parametrize(
    "other",
    [
        part(2, b"x", total=2, sender="79000000002"),
        part(2, b"x", total=2, recipient="4321"),
        part(2, b"x", total=2, reference=8),
        part(2, b"x", total=3),
    ],
)
def test_parts_of_different_messages_are_not_mixed(assembler: Assembler, other: Fragment) -> None:
    assert add(assembler, part(1, b"x", total=2), other) == [None, None]


def test_parts_from_different_providers_are_not_mixed(assembler: Assembler) -> None:
    assert assembler.add("acme", part(1, b"x", total=2), "a", 0) is None
    assert assembler.add("other", part(2, b"x", total=2), "b", 0) is None


def test_characters_cut_between_parts_are_read_whole(assembler: Assembler) -> None:
    octets = "Да 🙂".encode("utf-16-be")
    _, whole = add(
        assembler, part(1, octets[:8], total=2, encoding="ucs2"), part(2, octets[8:], total=2, encoding="ucs2")
    )
    assert whole is not None
    assert (whole.text, whole.exact) == ("Да 🙂", True)


def test_an_escape_cut_from_its_character_is_read_with_it(assembler: Assembler) -> None:
    _, whole = add(assembler, part(1, b"5 \x1b", total=2), part(2, b"e", total=2))
    assert whole is not None
    assert whole.text == "5 €"


def test_parts_of_different_encodings_are_read_each_by_its_own(assembler: Assembler) -> None:
    *_, whole = add(assembler, part(1, b"yes "), part(2, "да".encode("utf-16-be"), encoding="ucs2"), THREE)
    assert whole is not None
    assert (whole.text, whole.encoding, whole.exact) == ("yes даthree", None, True)


def test_binary_parts_are_joined_without_a_text(assembler: Assembler) -> None:
    _, whole = add(assembler, part(1, b"\x01", total=2, encoding=None), part(2, b"\x02", total=2, encoding=None))
    assert whole is not None
    assert (whole.text, whole.octets, whole.exact) == (None, b"\x01\x02", False)


def test_a_part_that_comes_twice_is_one_part_and_both_are_answered(assembler: Assembler) -> None:
    assert add(assembler, ONE, TWO) == [None, None]
    assert add(assembler, ONE, now=30) == [None]
    (whole,) = add(assembler, THREE, now=31)
    assert whole is not None
    assert (whole.text, sorted(whole.tokens)) == ("one two three", ["1@0", "1@30", "2@0", "3@31"])


def test_a_part_that_comes_again_afterwards_gives_the_same_message_out_again(assembler: Assembler) -> None:
    """The SMSC did not see its answer: nothing new, but this copy has to be answered too."""
    *_, whole = add(assembler, ONE, TWO, THREE)
    (again,) = add(assembler, TWO, now=45)
    assert whole is not None
    assert again is not None
    assert (again.text, again.parts, again.incomplete) == (whole.text, 3, False)
    assert (again.tokens, again.age) == (("2@45",), 45)


def test_an_incomplete_message_is_given_out_after_parts_wait(assembler: Assembler) -> None:
    add(assembler, ONE, THREE)
    assert assembler.expired(WAIT - 1) == []
    (whole,) = assembler.expired(WAIT)
    assert (whole.text, whole.parts, whole.incomplete, whole.tokens) == ("one three", 2, True, ("1@0", "3@0"))
    assert assembler.expired(WAIT) == []


def test_a_character_is_not_read_across_a_missing_part(assembler: Assembler) -> None:
    octets = "🙂".encode("utf-16-be")
    add(assembler, part(1, octets[:2], encoding="ucs2"), part(3, octets[2:], encoding="ucs2"))
    (whole,) = assembler.expired(WAIT)
    assert (whole.text, whole.exact, whole.octets) == ("\ufffd\ufffd", False, octets)


def test_the_wait_begins_with_the_first_part(assembler: Assembler) -> None:
    add(assembler, ONE)
    add(assembler, TWO, now=WAIT / 2)
    assert [whole.parts for whole in assembler.expired(WAIT)] == [2]


def test_parts_of_a_message_given_out_incomplete_are_not_a_new_message(assembler: Assembler) -> None:
    add(assembler, ONE, TWO)
    assembler.expired(WAIT)
    (again,) = add(assembler, ONE, now=WAIT + 10)
    assert again is not None
    assert (again.text, again.incomplete, again.age, again.tokens) == ("one two ", True, 10, ("1@610",))


def test_the_missing_part_still_makes_it_whole_afterwards(assembler: Assembler) -> None:
    add(assembler, ONE, TWO)
    assembler.expired(WAIT)
    (whole,) = add(assembler, THREE, now=WAIT + 10)
    assert whole is not None
    assert (whole.text, whole.incomplete, whole.tokens) == ("one two three", False, ("3@610",))


def test_a_message_is_forgotten_parts_wait_after_it_was_given_out(assembler: Assembler) -> None:
    add(assembler, ONE, TWO, THREE, now=5)
    assembler.expired(5 + WAIT)
    assert add(assembler, ONE, now=5 + WAIT) == [None]


def test_another_message_with_the_same_reference_gives_out_the_older_one(assembler: Assembler) -> None:
    add(assembler, ONE, TWO)
    (older,) = add(assembler, part(1, b"uno "), now=1)
    assert older is not None
    assert (older.text, older.incomplete, older.tokens) == ("one two ", True, ("1@0", "2@0"))
    *_, whole = add(assembler, part(2, b"due "), part(3, b"tre"), now=2)
    assert whole is not None
    assert whole.text == "uno due tre"


def test_another_message_may_reuse_the_reference_of_one_given_out(assembler: Assembler) -> None:
    add(assembler, ONE, TWO, THREE)
    assert add(assembler, part(1, b"uno "), part(2, b"due "), now=1) == [None, None]
    (whole,) = add(assembler, part(3, b"tre"), now=1)
    assert whole is not None
    assert (whole.text, whole.age) == ("uno due tre", 0)


def test_beyond_capacity_the_oldest_incomplete_message_is_given_out() -> None:
    assembler = Assembler(WAIT, 6)  # a part and its token each: three of them
    add(assembler, *(part(1, b"x", reference=reference) for reference in (1, 2, 3)))
    (oldest,) = add(assembler, part(1, b"y", reference=4), now=1)
    assert oldest is not None
    assert (oldest.octets, oldest.incomplete, oldest.tokens) == (b"x", True, ("1@0",))
    assert len(assembler.expired(WAIT + 1)) == 3


def test_messages_given_out_are_the_first_to_be_forgotten() -> None:
    assembler = Assembler(WAIT, 6)
    add(assembler, ONE, TWO, THREE)
    assert add(assembler, part(1, b"x", reference=1), part(1, b"x", reference=2)) == [None, None]
    assert add(assembler, ONE, now=1) == [None]


def test_repeats_without_end_do_not_pile_up() -> None:
    assembler = Assembler(WAIT, 10)
    given_out = [whole for now in range(100) for whole in add(assembler, ONE, now=now) if whole]
    assert given_out
    assert max(len(whole.tokens) for whole in given_out) <= 10
    assert sum(len(whole.tokens) for whole in [*given_out, *assembler.expired(WAIT + 100)]) == 100
