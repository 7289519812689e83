"""Segments that follow after a restart belong to those that went before it, or do not follow."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from rig.messages import message, request
from world import World, eventually, in_a_loop, provider, world

from smsd.core import history
from smsd.core.message import SENT, WAITING
from smsd.flow.recovery import recover
from smsd.links.journal.file import File
from smsd.simulator.rules import Rules
from smsd.simulator.smsc import Smsc

TEXT = "a" * 153 + "b" * 153 + "c" * 94
BEFORE = {"senders": ["ACME", "OTHER"]}


async def half_sent(left: Path) -> list[dict[str, Any]]:
    """A journal of a smsd that was killed when the first of three segments was out; what was submitted."""
    rules = {"no_answer": [{"text": "^b"}]}
    async with world(rules, window=1, on_uncertain="resend", **BEFORE) as w:
        w.come(w.request(TEXT, id="m1"))
        await eventually(lambda: len(w.smsc.record.submits()) == 2)
        await w.settle()
        for ending in ("", "-wal"):
            shutil.copy(f"{w.file.path}{ending}", f"{left}{ending}")
        return w.smsc.record.submits()


async def rest(left: Path, **settings: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The result when the request comes again to a smsd with these settings, and what was submitted then."""
    smsc = Smsc(Rules())
    await smsc.start()
    w = World(provider(smsc.port, on_uncertain="resend", **BEFORE | settings), File(str(left), "process", 3600.0))
    recover(w.journal.uncertain(), w.journal, w.reporter)
    w.holding.enter()
    await eventually(lambda: w.holding.state == "open")
    w.come(w.request(TEXT, id="m1"))
    (told,) = await eventually(w.results)
    assert w.damage == []
    await w.holding.leave("", 0.0)
    await smsc.stop()
    await w.journal.close(5.0)
    return told, smsc.record.submits()


def reference(submit: dict[str, Any]) -> bytes:
    return bytes.fromhex(submit["short_message"])[:5]


@pytest.mark.parametrize("settings", [{}, {"senders": ["OTHER", "ACME"]}, {"window": 5}])
def test_fault_s4_the_others_follow_as_the_first_one_went(tmp_path: Path, settings: dict[str, Any]) -> None:
    @in_a_loop
    async def scene() -> None:
        before = await half_sent(tmp_path / "left.db")
        told, after = await rest(tmp_path / "left.db", **settings)
        assert (told["status"], told["segments_sent"], told["from"]) == ("sent", 3, "ACME")
        assert {submit["source_addr"] for submit in [*before, *after]} == {"ACME"}
        assert "".join(submit["text"][0] for submit in after) == "bc"
        assert len({reference(submit) for submit in [*before, *after]}) == 1

    scene()


@pytest.mark.parametrize(
    "settings",
    [
        {"senders": ["OTHER"]},
        {"encodings": [{"name": "latin1", "data_coding": 3}]},
        {"encodings": [{"name": "gsm7", "data_coding": 1}]},
        {"long_messages": "udh16"},
        {"long_messages": "sar"},
        {"source_ton": 2},
    ],
)
def test_fault_s4_what_no_longer_fits_is_partly_sent(tmp_path: Path, settings: dict[str, Any]) -> None:
    """All of these make three segments too, which no handset would join with the first one."""

    @in_a_loop
    async def scene() -> None:
        await half_sent(tmp_path / "left.db")
        told, after = await rest(tmp_path / "left.db", **settings)
        assert (told["status"], told["reason"], told["segments_sent"]) == ("failed", "partly-sent", 1)
        assert after == []

    scene()


@pytest.mark.parametrize("settings", [{}, {"encodings": [{"name": "latin1", "data_coding": 3}]}])
def test_fault_s4_a_copy_from_a_hold_queue_is_held_to_it_too(settings: dict[str, Any]) -> None:
    """As when the journal was lost while the request rested: its headers are all that is known of it."""

    @in_a_loop
    async def scene() -> None:
        async with world(**BEFORE) as w:
            composed = w.holding.compose(request(text=TEXT), None)
            made = message(SENT, WAITING, WAITING, reference=composed.reference, cut=composed.cut)
            headers = history.headers(made, 0.0)
        async with world(**BEFORE | settings) as w:
            w.come(w.request(TEXT, headers, id="m1"))
            (told,) = await eventually(w.results)
            sent = "".join(submit["text"][0] for submit in w.smsc.record.submits())
            expected = ("failed", "") if settings else ("sent", "bc")
            assert (told["status"], sent) == expected
            assert told["reason"] == ("partly-sent" if settings else None)

    scene()
