"""What an earlier run has left behind: parts that were about to be written, and no more is known of them (rule 3)."""

from collections.abc import Callable, Iterable

import structlog

from smsd.core.life import UNANSWERED, facts_of, facts_of_whole
from smsd.core.message import IN_FLIGHT, RESENDS, Message
from smsd.flow.lane import world_clock
from smsd.flow.ports import Journal
from smsd.flow.report import Reporter

log = structlog.get_logger("smsd.recovery")

DETAIL = "handed to the provider, then smsd itself ended before the answer"


UNKNOWN = (
    "it had been delivered to a smsd before, and this one's journal is new: it may have been handed to the provider; "
    "keep journal.path on a disk that lasts"
)


def doubt(message: Message, journal: Journal, reporter: Reporter) -> bool:
    """A request that a smsd with another journal may have sent. True if that is reported; False: it is sent again."""
    part = message.parts[0]
    if message.resend:
        message.possible_duplicate = True
    else:
        part.attempts += 1
        message.doubt(part, "connection-lost", UNKNOWN)
    journal.note(message, UNANSWERED, part, **facts_of(part), **facts_of_whole(message), detail=UNKNOWN)
    if (ending := message.conclusion()) is None:
        return False
    reporter.report(message, ending)
    return True


def recover(
    messages: Iterable[Message], journal: Journal, reporter: Reporter, wall: Callable[[], float] = world_clock
) -> None:
    """Settles them as on_uncertain says: reported, or ready to be sent again once their request is delivered again."""
    again = reported = 0
    for message in messages:
        for part in [part for part in message.parts if part.status == IN_FLIGHT]:
            part.attempts += 1
            message.host = message.host or part.host
            message.in_flight -= 1
            if message.resend and message.ending is None and part.resent < RESENDS:
                part.resent += 1
                message.possible_duplicate = True
                message.doubted_at = message.doubted_at or wall()
                message.wait_again(part)
            else:
                message.doubt(part, "connection-lost", DETAIL)
            journal.note(message, UNANSWERED, part, **facts_of(part), **facts_of_whole(message), detail=DETAIL)
        ending = message.conclusion()
        if ending is None:
            again += 1
        else:
            reported += 1
            reporter.report(message, ending)
    if again or reported:
        log.warning("recovered", uncertain=again + reported, reported=reported, to_be_sent_again=again)
