"""The reconciliation: evidence in, verdict out. Pure.

A request has one fate, that of its submits; what is missing of its results and receipts is counted besides.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from chaos.evidence import Account, Evidence, Receipt, Request, Result, Submit

ONCE, TWICE_REPORTED = "sent once", "sent twice, reported"
UNCERTAIN_SENT, UNCERTAIN_UNSENT = "uncertain, sent", "uncertain, not sent"
UNSENT = "not sent, with a reason"
TWICE_UNREPORTED, LOST = "sent twice, unreported", "lost"
RESULT_MISSING, RECEIPT_MISSING = "results missing", "receipts missing"
TWO_FINALS, WRONG = "more than one final status", "results that are wrong"
RECEIPT_WAITING, INBOUND_MISSING = "receipts left at the SMSC", "inbound missing"

FATES = (ONCE, TWICE_REPORTED, UNCERTAIN_SENT, UNCERTAIN_UNSENT, UNSENT)
"""What may become of a request."""
FAULTS = (
    TWICE_UNREPORTED,
    LOST,
    RESULT_MISSING,
    RECEIPT_MISSING,
    TWO_FINALS,
    WRONG,
    RECEIPT_WAITING,
    INBOUND_MISSING,
)
"""What must not happen once."""

TOLD_BY_RECEIPT = ("delivered", "undelivered", "expired")


@dataclass(frozen=True)
class Case:
    """One request with all that was seen of it, and what is wrong with it."""

    request: Request
    submits: list[Submit]
    receipts: list[Receipt]
    results: list[Result]
    faults: list[str]


@dataclass
class Verdict:
    """Counts by provider; the cases with faults, in the order of their requests."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    requests: Counter[str] = field(default_factory=Counter)
    offenders: list[Case] = field(default_factory=list)
    strays: list[str] = field(default_factory=list)
    """Sentences about what is missing of that which no request asked for."""
    queues: dict[str, int] = field(default_factory=dict)

    def total(self, what: str) -> int:
        return sum(counts[what] for counts in self.counts.values())

    @property
    def clean(self) -> bool:
        return not self.queues and not any(self.total(fault) for fault in FAULTS)


def judge(evidence: Evidence) -> Verdict:
    """Every request's fate, and every receipt's."""
    verdict = Verdict(queues=evidence.queues)
    requests: dict[str, list[Request]] = defaultdict(list)
    for request in evidence.requests:
        requests[request.provider].append(request)
    for provider, account in evidence.accounts.items():
        receipts, inbound = _stray_receipts_missing(account), account.inbound_sent - account.inbound_read
        counts = verdict.counts[provider] = Counter({RECEIPT_MISSING: len(receipts), INBOUND_MISSING: len(inbound)})
        verdict.strays += [
            f"{provider}: the receipt of {id} was answered OK and not published" for id in sorted(receipts)
        ]
        verdict.strays += [f"{provider}: {text!r} from a handset was not published" for text in sorted(inbound)]
        verdict.requests[provider] = len(requests[provider])
        for case, fate in _cases(requests[provider], account, evidence.results):
            counts.update([fate, *case.faults] if fate not in case.faults else case.faults)
            if case.faults:
                verdict.offenders.append(case)
    verdict.offenders.sort(key=lambda case: case.request.at)
    return verdict


def _cases(requests: list[Request], account: Account, results: dict[str, list[Result]]) -> Iterator[tuple[Case, str]]:
    submits: dict[str, list[Submit]] = defaultdict(list)
    for submit in account.submits:
        submits[submit.to].append(submit)
    receipts: dict[str, list[Receipt]] = defaultdict(list)
    for receipt in account.receipts:
        receipts[receipt.message_id].append(receipt)
    for request in requests:
        own = submits[request.to]
        of_own = [receipt for submit in own if submit.message_id for receipt in receipts[submit.message_id]]
        case = Case(request, own, of_own, results.get(request.id, []), [])
        yield case, _examine(case, account.unmatched)


def _examine(case: Case, unmatched: set[str]) -> str:
    """The fate of a request; notes what is wrong with it in its case."""
    finals = list({result.result_id: result for result in case.results if result.final}.values())
    final = _last(finals)
    fate = _fate(case, final)
    if fate in (TWICE_UNREPORTED, LOST):
        case.faults.append(fate)
    if final is None:
        case.faults.append(RESULT_MISSING)
    elif _is_wrong(case, final):
        case.faults.append(WRONG)
    if len(finals) > 1 and not _is_correction(finals):
        case.faults.append(TWO_FINALS)
    answered = {receipt.message_id for receipt in case.receipts if receipt.status == 0}
    if any(not _is_told(smsc_id, case, final) for smsc_id in answered - unmatched):
        case.faults.append(RECEIPT_MISSING)
    if {submit.message_id for submit in case.submits if submit.message_id} - answered:
        case.faults.append(RECEIPT_WAITING)
    return fate


def _last(finals: list[Result]) -> Result | None:
    """What the CRM goes by: the correction, if there is one."""
    return next((final for final in finals if final.corrects), finals[-1] if finals else None)


def _is_correction(finals: list[Result]) -> bool:
    """Whether it is an uncertain one and the one result that corrects it."""
    uncertain = {final.result_id for final in finals if final.status == "uncertain"}
    return len(finals) == 2 and any(final.corrects in uncertain for final in finals)


def _fate(case: Case, final: Result | None) -> str:
    times = Counter(submit.part for submit in case.submits if submit.handed_over)
    if any(number > 1 for number in times.values()):
        reported = any(result.possible_duplicate for result in ([final] if final else case.results))
        return TWICE_REPORTED if reported else TWICE_UNREPORTED
    whole = bool(times) and len(times) >= max((result.segments for result in case.results), default=1)
    if final is None or final.status in ("sent", "delivered"):
        return ONCE if whole else LOST
    if final.status == "uncertain":
        return UNCERTAIN_SENT if times else UNCERTAIN_UNSENT
    if final.status in TOLD_BY_RECEIPT and times:
        return ONCE  # whole or not: the first bad segment ends a message
    return LOST if final.status == "undelivered" else UNSENT


def _is_wrong(case: Case, final: Result) -> bool:
    """Whether the result says other than the SMSC did, or that a message failed which was sent whole."""
    if final.status in TOLD_BY_RECEIPT and case.submits:
        return final.status != case.request.outcome
    accepted = {submit.part for submit in case.submits if submit.status == 0}
    return final.status in ("rejected", "failed", "cancelled") and len(accepted) >= max(1, final.segments)


def _is_told(smsc_id: str, case: Case, final: Result | None) -> bool:
    """Whether the CRM knows from the final result what the receipt of this id said, or can't know it yet.

    A receipt says nothing of a message whose other segments were not sent or not answered.
    """
    if final is None:
        return False
    named = any(part.smsc_id == smsc_id for result in case.results for part in result.parts)
    if final.status == "delivered":
        return named or final.possible_duplicate  # the ids of what was sent twice need not all be in a result
    if final.status in TOLD_BY_RECEIPT:
        return True  # the first bad segment has ended it, what came later was kept for `smsd trace`
    accepted = {submit.part for submit in case.submits if submit.status == 0}
    return len(accepted) < final.segments or (named and any(part.smsc_id is None for part in final.parts))


def _stray_receipts_missing(account: Account) -> set[str]:
    """Ids that no submit had, whose receipts were answered OK without being published as unmatched."""
    ours = {submit.message_id for submit in account.submits}
    return {receipt.message_id for receipt in account.receipts if receipt.status == 0} - ours - account.unmatched
