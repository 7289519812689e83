"""Where `senders` is empty any `from` is taken, but not one that no handset could show whole."""

import pytest
from by_hand import field
from world import in_a_loop

from smsd.core.smpp import pdus


@pytest.mark.parametrize(
    "sender", ["TwelveLetter", "Twenty Letters Long!", "MY COMPANY 24", "1234567890123456", "+1234567890123456"]
)
@in_a_loop
async def test_case_s_a_sender_that_is_too_long_is_refused(sender: str) -> None:
    async with field() as f:
        f.request(**{"from": sender})
        rejected = await f.becomes("rejected")
        assert (rejected["reason"], rejected["detail"].startswith("from: ")) == ("sender-not-allowed", True)
        assert "11 characters" in rejected["detail"]
        assert f.smsc.heard(pdus.SUBMIT_SM) == []


@pytest.mark.parametrize("sender", ["ElevenChars", "123456789012345", "+123456789012345"])
@in_a_loop
async def test_case_s_a_sender_that_just_fits_is_taken(sender: str) -> None:
    async with field() as f:
        assert (await f.come(**{"from": sender})).text("source_addr") == sender
