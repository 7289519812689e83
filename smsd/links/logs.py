"""The log: structlog set up so that one event is one line on stderr, and no secret or text ever gets into one.

JSON lines, or columns on a terminal; under journald its own prefixes (`<6>`) instead of a time. Records of the standard
library's `logging` (pika, asyncio, aiohttp) take the same way.
"""

import asyncio
import atexit
import logging
import os
import re
import sys
import time
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, TextIO

import structlog
from pydantic_core import to_json

from smsd.core.address import mask
from smsd.core.contract import timestamp

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
"""The words of the setting `log.level`."""

_PREFIXES = {"debug": b"<7>", "info": b"<6>", "warning": b"<4>", "error": b"<3>", "critical": b"<2>"}
"""syslog levels (sd-daemon(3))."""

_QUIETER = {
    "pika": logging.WARNING,
    # Each layer of these tells its own share of one lost connection; the daemon says it once, for people.
    "pika.adapters": logging.CRITICAL,
    "pika.connection": logging.CRITICAL,
    "pika.channel": logging.CRITICAL,
    "aiohttp.access": logging.WARNING,
}

_NEVER = frozenset({"password", "text"})
_NUMBERS = frozenset({"to", "from"})
_URL_PASSWORD = re.compile(r"(://[^\s:/@]*):\S*@")
_DIGITS = re.compile(r"(?:\D*\d){5}")
_PLAIN = frozenset({int, float, bool, type(None)})

Event = MutableMapping[str, Any]
Render = Callable[[Any, str, Event], bytes]
_PROCESSORS: list[Any] = []
"""The one list that every logger has, so that it can be changed for all of them."""
_Filtering = structlog.make_filtering_bound_logger(logging.DEBUG)
_DaemonLogger = type("DaemonLogger", (_Filtering,), {})
"""The class of every logger: they are cached, so that a change of level must change the class itself."""


def configure(level: str, format: str, stream: TextIO | None = None) -> None:
    """Sets up both kinds of logging. `level` and `format` are the settings' words; `stream` is stderr by default."""
    stream = stream or sys.stderr
    set_format(format, stream)
    structlog.configure(
        processors=_PROCESSORS,
        wrapper_class=_DaemonLogger,
        logger_factory=_Lines(stream),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers = [other for other in root.handlers if not isinstance(other, _Records)] + [_Records()]
    for name, quieter in _QUIETER.items():
        logging.getLogger(name).setLevel(quieter)
    set_level(level)


def set_format(format: str, stream: TextIO | None = None) -> None:
    """Changes how all lines look from now on; `stream` is where they go."""
    terminal = (stream or sys.stderr).isatty()
    journald = "JOURNAL_STREAM" in os.environ and not terminal
    columns = format == "console" or (format == "auto" and terminal)
    render = _columns(colors=terminal, timed=not journald) if columns else _json_lines(timed=not journald)
    _PROCESSORS[:] = [_prefixed(render) if journald else render]


def set_level(level: str) -> None:
    """Changes the level of all loggers, those in use too."""
    number = LEVELS[level]
    for name, method in vars(structlog.make_filtering_bound_logger(number)).items():
        if not name.startswith("__"):
            setattr(_DaemonLogger, name, method)
    logging.getLogger().setLevel(number)


def discreet(event: Event, into: dict[str, Any]) -> dict[str, Any]:
    """Lays `event` into a line: without passwords and message texts, numbers masked, tracebacks as text."""
    if "exc_info" in event:
        event = structlog.processors.format_exc_info(None, "", event)
    for key, value in event.items():
        if key in _NEVER:
            continue
        kind = type(value)
        # Most values are fine as they are, and this runs for every line.
        fine = kind in _PLAIN or (kind is str and "@" not in value)
        into[key] = value if fine and key not in _NUMBERS else _shown(key, value)
    return into


def _shown(key: str, value: Any) -> Any:
    if not isinstance(value, str):
        if isinstance(value, Mapping):
            return discreet({str(name): inner for name, inner in value.items()}, {})
        if isinstance(value, list | tuple | set | frozenset):
            return [_shown(key, inner) for inner in value]
        if value is None or (type(value) in _PLAIN and key not in _NUMBERS):
            return value
    shown = str(value)
    if key in _NUMBERS and "***" not in shown and _DIGITS.match(shown):
        return mask(shown)
    return _URL_PASSWORD.sub(r"\1:***@", shown) if "@" in shown else shown


def _json_lines(*, timed: bool) -> Render:
    def render(_logger: Any, method: str, event: Event) -> bytes:
        line: dict[str, Any] = {"timestamp": timestamp(time.time())} if timed else {}
        line["level"] = method
        line["event"] = ""  # in its place
        discreet(event, line)
        try:
            return to_json(line, inf_nan_mode="strings")
        except ValueError:  # a lone surrogate, say: better escaped than not logged
            return to_json({key: ascii(value) for key, value in line.items()})

    return render


def _columns(*, colors: bool, timed: bool) -> Render:
    # Tracebacks come as text already; structlog's own way would show the local variables, and secrets with them.
    console = structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)

    def render(logger: Any, method: str, event: Event) -> bytes:
        event = discreet(event, {})
        event["level"] = method
        if timed:
            event["timestamp"] = timestamp(time.time())
        return console(logger, method, event).encode("utf-8", "backslashreplace")

    return render


def _prefixed(render: Render) -> Render:
    def prefixed(logger: Any, method: str, event: Event) -> bytes:
        return _PREFIXES.get(method, b"<6>") + render(logger, method, event)

    return prefixed


class _Lines:
    """Writes lines: warnings and worse at once, others with the rest of this turn of the loop, in one write.

    It is the logger behind all bound ones, and its own factory.
    """

    def __init__(self, stream: TextIO) -> None:
        self._text = stream  # closes the stream below it when it goes
        self._stream = stream.buffer
        self._waiting: list[bytes] = []
        atexit.register(self._flush)

    def __call__(self, *_names: Any) -> "_Lines":
        return self

    def write(self, line: bytes) -> None:
        self._waiting.append(line)
        self._flush()

    def write_soon(self, line: bytes) -> None:
        if not self._waiting:
            try:
                asyncio.get_running_loop().call_soon(self._flush)
            except RuntimeError:  # no loop runs
                self.write(line)
                return
        self._waiting.append(line)

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        try:
            self._stream.write(b"\n".join(waiting) + b"\n")
            self._stream.flush()
        except (OSError, ValueError):  # a full disk or a reader gone must not stop the messages
            return

    debug = info = write_soon
    warning = error = critical = write


class _Records(logging.Handler):
    """Hands the records of `logging` over to structlog."""

    def __init__(self) -> None:
        super().__init__()
        self._log = structlog.get_logger()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except (TypeError, ValueError, KeyError):  # arguments that don't fit: somebody's bug, but the line matters
            message = f"{record.msg} {record.args!r}"
        level = max(logging.DEBUG, min(record.levelno // 10 * 10, logging.CRITICAL))
        self._log.log(level, message, logger=record.name, exc_info=record.exc_info)
