"""The providers: problems first, each a row, the sentence that belongs to it, and what the reader has opened."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from smsd.core.ceiling import held_down
from smsd.core.contract import PRIORITIES
from smsd.links.page.chart import chart
from smsd.links.page.facts import FAILED, Facts, Opened, Wish, moment, number

MOST = 100
"""Rows shown unless all are asked for. Those with problems come first, so that nothing is missed."""

COLUMNS = (
    *("provider", "state", "since", "host", "now", "limit", "window"),
    *PRIORITIES,
    *("sent", "delivered", "failed"),
)
NUMBERS = frozenset(COLUMNS[4:])

_RANKS = {"closed": 0, "throttled": 1, "paused": 1, "open": 2, "not active": 3}


def state(provider: Mapping[str, Any]) -> str:
    """One word of `_RANKS`; what is closed is that before anything else."""
    if not provider["active"]:
        return "not active"
    if provider["state"] != "open":
        return "closed"
    if provider["rate_now"] != provider["max_rate"]:
        return "throttled"
    return "paused" if provider["paused"] else "open"


def summary(facts: Facts) -> str:
    """How many providers are in which state."""
    states = [state(provider) for provider in facts.status["providers"].values()]
    counts = [f"{states.count(word)} {word}" for word in _RANKS if word in states]
    return f"{len(states)} provider{'s' * (len(states) != 1)}" + (f": {', '.join(counts)}" if counts else "")


def providers(facts: Facts, wish: Wish) -> str:
    """The table's bodies, one for each provider, and how many more there are."""
    chosen = [name for name in facts.status["providers"] if _is_sought(name, facts, wish.sought)]
    chosen.sort(key=lambda name: (_RANKS[state(facts.status["providers"][name])], name))
    shown = chosen if wish.all else chosen[:MOST]
    bodies = "".join(_body(name, facts, wish.opened.get(name)) for name in shown)
    return bodies + _rest(len(chosen), len(shown), wish)


def _is_sought(name: str, facts: Facts, sought: str) -> bool:
    if not sought:
        return True
    texts = (name, facts.titles.get(name, ""), _host(name, facts))
    return any(sought.lower() in text.lower() for text in texts)


def _host(name: str, facts: Facts) -> str:
    return facts.status["providers"][name]["host"] or facts.hosts.get(name, "")


def _rest(chosen: int, shown: int, wish: Wish) -> str:
    if chosen > shown:
        more = f'and {chosen - shown} more: filter them, or <a href="?all=1" data-set="all">show all</a>'
    elif not chosen:
        more = f"no provider has “{escape(wish.sought)}” in its name, title or host" if wish.sought else "no providers"
    else:
        return ""
    return f'<tbody id="rest"><tr><td colspan="{len(COLUMNS)}">{more}</td></tr></tbody>'


def _body(name: str, facts: Facts, opened: Opened | None) -> str:
    provider = facts.status["providers"][name]
    word = state(provider)
    cells = "".join(_cell(column, html) for column, html in _cells(name, provider, word, facts))
    rows = f'<tr><th scope="row">{_name(name, facts, opened is not None)}</th>{cells}</tr>'
    detail = "; ".join(filter(None, (brief(provider["detail"] or ""), held_down(provider))))
    if detail and word != "not active":
        rows += f'<tr class="detail"><td colspan="{len(COLUMNS)}">{code(detail)}</td></tr>'
    if opened is not None:
        rows += f'<tr class="opened"><td colspan="{len(COLUMNS)}">{_opened(name, provider, opened, facts)}</td></tr>'
    return f'<tbody id="p-{name}" class="{word.replace(" ", "-")}">{rows}</tbody>'


def _name(name: str, facts: Facts, is_open: bool) -> str:
    title = facts.titles.get(name) or name
    also = f" <small>{escape(name)}</small>" if title != name else ""
    expanded = "true" if is_open else "false"
    return f'<a href="?open={name}" data-toggle="{name}" aria-expanded="{expanded}">{escape(title)}</a>{also}'


def _cell(column: str, html: str) -> str:
    kind = "" if column not in NUMBERS else ' class="n zero"' if html == "0" else ' class="n"'
    return f'<td{kind} data-label="{column}">{html}</td>'


def _cells(name: str, provider: Mapping[str, Any], word: str, facts: Facts) -> Iterator[tuple[str, str]]:
    yield "state", _connection(provider, word)
    yield "since", moment(provider["since"], facts.at)
    yield "host", escape(_host(name, facts))
    yield "now", number(facts.rates.get(name, 0.0))
    yield "limit", _limit(provider, word)
    yield "window", f"{provider['window_used']}/{provider['window']}"
    for priority in PRIORITIES:
        yield priority, number(provider["waiting"][priority])
    results = facts.today.get(name, {})
    yield "sent", number(results.get("sent", 0))
    yield "delivered", number(results.get("delivered", 0))
    yield "failed", number(sum(results.get(status, 0) for status in FAILED))


def _connection(provider: Mapping[str, Any], word: str) -> str:
    """The words are the CRM's, so that colour is never needed to tell them apart."""
    if word == "not active":
        return '<span class="state">not active</span>'
    more = "".join(
        f' <span class="tag">{tag}</span>'
        for tag, is_so in (("throttled", word == "throttled"), ("paused", provider["paused"]))
        if is_so
    )
    return f'<span class="state">connection {provider["state"]}</span>{more}'


def _limit(provider: Mapping[str, Any], word: str) -> str:
    limit = "none" if provider["max_rate"] is None else number(provider["max_rate"])
    return f"{number(provider['rate_now'])} of {limit}" if word == "throttled" and provider["rate_now"] else limit


def _opened(name: str, provider: Mapping[str, Any], opened: Opened, facts: Facts) -> str:
    results = facts.today.get(name, {})
    counts = ", ".join(f"{number(count)} {status}" for status, count in sorted(results.items()))
    log = "".join(_event(event, facts.at) for event in opened.events)
    ceiling = "" if held_down(provider) else f"<p>Ceiling: {code(provider['ceiling']['detail'])}</p>"
    return (
        f"<p>Today: {counts or 'no results yet'}</p>"
        f"{ceiling}"
        f"{chart(opened.hour, facts.titles.get(name) or name, facts.at)}"
        f'<h3>Connection log</h3><ol class="log">{log or "<li>nothing yet</li>"}</ol>'
    )


def _event(event: Mapping[str, Any], now: float) -> str:
    at, detail = event["at"], str(event["detail"]).removeprefix("connection closed: ")
    return (
        f'<li><time datetime="{at}">{moment(at, now)}</time> <b>{escape(str(event["event"]))}</b> '
        f"<span>{code(detail)}</span></li>"
    )


def brief(detail: str) -> str:
    """Without what the columns say already."""
    if detail.startswith("connection open"):
        _, found, quiet = detail.rpartition("; quiet until ")
        return found.removeprefix("; ") + quiet if found else ""
    return detail.removeprefix("connection closed: ")


def code(sentence: str) -> str:
    """A sentence of ours, its `settings` set apart."""
    pieces = escape(sentence).split("`")
    if len(pieces) % 2 == 0:  # not in pairs: somebody else's
        return escape(sentence)
    return "".join(f"<code>{piece}</code>" if n % 2 else piece for n, piece in enumerate(pieces))
