"""Headers as long as a frame: what smsd adds of its own never makes one that the broker refuses."""

import asyncio
import json
import time
from typing import Any

from rig import octets, rabbit
from rig.crm import NUMBER
from rig.octets import text, with_headers
from rig.stage import Stage
from test_broker_link import Link, running
from world import eventually

from smsd.core.publication import Confirm, Publication

ALMOST = 131_000
"""Octets; the longest frame of a broker that is left as it is has 131 072."""


def request(stage: Stage, properties: Any, body: bytes | None = None, **fields: Any) -> str:
    body = body if body is not None else json.dumps({"id": "big", "to": NUMBER, "text": "x", **fields}).encode()
    with rabbit.connect(stage.url) as connection:
        octets.publish(connection, f"{stage.prefix}.requests", "p", body, properties)
    return "big"


def test_fault_02_a_trace_as_long_as_a_frame_is_no_trace(stage: Stage) -> None:
    daemon = stage.bound(stage.simulator())
    id = request(stage, with_headers((b"traceparent", text(b"x" * ALMOST))))
    assert stage.crm.final(id)["status"] == "sent"
    assert stage.crm.final(stage.crm.send())["status"] == "sent"
    assert len(daemon.logged("broker")) == 1


def test_fault_02_a_request_that_waits_goes_on_without_its_headers(stage: Stage) -> None:
    """Into a hold queue, where the broker adds more on the way back."""
    daemon = stage.bound(stage.simulator())
    later = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    request(stage, with_headers((b"big", text(b"x" * ALMOST))), send_after=later)
    with rabbit.connect(stage.url) as connection:
        properties, _ = octets.take(connection, f"{stage.prefix}.hold.10m")
    assert b"x" * 1000 not in properties
    assert b"x-smsd-headers-dropped" in properties
    assert b"x-smsd-due" in properties
    assert len(daemon.logged("broker")) == 1


def test_fault_02_what_nobody_can_answer_is_parked_without_its_headers(stage: Stage) -> None:
    daemon = stage.bound(stage.simulator())
    request(stage, with_headers((b"big", text(b"x" * ALMOST))), body=b"no json")
    dead = stage.crm.until(lambda: stage.crm.dead)
    headers = dead[0].properties.headers
    assert headers["x-smsd-reason"] == "not-json"
    assert "131" in headers["x-smsd-headers-dropped"]
    assert len(daemon.logged("broker")) == 1


def test_fault_02_one_that_lies_in_an_older_journal_is_published(broker_url: str, prefix: str) -> None:
    async def scene() -> None:
        link = Link(broker_url, prefix)
        answers: list[Confirm] = []
        async with running(link, broker_url):
            long = {"traceparent": "x" * ALMOST}
            link.publish(Publication(f"{prefix}.results", "p.sent", b"{}", "r", "t", headers=long), answers.append)
            await eventually(lambda: answers)
            assert (answers, link.ups) == ([Confirm.DONE], [True])

    asyncio.run(scene())
