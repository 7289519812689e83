"""Where copies of results may go: the name of a queue, from the `reply_to` of whoever asked.

RabbitMQ has queues that are none: `amq.rabbitmq.reply-to.` followed by a channel's Erlang pid and a key. Its channel
dies of one that is made up, and our connection with it: only those that it can have written itself are published to.
"""

import base64
import binascii
import re

from smsd.links.broker.strings import SHORT

PSEUDO_QUEUE = b"amq.rabbitmq.reply-to"
"""The broker closes a channel that publishes a message with this `reply_to` and consumes no replies."""

PREFIX = PSEUDO_QUEUE.decode() + "."
"""Of the names that ask for a direct reply."""

_KEY = re.compile(r"[A-Za-z0-9+/=_-]+")

_PID = re.compile(
    rb"\x83(?:"
    rb"\x67(?:[\x64\x76]\x00(?P<a>.)|[\x73\x77](?P<b>.))"  # an older pid: 9 octets behind its node's name
    rb"|\x58(?:[\x64\x76]\x00(?P<c>.)|[\x73\x77](?P<d>.))"  # a newer one: 12
    rb")",
    re.DOTALL,
)


def usable(queue: str) -> bool:
    """Whether a copy can be published to a queue of this name without harm to the connection."""
    try:
        if not 0 < len(queue.encode()) <= SHORT:
            return False
    except UnicodeEncodeError:
        return False
    if not queue.startswith(PREFIX):
        return True
    pid, _, key = queue.removeprefix(PREFIX).partition(".")
    return _KEY.fullmatch(key) is not None and _is_a_pid(pid)


def _is_a_pid(text: str) -> bool:
    """Whether it is Base64 of a pid in Erlang's external term format."""
    try:
        octets = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    begin = _PID.match(octets)
    if begin is None or begin.lastgroup is None:
        return False
    name = begin[begin.lastgroup][0]
    return len(octets) == begin.end() + name + (9 if begin.lastgroup in "ab" else 12)
