"""The journal in memory: what it knows of ids and of SMSC ids, for how long, and how much of it at most."""

import pytest
from rig.messages import message, request

from smsd.core.message import SENT, Known, Message, Part
from smsd.core.publication import Publication
from smsd.links import journal as journals
from smsd.links.journal import MemoryJournal

Match = tuple[Message, Part]


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal()


def known(journal: MemoryJournal, message_id: str = "order-1") -> Known | None:
    answers: list[Known | None] = []
    journal.look_up(message_id, answers.append)
    assert len(answers) == 1
    return answers[0]


def match(journal: MemoryJournal, *keys: str, group: str = "p") -> Match | None:
    answers: list[Match | None] = []
    journal.match(group, keys, answers.append)
    assert len(answers) == 1
    return answers[0]


def result(name: str = "sent") -> Publication:
    return Publication("sms.results", f"p.{name}", b"{}", name, "sms.result.v1")


def called(name: str) -> Message:
    return message(asked=request(id=name))


# --- requests


def test_an_id_nobody_used_is_unknown(journal: MemoryJournal) -> None:
    assert known(journal) is None


def test_a_message_taken_up_is_known_with_its_fingerprint_and_without_a_result(journal: MemoryJournal) -> None:
    made = message()
    journal.take_up(made)
    assert known(journal) == Known(made.fingerprint, made, None)
    assert known(journal, "order-2") is None


def test_a_message_put_back_is_forgotten_and_putting_it_back_again_is_nothing(journal: MemoryJournal) -> None:
    made = message()
    journal.take_up(made)
    journal.put_back(made)
    journal.put_back(made)
    assert known(journal) is None


def test_a_result_that_is_not_final_leaves_the_message_where_it_is(journal: MemoryJournal) -> None:
    made = message()
    journal.take_up(made)
    journal.conclude(made, sent := result("sent"), final=False)
    assert known(journal) == Known(made.fingerprint, made, sent)


def test_after_the_final_result_only_that_is_remembered(journal: MemoryJournal) -> None:
    made = message()
    journal.take_up(made)
    journal.conclude(made, result("sent"), final=False)
    journal.conclude(made, delivered := result("delivered"), final=True)
    assert known(journal) == Known(made.fingerprint, None, delivered)


def test_a_correction_replaces_the_final_result(journal: MemoryJournal) -> None:
    made = message()
    journal.take_up(made)
    journal.conclude(made, result("uncertain"), final=True)
    journal.conclude(made, sent := result("sent"), final=True)
    assert known(journal) == Known(made.fingerprint, None, sent)


def test_a_request_that_never_became_a_message_is_remembered_with_its_answer(journal: MemoryJournal) -> None:
    journal.remember("order-1", b"print", rejected := result("rejected"))
    assert known(journal) == Known(b"print", None, rejected)


def test_an_intent_is_safe_at_once_and_nothing_survives_the_process(journal: MemoryJournal) -> None:
    made, safe = message(), list[Match]()
    journal.intend(made, made.parts[0], lambda *intended: safe.append(intended))
    assert safe == [(made, made.parts[0])]
    assert journal.durable is False


# --- receipts


def test_a_receipt_finds_the_part_by_any_of_its_keys(journal: MemoryJournal) -> None:
    made = message(SENT, SENT)
    journal.settle(made, made.parts[0], "p", ["77", "4d"])
    journal.settle(made, made.parts[1], "p", ["78"])
    assert match(journal, "77") == (made, made.parts[0])
    assert match(journal, "nothing", "4d") == (made, made.parts[0])
    assert match(journal, "78") == (made, made.parts[1])


def test_a_receipt_with_an_unknown_id_or_none_finds_nothing(journal: MemoryJournal) -> None:
    made = message(SENT)
    journal.settle(made, made.parts[0], "p", ["77"])
    assert match(journal, "7") is None
    assert match(journal) is None


def test_ids_of_another_group_are_other_ids(journal: MemoryJournal) -> None:
    mine, theirs = message(SENT), message(SENT)
    journal.settle(mine, mine.parts[0], "p", ["77"])
    assert match(journal, "77", group="q") is None
    journal.settle(theirs, theirs.parts[0], "q", ["77"])
    assert match(journal, "77") == (mine, mine.parts[0])
    assert match(journal, "77", group="q") == (theirs, theirs.parts[0])


def test_an_id_used_again_belongs_to_the_later_part(journal: MemoryJournal) -> None:
    earlier, later = called("a"), called("b")
    for made in (earlier, later):
        journal.settle(made, made.parts[0], "p", ["77"])
    assert match(journal, "77") == (later, later.parts[0])


def test_a_receipt_still_finds_a_message_that_has_ended(journal: MemoryJournal) -> None:
    made = message(SENT)
    journal.take_up(made)
    journal.settle(made, made.parts[0], "p", ["77"])
    journal.conclude(made, result("uncertain"), final=True)
    assert match(journal, "77") == (made, made.parts[0])


# --- bounds


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for three of each."""
    monkeypatch.setattr(journals, "ENDED_MAX", 3)
    monkeypatch.setattr(journals, "IDS_MAX", 3)


@pytest.mark.usefixtures("three")
def test_of_ended_requests_the_last_are_remembered(journal: MemoryJournal) -> None:
    for name in "abcde":
        journal.remember(name, b"print", result())
    assert [name for name in "abcde" if known(journal, name)] == ["c", "d", "e"]


@pytest.mark.usefixtures("three")
def test_a_request_that_has_not_ended_is_never_forgotten(journal: MemoryJournal) -> None:
    journal.take_up(alive := called("alive"))
    journal.conclude(alive, result("sent"), final=False)
    for name in "abcde":
        journal.remember(name, b"print", result())
    assert known(journal, "alive") is not None


@pytest.mark.usefixtures("three")
def test_a_correction_makes_a_request_the_last_that_ended(journal: MemoryJournal) -> None:
    corrected = called("a")
    journal.conclude(corrected, result("uncertain"), final=True)
    journal.remember("b", b"print", result())
    journal.conclude(corrected, result("sent"), final=True)
    journal.remember("c", b"print", result())
    journal.remember("d", b"print", result())
    assert [name for name in "abcd" if known(journal, name)] == ["a", "c", "d"]


@pytest.mark.usefixtures("three")
def test_of_smsc_ids_the_last_are_remembered(journal: MemoryJournal) -> None:
    made = message(SENT)
    for key in "12345":
        journal.settle(made, made.parts[0], "p", [key])
    assert [key for key in "12345" if match(journal, key)] == ["3", "4", "5"]


@pytest.mark.usefixtures("three")
def test_an_smsc_id_used_again_is_one_of_the_last(journal: MemoryJournal) -> None:
    made = message(SENT)
    for key in "123145":
        journal.settle(made, made.parts[0], "p", [key])
    assert [key for key in "12345" if match(journal, key)] == ["1", "4", "5"]
