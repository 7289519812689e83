"""The last hour as two small charts in SVG: segments per second, and how long the answers took.

The plot stretches with the page, the letters do not: so it is an svg of its own within one that has none but per cents
and pixels. Colours are the style sheet's.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from html import escape

from smsd.core.hour import SLOT, SLOTS, Point
from smsd.links.page.facts import number, seconds

HEIGHT, TOP, BOTTOM = 96, 14, 16
"""Pixels: the plot, above it and below it."""

HOUR = SLOT * SLOTS
Written = Callable[[float], str]
Line = tuple[str, Sequence[tuple[float, float]]]
"""Its class in the style sheet, and its points: a time and a value, NaN where there is a gap."""


def chart(points: Sequence[Point], title: str, now: float) -> str:
    """Both charts, of one provider or of all together."""
    if not any(point.rate or not math.isnan(point.p50) for point in points):
        return '<p class="quiet">Nothing was sent in the last hour.</p>'
    last = points[-1]
    most = max(point.rate for point in points)
    rate = _panel([("rate", [(p.at, p.rate) for p in points])], now, number)
    answers = _panel([("p50", [(p.at, p.p50) for p in points]), ("p95", [(p.at, p.p95) for p in points])], now, seconds)
    said = f"now {number(last.rate)}, at most {number(most)}"
    worst = max((point.p95 for point in points if not math.isnan(point.p95)), default=math.nan)
    took = f"now half within {seconds(last.p50)}, 95 % within {seconds(last.p95)}, at worst {seconds(worst)}"
    return (
        '<div class="charts">'
        + _figure("Segments per second", "", said, rate, title)
        + _figure("Answer to submit_sm", '<i class="p50"></i>median <i class="p95"></i>95 %', took, answers, title)
        + "</div>"
    )


def _figure(caption: str, legend: str, said: str, drawn: str, title: str) -> str:
    label = escape(f"{title}, last hour: {caption}, {said}")
    return (
        f'<figure><figcaption>{caption} <span class="legend">{legend}</span></figcaption>'
        f'<svg class="chart" role="img" aria-label="{label}" height="{TOP + HEIGHT + BOTTOM}">{drawn}</svg></figure>'
    )


def _panel(lines: Sequence[Line], now: float, written: Written) -> str:
    """One plot: grid, lines, labels."""
    values = [value for _, points in lines for _, value in points if not math.isnan(value)]
    step, top = scale(max(values, default=0.0))
    grid, labels = "", ""
    for n in range(round(top / step) + 1):
        y = HEIGHT * (1 - n * step / top)
        grid += f'<line x1="0" x2="1000" y1="{y:.1f}" y2="{y:.1f}"/>'
        if n:
            labels += f'<text x="2" y="{TOP + y - 3:.1f}">{written(n * step)}</text>'
    drawn = "".join(f'<path class="{kind}" d="{_path(points, now, top)}"/>' for kind, points in lines)
    return (
        f'<svg y="{TOP}" width="100%" height="{HEIGHT}" viewBox="0 0 1000 {HEIGHT}" preserveAspectRatio="none">'
        f'<g class="grid">{grid}</g>{drawn}</svg>{labels}{_times(now)}'
    )


def _times(now: float) -> str:
    """The hour's quarters, at the clock's own."""
    quarter = now // 900 * 900
    marks = ""
    for n in range(4):
        part = 100 * (1 - (now - quarter + n * 900) / HOUR)
        clock = datetime.fromtimestamp(quarter - n * 900).strftime("%H:%M")
        anchor = "start" if part < 5 else "end" if part > 95 else "middle"
        marks += f'<text x="{part:.1f}%" y="{TOP + HEIGHT + BOTTOM - 3}" text-anchor="{anchor}">{clock}</text>'
    return marks


def _path(points: Iterable[tuple[float, float]], now: float, top: float) -> str:
    """A line through the points; over a gap it is lifted. A lone point is a dot."""
    drawn, pen = [], "M"
    for at, value in points:
        if math.isnan(value):
            pen = "M"
            continue
        x, y = 1000 * (1 - (now - at) / HOUR), HEIGHT * (1 - value / top)
        drawn.append(f"{pen}{x:.0f} {y:.1f}" + ("h0" if pen == "M" else ""))
        pen = "L"
    return "".join(drawn)


def scale(most: float) -> tuple[float, float]:
    """The step between two lines of the grid, and the topmost: round, and two to five of them."""
    if most <= 0:
        return 1.0, 1.0
    power = 10.0 ** math.floor(math.log10(most))
    steps = (power * factor for factor in (0.2, 0.5, 1, 2, 5))
    step = next(step for step in steps if most <= 4 * step * (1 + 1e-9))
    return step, step * math.ceil(most / step - 1e-9)
