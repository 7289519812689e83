"""The status page as HTML: order, words, numbers, escaping, charts."""

import configparser
import math
import re
from dataclasses import replace
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from smsd.core.contract import timestamp
from smsd.core.failures import Failure
from smsd.core.hour import Point
from smsd.links.page import chart as charts
from smsd.links.page.document import ASSETS, document
from smsd.links.page.facts import Facts, Opened, Warnings, Wish, moment, number, seconds
from smsd.links.page.table import MOST, code
from smsd.links.page.table import providers as rows

NOON = datetime(2026, 3, 1, 12, 0, 0).timestamp()
EVIL = '<script>alert("x")</script>&'


def provider(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "active": True, "state": "open", "since": timestamp(NOON - 3600), "host": "smpp.example.net:2775",
        "max_rate": 30, "rate_now": 30, "window": 10, "window_used": 3,
        "waiting": {"urgent": 0, "normal": 5, "bulk": 12345}, "paused": False,
        "detail": "connection open (transceiver)",
        "ceiling": {"per_second": 30, "by": "max_rate", "detail": "`max_rate` 30/s"},
    }  # fmt: skip
    return found | changes


CLOSED = provider(state="closed", host=None, detail="connection closed: the password is wrong; next try in 5 s")


def facts(providers: dict[str, Any], **changes: Any) -> Facts:
    status = {
        "node": "here", "version": "1.2.3", "started_at": timestamp(NOON - 7200),
        "broker": {"state": "connected", "detail": ""}, "outbox": 0, "providers": providers,
    }  # fmt: skip
    told: dict[str, Any] = {
        "at": NOON, "status": status, "titles": {}, "hosts": {}, "troubles": (), "notes": (), "rates": {}, "today": {},
        "hour": (), "failures": (), "warnings": (),
    }  # fmt: skip
    return Facts(**(told | changes))


def page(found: Facts, wish: Wish | None = None) -> str:
    return document(found, wish or Wish()).decode()


def order(html: str) -> list[str]:
    return re.findall(r'<tbody id="p-([^"]+)"', html)


def cells(html: str, name: str) -> dict[str, str]:
    """A provider's row by column, without markup."""
    body = html.split(f'<tbody id="p-{name}"')[1].split("</tbody>")[0]
    found = re.findall(r'<td[^>]* data-label="([^"]+)">(.*?)</td>', body)
    return {label: re.sub(r"<[^>]+>", "", value) for label, value in found}


def test_problems_come_first_then_names() -> None:
    providers = {
        "d": provider(), "off": provider(active=False, state="closed"), "c": provider(), "slow": provider(rate_now=7.5),
        "shut": CLOSED, "stopped": provider(paused=True),
    }  # fmt: skip
    assert order(page(facts(providers))) == ["shut", "slow", "stopped", "c", "d", "off"]


def test_a_row_has_what_there_is_to_know() -> None:
    found = facts(
        {"p": provider()}, rates={"p": 12.34}, today={"p": {"sent": 2000, "delivered": 7, "failed": 1, "rejected": 2}}
    )
    since = datetime.fromtimestamp(NOON - 3600).strftime("%H:%M:%S")
    assert cells(page(found), "p") == {
        "state": "connection open", "since": since, "host": "smpp.example.net:2775", "now": "12.3", "limit": "30",
        "window": "3/10", "urgent": "0", "normal": "5", "bulk": "12\N{NARROW NO-BREAK SPACE}345",
        "sent": "2\N{NARROW NO-BREAK SPACE}000", "delivered": "7", "failed": "3",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "column", "words"),
    [
        ({"state": "closed"}, "state", "connection closed"),
        ({"rate_now": 7.5}, "state", "connection open throttled"),
        ({"rate_now": 7.5}, "limit", "7.5 of 30"),
        ({"rate_now": 15, "max_rate": None}, "limit", "15 of none"),
        ({"rate_now": None, "max_rate": None}, "limit", "none"),
        ({"paused": True}, "state", "connection open paused"),
        ({"paused": True, "state": "closed"}, "state", "connection closed paused"),
        ({"active": False, "state": "closed"}, "state", "not active"),
        ({"since": None}, "since", "–"),
        ({"since": timestamp(NOON - 86_400)}, "since", "Feb 28 12:00"),
    ],
)
def test_words_of_a_row(changes: dict[str, Any], column: str, words: str) -> None:
    assert cells(page(facts({"p": provider(**changes)})), "p")[column] == words


def test_a_closed_provider_says_why_and_where_it_tries() -> None:
    html = page(facts({"p": CLOSED}, hosts={"p": "smpp.example.net:3550"}))
    assert '<tr class="detail"><td colspan="13">the password is wrong; next try in 5 s</td></tr>' in html
    assert cells(html, "p")["host"] == "smpp.example.net:3550"


def test_what_others_have_written_is_text_and_never_markup() -> None:
    shut = provider(state="closed", detail=EVIL, host=EVIL)
    found = facts(
        {"p": shut}, titles={"p": EVIL}, troubles=[EVIL], notes=[EVIL],
        warnings=[Warnings("p", EVIL, 2, timestamp(NOON), EVIL)], failures=[Failure("p", EVIL, EVIL, None, 1, NOON)],
        hour=[Point(NOON, 1.0, 0.1, 0.2)],
    )  # fmt: skip
    found = replace(found, status=dict(found.status) | {"node": EVIL, "version": EVIL})
    opened = Opened([{"at": timestamp(NOON), "event": EVIL, "detail": EVIL}], [Point(NOON, 1.0, 0.1, 0.2)])
    html = page(found, Wish({"p": opened}))
    assert "<script>alert" not in html
    assert html.count("&lt;script&gt;alert") == 18
    assert "alert(&quot;x" in page(found, Wish(sought=EVIL)).split('name="q"')[1].split(">")[0]


class _Attributes(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [(tag, name, value) for name, value in attrs]


def test_nothing_is_inline_and_nothing_comes_from_elsewhere() -> None:
    found = facts({"p": CLOSED}, hour=[Point(NOON, 1.0, 0.1, 0.2)], troubles=["x"])
    html = page(found, Wish({"p": Opened([], [Point(NOON, 1.0, 0.1, 0.2)])}))
    parser = _Attributes()
    parser.feed(html)
    assert [each for each in parser.found if each[1] == "style" or each[1].startswith("on")] == []
    fetched = {value for _, name, value in parser.found if name in ("src", "href") and not str(value).startswith("?")}
    assert fetched == set(ASSETS)
    assert re.findall(r"<script(?! src)|<style", html) == []
    texts = "".join(octets.decode() for octets, _ in ASSETS.values()).replace("http://www.w3.org/2000/svg", "")
    assert re.findall(r"https?://|@import|url\(", texts) == []


def test_of_very_many_providers_the_first_are_shown_and_the_rest_counted() -> None:
    providers = {f"p{n:04}": provider() for n in range(MOST + 7)} | {"zz": CLOSED}
    html = page(facts(providers))
    assert order(html)[:2] == ["zz", "p0000"]
    assert len(order(html)) == MOST
    assert "and 8 more" in html
    assert len(order(page(facts(providers), Wish(all=True)))) == MOST + 8


def test_the_filter_looks_at_name_title_and_host() -> None:
    providers = {"one": provider(host="a.example.net"), "two": provider(host=None), "three": provider()}
    found = facts(providers, titles={"one": "Один", "two": "Второй"}, hosts={"two": "b.example.org"})
    assert order(page(found, Wish(sought="ОДИН"))) == ["one"]
    assert order(page(found, Wish(sought="wo"))) == ["two"]
    assert order(page(found, Wish(sought="EXAMPLE.ORG"))) == ["two"]
    html = page(found, Wish(sought="nobody"))
    assert order(html) == []
    assert "no provider has “nobody” in its name, title or host" in html


def test_a_file_without_providers_is_a_page_too() -> None:
    html = page(facts({}))
    assert "0 providers" in html
    assert "no providers" in html


def test_errors_say_what_to_do_without_what_passes() -> None:
    lost = Warnings("p", "lost", 12, timestamp(NOON), "connection closed: refused: look at `host`; next try in 5 s")
    failure = Failure("", "rejected", "unknown-provider", None, 1, NOON)
    text = re.sub(r"<[^>]+>", "", page(facts({"p": provider()}, warnings=[lost], failures=[failure])))
    assert f"p lost 12 times, last {moment(NOON, NOON)} refused: look at host\n" in text.replace("smsd rejected", "\n")
    assert "smsd rejected: unknown-provider" in text


def test_an_opened_provider_has_its_log_and_its_hour() -> None:
    events = [{"at": timestamp(NOON), "event": "auth_failed", "detail": "look at `password`"}]
    html = page(facts({"p": CLOSED}), Wish({"p": Opened(events, [Point(NOON, 5.0, 0.1, 0.2)])}))
    assert "<b>auth_failed</b> <span>look at <code>password</code></span>" in html
    assert 'aria-label="p, last hour: Segments per second, now 5, at most 5"' in html
    assert 'data-toggle="p" aria-expanded="true"' in html


def test_settings_are_set_apart_and_lone_ticks_left_alone() -> None:
    assert code("look at `host` & `port`") == "look at <code>host</code> &amp; <code>port</code>"
    assert code("they said ` and no more") == "they said ` and no more"


@pytest.mark.parametrize(
    ("value", "written"),
    [(0, "0"), (0.123, "0.123"), (7, "7"), (7.25, "7.2"), (99.96, "100.0"), (123.4, "123"), (1234567, "1 234 567")],
)
def test_numbers_have_as_many_digits_as_matter(value: float, written: str) -> None:
    assert number(value).replace("\N{NARROW NO-BREAK SPACE}", " ") == written


@pytest.mark.parametrize(
    ("value", "written"), [(0.0451, "45 ms"), (0.9996, "1 s"), (1.25, "1.25 s"), (30, "30 s"), (math.nan, "–")]
)
def test_spans_have_their_unit(value: float, written: str) -> None:
    assert seconds(value) == written


@pytest.mark.parametrize(
    ("most", "step", "top"),
    [(0, 1, 1), (1, 0.5, 1), (3, 1, 3), (29.9, 10, 30), (30.1, 10, 40), (0.045, 0.02, 0.06), (1900, 500, 2000)],
)
def test_the_grid_is_round_and_has_two_to_four_lines(most: float, step: float, top: float) -> None:
    assert charts.scale(most) == (pytest.approx(step), pytest.approx(top))


def test_an_hour_of_nothing_is_no_chart() -> None:
    assert "Nothing was sent" in charts.chart([Point(NOON, 0.0, math.nan, math.nan)], "p", NOON)
    assert "Nothing was sent" in charts.chart([], "p", NOON)


def test_a_line_is_lifted_over_a_gap_and_time_runs_to_the_right() -> None:
    ats = [NOON - 3600, NOON - 1800, NOON - 900, NOON]
    points = [Point(at, 1.0, p50, 0.1) for at, p50 in zip(ats, (0.1, 0.1, math.nan, 0.05), strict=True)]
    [path] = re.findall(r'<path class="p50" d="([^"]+)"', charts.chart(points, "p", NOON))
    assert path == "M0 0.0h0L500 0.0M1000 48.0h0"


def test_every_file_of_the_page_is_part_of_the_package() -> None:
    setup = configparser.ConfigParser()
    setup.read(Path(__file__).parents[2] / "setup.cfg")
    patterns = setup["options.package_data"]["smsd.links.page"].split(", ")
    folder = Path(charts.__file__).parent
    packed = {path.name for pattern in patterns for path in folder.glob(pattern)}
    assert packed == {path.name for path in folder.iterdir() if path.is_file() and path.suffix != ".py"}


def test_what_holds_an_open_provider_down_is_told_and_what_is_its_limit_is_not() -> None:
    window = {"per_second": 9.8, "by": "window", "detail": "window 1 allows 9.8/s: `window` 4 would do"}
    shown = rows(facts({"p": provider(ceiling=window), "q": provider()}), Wish())
    assert "window 1 allows 9.8/s: <code>window</code> 4 would do" in shown
    assert "30/s" not in shown
