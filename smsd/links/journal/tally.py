"""How many results there were: by provider, campaign and status, in slots of a quarter of an hour.

Each status of a message is counted once, in the commit that makes it known. Of what the journal does not remember (the
rejections of requests that were invalid, or whose id is another request's) a repeat is known only in the same run.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from smsd.core.contract import dumps
from smsd.links.journal.file import File, Row

SLOT = 900
"""Seconds. Midnight is the beginning of a slot in every time zone there is."""


def tallied(results: Mapping[tuple[str, str], int], wall: float) -> list[Row]:
    """Rows of the file's table for so many results by routing key (`P.<status>`) and campaign, at `wall`."""
    slot = _slot(wall)
    rows = []
    for (key, campaign), count in results.items():
        provider, _, status = key.partition(".")
        rows.append((slot, provider, campaign, status, count))
    return rows


def tally(
    file: File, since: float, until: float | None = None, provider: str | None = None, campaign: str | None = None
) -> dict[str, dict[str, int]]:
    """Results by provider and status, from the slot that `since` lies in up to before the one of `until` (None: now).

    Both are seconds since 1970. Without `campaign` all are counted; with "" those that belong to none.
    """
    chosen: dict[str, float | str | None] = {
        "slot >= ?": _slot(since),
        "slot < ?": None if until is None else _slot(until),
        "provider = ?": provider,
        "campaign = ?": campaign,
    }
    asked = {condition: value for condition, value in chosen.items() if value is not None}
    found: defaultdict[str, dict[str, int]] = defaultdict(dict)
    if file.all("SELECT 1 FROM sqlite_master WHERE name = 'tally'"):  # not yet in a file that an older smsd has open
        question = f"SELECT provider, status, sum(count) FROM tally WHERE {' AND '.join(asked)} GROUP BY 1, 2"
        for name, status, count in file.all(question, *asked.values()):
            found[name][status] = count
    return dict(found)


def _slot(at: float) -> int:
    return int(at) // SLOT * SLOT


class UnderWay(NamedTuple):
    """Messages of a campaign that have no final result yet; those that wait in RabbitMQ the journal does not know."""

    awaiting_receipt: int
    without_result: int
    """Handed over and not answered, or resting until they are due."""


def under_way(file: File, campaign: str, provider: str | None = None) -> UnderWay:
    """Looks through all messages that the journal has: a few seconds for a million."""
    written = dumps({"campaign": campaign}).decode()[1:-1]  # as it stands in a message's head, see core.life
    awaiting = without = 0
    for start in file.starts:
        question = f"""
            SELECT count(*) FILTER (WHERE key LIKE '%.sent' AND NOT json_extract(CAST(body AS TEXT), '$.final')),
                   count(*) FILTER (WHERE key IS NULL)
            FROM message_{start} LEFT JOIN result_{start} USING (no)
            WHERE CASE WHEN instr(head, ?) THEN json_extract(head, '$.campaign') = ?
                  AND coalesce(?, json_extract(head, '$.provider')) = json_extract(head, '$.provider') END
        """
        found = file.all(question, written, campaign, provider)[0]
        awaiting += found[0]
        without += found[1]
    return UnderWay(awaiting, without)
