"""Names of queues that are none: what RabbitMQ can't have written itself is never published to."""

import base64

import pytest

from smsd.links.broker import replies


@pytest.mark.parametrize(
    "name",
    [
        "amq.rabbitmq.reply-to.",
        "amq.rabbitmq.reply-to.key",
        "amq.rabbitmq.reply-to.made.up",
        "amq.rabbitmq.reply-to.bWFkZSB1cA==.key",
        "amq.rabbitmq.reply-to.g2dkAAFh.key",
        "amq.rabbitmq.reply-to.g2dkAAFhAAAAAAAAAAAAAA==.a.b",
    ],
)
def test_fault_19_a_made_up_direct_reply_is_not_published_to(name: str) -> None:
    """RabbitMQ decodes such a name in the channel that publishes to it, which dies of what is no pid."""
    assert not replies.usable(name)


@pytest.mark.parametrize(
    "pid",
    [
        b"\x83\x67\x64\x00\x06smsd@h" + b"\0" * 9,
        b"\x83\x58\x77\x06smsd@h" + b"\0" * 12,
        b"\x83\x58\x76\x00\x06smsd@h" + b"\0" * 12,
    ],
)
def test_a_name_with_a_pid_and_a_key_may_be_a_real_one(pid: bytes) -> None:
    assert replies.usable(f"amq.rabbitmq.reply-to.{base64.b64encode(pid).decode()}.a2V5==")
    assert not replies.usable(f"amq.rabbitmq.reply-to.{base64.b64encode(pid + b'more').decode()}.a2V5==")
