"""The whole page. Script, style and icon are files of their own: nothing is inline, nothing comes from elsewhere."""

from html import escape
from importlib.resources import files
from string import Template

from smsd.links.page.chart import chart
from smsd.links.page.facts import Facts, Wish, moment, number, zone
from smsd.links.page.table import COLUMNS, NUMBERS, brief, code, providers, summary

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
"""The Content-Security-Policy: a title or a provider's words that slipped through could still not run or fetch."""

LINES = 12
"""Kinds of errors shown of each sort."""

_TEMPLATE = Template((files(__package__) / "page.html").read_text("utf-8"))

ASSETS = {
    f"/{name}": ((files(__package__) / name).read_bytes(), content_type)
    for name, content_type in (
        ("page.css", "text/css; charset=utf-8"),
        ("page.js", "text/javascript; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
    )
}
"""By path: octets and content type."""


def document(facts: Facts, wish: Wish) -> bytes:
    """The page as of `facts`, as the reader wants it."""
    status = facts.status
    zone_name, offset = zone(facts.at)
    said = summary(facts)
    return _TEMPLATE.substitute(
        title=escape(f"{said} · smsd {status['node']}"),
        version=escape(status["version"]),
        offset=offset,
        node=escape(status["node"]),
        since=moment(status["started_at"], facts.at),
        at=moment(facts.at, facts.at),
        zone=escape(zone_name),
        summary=said,
        daemon=_daemon(facts),
        sought=escape(wish.sought),
        columns="".join(_heading(column) for column in COLUMNS),
        providers=providers(facts, wish),
        errors=_errors(facts),
        chart=chart(facts.hour, "All providers", facts.at),
    ).encode()


def _heading(column: str) -> str:
    kind = ' class="n"' if column in NUMBERS else ""
    return f'<th scope="col"{kind}>{column}</th>'


def _daemon(facts: Facts) -> str:
    """The daemon as a whole: what is wrong, then what is so."""
    broker = facts.status["broker"]
    troubles = "".join(f"<li>{code(sentence)}</li>" for sentence in facts.troubles)
    notes = [f"broker {broker['state']}", f"outbox {number(facts.status['outbox'])}", *facts.notes]
    return (f'<ul class="troubles">{troubles}</ul>' if troubles else "") + f"<p>{escape(' · '.join(notes))}</p>"


def _errors(facts: Facts) -> str:
    """The last of them, and what to do: of the connections, then of the messages."""
    rows = [
        (warning.provider, moment(warning.at, facts.at), warning.count, warning.event, _lasting(warning.detail))
        for warning in facts.warnings[:LINES]
    ] + [
        (failure.provider, moment(failure.last, facts.at), failure.count, _kind(failure.status, failure.reason),
         failure.sentence)
        for failure in facts.failures[:LINES]
    ]  # fmt: skip
    if not rows:
        return '<p class="quiet">None in the last day.</p>'
    return f'<ul class="errors">{"".join(_error(facts, *row) for row in rows)}</ul>'


def _error(facts: Facts, provider: str, last: str, count: int, kind: str, sentence: str) -> str:
    name = escape(facts.titles.get(provider) or provider or "smsd")
    return (
        f'<li><b>{name}</b> <span class="kind">{escape(kind)}</span> '
        f'<span class="times">{_times(count, last)}</span> <span class="what">{code(sentence)}</span></li>'
    )


def _lasting(detail: str) -> str:
    """Without what the word beside it says, and without what was going to happen next."""
    return brief(detail).partition("; next try in ")[0]


def _kind(status: str, reason: str) -> str:
    return status if reason in (status, "invalid-request") else f"{status}: {reason}"


def _times(count: int, last: str) -> str:
    return last if count == 1 else f"{number(count)} times, last {last}"
