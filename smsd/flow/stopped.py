"""What operators and the CRM have cancelled, and stays so until it is resumed: campaigns, and single messages.

A campaign stopped with every provider is one entry, whatever their number; providers that come later find it too.
"""

from collections.abc import Iterable, Iterator

from smsd.flow.ports import Journal

ALL = "all"
"""In a provider's place: every one."""

MOST = 100_000
"""Entries, about 20 MB. Nothing stopped is ever let go for another: one more is refused."""

Entry = tuple[str, str, str]
"""Provider or ALL, `campaign` or `id`, which."""


class TooMany(ValueError):
    """No room for another one."""


class Stopped:
    """Who asks pays no more than four look-ups."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._counts: dict[Entry, int] = {}
        """Messages ended by each in this run."""

    def restore(self, standing: Iterable[Entry]) -> None:
        """What an earlier run has left."""
        self._counts.update(dict.fromkeys(standing, 0))

    def stop(self, provider: str, kind: str, value: str) -> Entry:
        """Ends what waits of it from now on. Raises TooMany."""
        entry = (provider, kind, value)
        if entry not in self._counts:
            if len(self._counts) >= MOST:
                raise TooMany(f"{kind}: {MOST} cancels stand already: resume those that are not needed any more")
            self._counts[entry] = 0
            self._journal.stand(*entry, True)
        return entry

    def resume(self, provider: str, kind: str, value: str, providers: Iterable[str]) -> None:
        """Lets it through again with this provider, or with ALL; with the other `providers` it stays as it was."""
        if provider == ALL:
            for each in [entry for entry in self._counts if entry[1:] == (kind, value)]:
                self._drop(each)
            return
        self._drop((provider, kind, value))
        if self._drop((ALL, kind, value)):
            for other in providers:
                if other != provider:
                    self.stop(other, kind, value)

    def _drop(self, entry: Entry) -> bool:
        known = self._counts.pop(entry, None) is not None
        if known:
            self._journal.stand(*entry, False)
        return known

    def holds(self, provider: str, campaign: str | None, message_id: str) -> bool:
        """Whether this message was cancelled."""
        return bool(self._counts) and next(self._entries(provider, campaign, message_id), None) is not None

    def by(self, provider: str, campaign: str | None, message_id: str) -> str:
        """`campaign` or `id`: what it was cancelled by, where `holds` says so."""
        return next(kind for _, kind, _ in self._entries(provider, campaign, message_id))

    def count(self, provider: str, campaign: str | None, message_id: str) -> None:
        """One more message has ended by it."""
        for entry in self._entries(provider, campaign, message_id):
            self._counts[entry] += 1

    def ended(self, entry: Entry) -> int:
        """Messages that it has ended in this run."""
        return self._counts.get(entry, 0)

    def _entries(self, provider: str, campaign: str | None, message_id: str) -> Iterator[Entry]:
        for kind, value in (("campaign", campaign or ""), ("id", message_id)):
            for whose in (provider, ALL):
                if (whose, kind, value) in self._counts:
                    yield whose, kind, value
