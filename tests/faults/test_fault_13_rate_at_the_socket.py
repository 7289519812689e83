"""The limit holds where the provider counts: at the octets that leave, however busy the loop is."""

import asyncio
import itertools
import math
import time
from collections.abc import Iterator

import pytest
from test_pacer import most_in_a_window
from world import eventually, in_a_loop, world

from smsd.core.pacer import GUARD, Pacer
from smsd.core.smpp import pdus
from smsd.core.smpp.codec import HEADER, Framer
from smsd.links.smsc import SmscConnection


class Meter:
    """When submit_sm were written to the socket."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.times: list[float] = []
        framer, write = Framer(), SmscConnection.write

        def metered(connection: SmscConnection, octets: bytes) -> None:
            now = time.monotonic()
            commands = [HEADER.unpack_from(frame)[1] for frame in framer.feed(octets)]
            self.times += [now] * commands.count(pdus.SUBMIT_SM)
            write(connection, octets)

        monkeypatch.setattr(SmscConnection, "write", metered)


async def keep_busy(slices: Iterator[float]) -> None:
    """Takes the loop for up to 12 ms at a time, as a slice of call-backs or a busy machine does."""
    while True:
        end = time.monotonic() + next(slices)
        while time.monotonic() < end:
            pass
        await asyncio.sleep(0)


@pytest.mark.parametrize("rate", [10, 100, 200, 500, 1000])
@in_a_loop
async def test_fault_13_no_second_has_more_octets_than_the_limit(rate: int, monkeypatch: pytest.MonkeyPatch) -> None:
    meter = Meter(monkeypatch)
    async with world({"record": "counts"}, max_rate=rate, window=200) as w:
        busy = asyncio.create_task(keep_busy(itertools.cycle([0.012, 0.001, 0.0, 0.009, 0.0, 0.0])))
        waiting = math.ceil(1.5 * rate)
        for _ in range(waiting):
            w.come(w.request())
        await eventually(lambda: len(meter.times) == waiting, 18)
        busy.cancel()
        assert most_in_a_window(meter.times) <= rate


def test_fault_13_a_token_counts_from_when_its_octets_are_out() -> None:
    pacer = Pacer(2, 0.0)
    for taken, out in [(2.0, 2.25), (2.5, 2.5)]:
        pacer.take(taken)
        pacer.written(out)
    assert pacer.due(2.6) == pytest.approx(2.25 + 1 + GUARD)


def test_fault_13_what_was_written_before_is_not_stamped_again() -> None:
    pacer = Pacer(3, 0.0)
    pacer.take(2.0)
    pacer.written(2.0)
    pacer.take(2.1)
    pacer.take(2.1)
    pacer.written(2.9)
    pacer.written(5.0)
    assert pacer.due(2.95) == pytest.approx(2.0 + 1 + GUARD)
