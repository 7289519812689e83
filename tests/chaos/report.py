"""The verdict for people: a table, and the whole story of what went wrong."""

from collections.abc import Iterator

from chaos.verdict import FATES, FAULTS, Case, Verdict

SHOWN = 10
"""Stories that are told, three of them about one kind of fault."""
WIDTH = 28
COLUMN = 10


def table(verdict: Verdict) -> str:
    """Fates and faults by provider and in total, then what is left in queues."""
    providers = list(verdict.counts)
    lines = [_row("", [*providers, "total"])]
    requests = [verdict.requests[provider] for provider in providers]
    lines.append(_row("requests", [*requests, sum(requests)]))
    for kinds in (FATES, FAULTS):
        for what in kinds:
            lines.append(_row(what, [*(verdict.counts[name][what] for name in providers), verdict.total(what)]))
        lines.append("")
    left = ", ".join(f"{number} in {queue}" for queue, number in verdict.queues.items())
    lines.append(f"left in queues: {left or 'nothing'}")
    lines.append("clean" if verdict.clean else "NOT CLEAN: the second block and the queues should have nothing")
    return "\n".join(lines)


def stories(verdict: Verdict, since: float) -> str:
    """The first offenders, each with all that is known of it; times are seconds from `since`."""
    chosen = {
        case.request.id: case
        for fault in FAULTS
        for case in [case for case in verdict.offenders if fault in case.faults][:3]
    }
    told = ["\n".join(_story(case, since)) for case in list(chosen.values())[:SHOWN]]
    return "\n\n".join([*told, *verdict.strays[:SHOWN]])


def _row(name: str, cells: list[str] | list[int]) -> str:
    return name.ljust(WIDTH) + "".join(str(cell).rjust(COLUMN) for cell in cells)


def _story(case: Case, since: float) -> Iterator[str]:
    request = case.request
    yield f"{request.id} for {request.provider} to {request.to}: {', '.join(case.faults)}"
    moments = [(request.at, "the broker has the request")]
    for submit in case.submits:
        answer = "no answer" if submit.status is None else f"0x{submit.status:02X} {submit.message_id}"
        moments.append((submit.at, f"submit_sm of segment {submit.part}: {answer}"))
    for receipt in case.receipts:
        moments.append((receipt.at, f"receipt of {receipt.message_id} answered 0x{receipt.status:02X}"))
    for result in case.results:
        traits = [
            result.reason or "",
            "final" if result.final else "",
            "possible duplicate" if result.possible_duplicate else "",
            f"corrects {result.corrects}" if result.corrects else "",
            " ".join(f"{part.smsc_id}={part.status}" for part in result.parts),
        ]
        words = ", ".join(trait for trait in traits if trait)
        moments.append((result.at, f"result {result.result_id} {result.status}: {words}"))
    for at, what in sorted(moments):
        yield f"  {at - since:8.3f} {what}"
