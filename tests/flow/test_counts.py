"""What the flow tells the meter where it is easily told wrong."""

import re
import time
from typing import Any

from world import eventually, in_a_loop, world

LONG = "x" * 400


def shown(w: Any, name: str) -> float:
    """One series as Prometheus reads it."""
    found = re.search(rf"^{re.escape(name)} (\S+)$", w.meter.render().decode(), re.MULTILINE)
    assert found is not None
    return float(found[1])


@in_a_loop
async def test_a_message_is_uncertain_until_it_is_corrected() -> None:
    async with world({"latency": 0.3}, submit_timeout="100ms") as w:
        w.come(w.request())
        await eventually(lambda: w.reporter.uncertain["p"] == 1)
        await eventually(lambda: len(w.results()) == 1)
        w.broker.confirm()
        await eventually(lambda: [result["corrects"] for result in w.results()])
        assert w.reporter.uncertain["p"] == 0


@in_a_loop
async def test_a_correction_of_what_an_earlier_run_reported_makes_no_count_negative() -> None:
    async with world({"latency": 0.3}, submit_timeout="100ms") as w:
        w.come(w.request())
        await eventually(lambda: w.reporter.uncertain["p"] == 1)
        w.reporter.uncertain.clear()  # as a start does, between the report and its correction
        await eventually(lambda: len(w.results()) == 1)
        w.broker.confirm()
        await eventually(lambda: w.results() and w.results()[-1]["corrects"])
        assert w.reporter.uncertain["p"] == 0


@in_a_loop
async def test_a_message_of_many_segments_waited_once() -> None:
    async with world() as w:
        w.come(w.request(LONG))
        await eventually(w.results)
        assert shown(w, 'smsd_request_to_submit_seconds_count{provider="p",priority="normal"}') == 1
        assert shown(w, 'smsd_segments_submitted_total{provider="p",outcome="accepted"}') == 3


@in_a_loop
async def test_the_time_before_send_after_is_no_delay() -> None:
    async with world() as w:
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
        w.come(w.request(send_after=at))
        await eventually(w.results)
        assert shown(w, 'smsd_request_to_submit_seconds_sum{provider="p",priority="normal"}') < 0.9
