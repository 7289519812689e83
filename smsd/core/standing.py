"""A provider's part of /status, as far as the settings alone know it: whoever knows more lays that over it."""

from typing import Any

from smsd.core.ceiling import ceiling
from smsd.core.contract import PRIORITIES
from smsd.settings.model import Provider


def at_rest(provider: Provider, detail: str) -> dict[str, Any]:
    """Of a provider that nobody holds; `detail` says why."""
    return {
        "active": provider.active,
        "title": provider.title,
        "state": "closed",
        "since": None,
        "host": None,
        "senders": list(provider.senders),
        "encodings": [encoding.name for encoding in provider.encodings],
        "max_segments": provider.max_segments,
        "max_rate": provider.max_rate,
        "rate_now": None,
        "window": provider.window,
        "window_used": 0,
        "waiting": dict.fromkeys(PRIORITIES, 0),
        "paused": False,
        "quiet_until": None,
        "ceiling": ceiling(
            closed=True, rate=None, max_rate=provider.max_rate, slowed=False, window=provider.window, answer=None
        ),
        "holder": None,
        "detail": detail,
    }
