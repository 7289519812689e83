"""The reconciliation: what each kind of evidence is judged as, above all that it can find fault."""

from typing import Any

import pytest

from chaos import verdict
from chaos.evidence import Account, Evidence, Part, Receipt, Request, Result, Submit
from chaos.report import stories, table
from chaos.verdict import FATES, FAULTS, judge

TO = "79000000000"


def submit(part: int = 1, message_id: str = "s1", status: int | None = 0) -> Submit:
    return Submit(1.0, TO, part, message_id if status == 0 else "", status)


def result(status: str = "delivered", smsc_ids: tuple[str | None, ...] = ("s1",), **fields: Any) -> Result:
    parts = tuple(Part(smsc_id, status) for smsc_id in smsc_ids)
    usual = {"result_id": status, "final": status != "sent", "segments": len(parts), "parts": parts}
    return Result(at=2.0, status=status, **{**usual, **fields})


def found(
    submits: list[Submit],
    results: list[Result],
    receipts: tuple[str, ...] = ("s1",),
    outcome: str = "delivered",
    **of: Any,
) -> dict[str, int]:
    """All that one request's evidence is counted as; `of` is the rest of its provider's account."""
    account = Account(submits, [Receipt(1.5, smsc_id, 0) for smsc_id in receipts], **of)
    judged = judge(Evidence([Request("m1", "alfa", TO, outcome)], {"m1": results}, {"alfa": account}))
    assert judged.clean == (not any(judged.counts["alfa"][fault] for fault in FAULTS))
    return {what: number for what, number in judged.counts["alfa"].items() if number}


SENT, DELIVERED, UNCERTAIN = result("sent"), result(), result("uncertain", (None,))


def test_sent_and_delivered_is_sent_once() -> None:
    assert found([submit()], [SENT, DELIVERED]) == {verdict.ONCE: 1}


def test_a_result_read_again_is_one_result() -> None:
    assert found([submit()], [SENT, DELIVERED, DELIVERED]) == {verdict.ONCE: 1}


def test_a_refused_submit_and_an_accepted_one_are_sent_once() -> None:
    assert found([submit(status=0x58), submit()], [DELIVERED]) == {verdict.ONCE: 1}


@pytest.mark.parametrize("first", [submit(message_id="s0"), submit(status=None)])
def test_two_submits_of_a_segment_are_a_fault_unless_the_result_says_so(first: Submit) -> None:
    ids = ("s0", "s1") if first.message_id else ("s1",)
    unmatched = {"s0"}
    assert found([first, submit()], [DELIVERED], ids, unmatched=unmatched) == {verdict.TWICE_UNREPORTED: 1}
    told = result(possible_duplicate=True)
    assert found([first, submit()], [told], ids, unmatched=unmatched) == {verdict.TWICE_REPORTED: 1}


def test_two_segments_are_no_duplicate_and_a_doubled_second_segment_is_one() -> None:
    ended = [result(smsc_ids=("s1", "s2"))]
    whole = [submit(1, "s1"), submit(2, "s2")]
    assert found(whole, ended, ("s1", "s2")) == {verdict.ONCE: 1}
    doubled = found([*whole, submit(2, "s3")], ended, ("s1", "s2", "s3"), unmatched={"s3"})
    assert doubled == {verdict.TWICE_UNREPORTED: 1}


def test_a_request_without_submit_and_result_is_lost() -> None:
    assert found([], [], ()) == {verdict.LOST: 1, verdict.RESULT_MISSING: 1}


def test_a_result_that_claims_what_the_smsc_never_saw_is_a_loss() -> None:
    assert found([], [result("sent", final=True)], ()) == {verdict.LOST: 1}
    assert found([submit()], [result(smsc_ids=("s1", "s2"))]) == {verdict.LOST: 1}


def test_a_message_without_final_result_lacks_one() -> None:
    without = found([submit()], [SENT])
    assert without == {verdict.ONCE: 1, verdict.RESULT_MISSING: 1, verdict.RECEIPT_MISSING: 1}


def test_uncertain_is_no_fault_whether_the_smsc_had_it_or_not() -> None:
    assert found([submit()], [UNCERTAIN], unmatched={"s1"}) == {verdict.UNCERTAIN_SENT: 1}
    assert found([], [UNCERTAIN], ()) == {verdict.UNCERTAIN_UNSENT: 1}


def test_an_uncertain_message_that_was_sent_twice_is_a_fault() -> None:
    twice = found([submit(), submit(message_id="s2")], [UNCERTAIN], ("s1", "s2"), unmatched={"s1", "s2"})
    assert twice == {verdict.TWICE_UNREPORTED: 1}


def test_one_correction_of_uncertain_is_no_second_end() -> None:
    corrected = result(corrects="uncertain")
    assert found([submit()], [UNCERTAIN, corrected]) == {verdict.ONCE: 1}
    assert found([submit()], [UNCERTAIN, DELIVERED]) == {verdict.ONCE: 1, verdict.TWO_FINALS: 1}
    other = result("expired", corrects="uncertain")
    assert verdict.TWO_FINALS in found([submit()], [UNCERTAIN, corrected, other])


def test_a_refusal_is_no_loss() -> None:
    assert found([submit(status=0x0B)], [result("rejected", (None,))], ()) == {verdict.UNSENT: 1}


def test_a_failure_of_what_was_sent_whole_is_wrong() -> None:
    assert verdict.WRONG in found([submit()], [result("failed")], unmatched={"s1"})


def test_another_end_than_the_receipt_told_is_wrong() -> None:
    assert found([submit()], [DELIVERED], outcome="undelivered") == {verdict.ONCE: 1, verdict.WRONG: 1}
    assert found([submit()], [result("undelivered")], outcome="undelivered") == {verdict.ONCE: 1}


def test_a_receipt_is_missing_when_the_end_is_not_its_news() -> None:
    faulty = found([submit()], [result("sent", final=True)])
    assert faulty == {verdict.ONCE: 1, verdict.RECEIPT_MISSING: 1}
    assert found([submit()], [UNCERTAIN]) == {verdict.UNCERTAIN_SENT: 1, verdict.RECEIPT_MISSING: 1}


def test_a_receipt_of_one_segment_of_an_uncertain_message_is_not_missing() -> None:
    assert found([submit()], [result("uncertain", ("s1", None))]) == {verdict.UNCERTAIN_SENT: 1}
    assert found([submit()], [result("uncertain", (None, None))]) == {verdict.UNCERTAIN_SENT: 1}, "answered too late"
    whole = [submit(1, "s1"), submit(2, "s2")]
    named = found(whole, [result("uncertain", ("s1", None))], ("s1", "s2"), unmatched={"s2"})
    assert named == {verdict.UNCERTAIN_SENT: 1}


def test_the_first_bad_segment_ends_a_message_and_what_comes_later_is_no_fault() -> None:
    whole = [submit(1, "s1"), submit(2, "s2")]
    bad = [result("undelivered", ("s1", None))]
    assert found(whole, bad, ("s1", "s2"), outcome="undelivered") == {verdict.ONCE: 1}
    assert found([submit()], bad, outcome="undelivered") == {verdict.ONCE: 1}
    assert found([], bad, (), outcome="undelivered") == {verdict.LOST: 1}


def test_a_receipt_that_was_never_answered_ok_is_left_at_the_smsc() -> None:
    assert found([submit()], [DELIVERED], ()) == {verdict.ONCE: 1, verdict.RECEIPT_WAITING: 1}


def test_receipts_and_inbound_that_no_request_asked_for_may_not_be_missing_either() -> None:
    strays = {"receipts": ("s1", "7"), "unmatched": {"7"}, "inbound_sent": {"hi"}, "inbound_read": {"hi"}}
    assert found([submit()], [DELIVERED], **strays) == {verdict.ONCE: 1}
    missing = found([submit()], [DELIVERED], **{**strays, "unmatched": set(), "inbound_read": set()})
    assert missing == {verdict.ONCE: 1, verdict.RECEIPT_MISSING: 1, verdict.INBOUND_MISSING: 1}


def test_what_is_left_in_queues_is_not_clean() -> None:
    assert judge(Evidence([], {}, {"alfa": Account()})).clean
    assert not judge(Evidence([], {}, {"alfa": Account()}, {"dead": 1})).clean


def test_the_table_has_every_row_and_the_story_every_moment() -> None:
    account = Account([submit(), submit(message_id="s2")], [Receipt(1.5, "s1", 0), Receipt(1.6, "8", 0)])
    judged = judge(Evidence([Request("m1", "alfa", TO, "delivered")], {"m1": [DELIVERED]}, {"alfa": account}))
    rows = {line[:28].strip(): line[28:].split() for line in table(judged).splitlines() if line}
    assert {*FATES, *FAULTS} < rows.keys()
    assert rows[""] == ["alfa", "total"]
    assert rows[verdict.TWICE_UNREPORTED] == rows["requests"] == ["1", "1"]
    assert rows["NOT CLEAN: the second block"]
    story = stories(judged, since=0.0)
    assert story.splitlines()[0].endswith(": sent twice, unreported, receipts left at the SMSC")
    for word in ("s1", "s2", "answered 0x00", "delivered", "alfa: the receipt of 8"):
        assert word in story
