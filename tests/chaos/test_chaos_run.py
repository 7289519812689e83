"""A short run of `make chaos`: 25 seconds of load with a kill -9, a freeze, a cut link and a broker crash at least."""

import logging
from pathlib import Path

import pytest

from chaos.plan import OPENING, plan
from chaos.report import stories, table
from chaos.run import run
from chaos.scene import PROVIDERS

SECONDS, SEED, RATE = 25.0, 1, 100.0


def test_every_message_of_a_short_run_is_accounted_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, logger="pika")  # it would log every attempt to reach the broker
    log: list[str] = []
    verdict, began = run(SECONDS, SEED, tmp_path, log.append, RATE)
    print("\n".join(log), table(verdict), stories(verdict, began), sep="\n")
    assert verdict.clean, "see the output"
    assert {action.what for action in plan(SEED, SECONDS, PROVIDERS)} >= set(OPENING)
    assert verdict.requests.total() > SECONDS * RATE / 2
    assert sum(verdict.total(fate) for fate in ("sent once", "sent twice, reported", "uncertain, sent")) > 0
