"""Suspicion S1 and case 28: a receipt comes early, and over another bind of its group than its message went out by."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from by_hand import OK, SENDER, Field, HandSmsc, field, pdu, response
from receipts import appendix_b
from world import eventually, in_a_loop, provider

from smsd.core.smpp import pdus
from smsd.core.smpp.codec import encode_body
from smsd.flow import early
from smsd.flow.holding import Holding
from smsd.links.smsc import Dialer

NUMBER = b"79000000011"


@asynccontextmanager
async def beside(f: Field, **settings: Any) -> AsyncIterator[tuple[HandSmsc, Holding]]:
    """Another provider of the same daemon, `q`, bound to an SMSC of its own."""
    smsc, w = HandSmsc(), f.flow
    await smsc.start()
    q = provider(smsc.port, **{"receipts": True, **settings}).model_copy(update={"name": "q"})
    holding = Holding(
        q,
        dial=lambda provider: Dialer(provider.tls, provider.bind_timeout),
        broker=w.broker,
        journal=w.journal,
        reporter=w.reporter,
        events=w.events,
        meter=w.meter,
        publish=w.outbox.add,
        prefix="sms",
        outbox_full=lambda: w.outbox.full,
        draw=lambda: 0.0,
        supervisor=w.supervisor,
        look=w.intake.look,
        early=w.early,
    )
    holding.enter()
    try:
        await eventually(lambda: holding.state == "open")
        yield smsc, holding
    finally:
        await holding.leave("", 0.0)
        await smsc.stop()


async def deliver(smsc: HandSmsc, id: str) -> None:
    fields = {"source_addr": NUMBER, "destination_addr": SENDER, "esm_class": 4, "short_message": appendix_b(id)}
    smsc.send(pdu(pdus.DELIVER_SM, 1, encode_body(pdus.DELIVER_SM, fields)))
    assert (await smsc.hears(pdus.DELIVER_SM_RESP)).status == OK


@in_a_loop
async def test_case_28_an_early_receipt_over_another_bind_finds_its_message() -> None:
    async with field(receipt_group="acme") as f, beside(f, receipt_group="acme") as (other, _):
        submit = await f.come(to=NUMBER.decode())
        await deliver(other, "77")
        await f.quiet()
        assert f.unmatched == []
        f.smsc.send(response(submit, b"77\0"))
        result = await f.becomes("delivered")
        assert (result["provider"], f.statuses(), f.unmatched) == ("p", ["sent", "delivered"], [])
        await f.quiet()
        assert f.flow.journal.parked() == []


@in_a_loop
async def test_case_28_without_that_id_it_is_unmatched_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    async with field(receipt_group="acme") as f, beside(f, receipt_group="acme") as (other, holding):
        submit = await f.come(to=NUMBER.decode())
        await deliver(other, "78")
        f.smsc.send(response(submit, b"77\0"))
        await f.becomes("sent")
        monkeypatch.setattr(early, "PARK", 0.0)
        holding.sweep()
        await eventually(lambda: f.unmatched)
        assert [(each["provider"], each["smsc_id"]) for each in f.unmatched] == [("q", "78")]
        await f.quiet()
        assert (f.statuses(), f.flow.journal.parked()) == (["sent"], [])


@in_a_loop
async def test_case_28_providers_of_other_groups_are_not_asked() -> None:
    async with field() as f, beside(f) as (other, _):
        await f.come(to=NUMBER.decode())
        await deliver(other, "77")
        await eventually(lambda: f.unmatched)
        assert f.statuses() == []
