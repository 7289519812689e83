"""Case 6: a provider that refuses validity_period gets none."""

from typing import Any

import pytest
from by_hand import Field, HandSmsc, field, response
from world import in_a_loop

from smsd.core.smpp import pdus
from smsd.core.smpp.codec import Pdu

EXPIRES_AT = "2098-01-01T00:00:00Z"
INVALID_EXPIRY = 0x62


def refuses_validity(submit: Pdu) -> bytes:
    return response(submit, status=INVALID_EXPIRY) if submit.octets("validity_period") else response(submit, b"77\0")


def strict() -> HandSmsc:
    return HandSmsc({pdus.SUBMIT_SM: refuses_validity})


async def status_of(f: Field, **fields: Any) -> str:
    await f.come(**fields)
    await f.quiet()
    (status,) = f.statuses()
    return status


@in_a_loop
async def test_case_06_never_leaves_the_field_empty_even_with_expires_at() -> None:
    async with field(strict(), validity="never") as f:
        assert await status_of(f, expires_at=EXPIRES_AT) == "sent"


@pytest.mark.parametrize(("validity", "fields"), [("1h", {}), (None, {"expires_at": EXPIRES_AT})])
@in_a_loop
async def test_case_06_without_it_the_refusal_names_the_setting(validity: Any, fields: dict[str, str]) -> None:
    async with field(strict(), validity=validity) as f:
        assert await status_of(f, **fields) == "rejected"
        assert "`validity: never`" in f.results()[0]["detail"]


@in_a_loop
async def test_case_06_a_reload_brings_it() -> None:
    async with field(strict()) as f:
        f.flow.holding.adopt(f.flow.holding.provider.model_copy(update={"validity": "never"}))
        assert await status_of(f, expires_at=EXPIRES_AT) == "sent"
