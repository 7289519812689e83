"""The log as its readers get it: one line per event, nothing in it that must not be."""

import asyncio
import io
import json
import logging
import os
import pty
from collections.abc import Callable, Iterator
from typing import Any

import pika
import pytest
import structlog
from pika.adapters.asyncio_connection import AsyncioConnection

from smsd.links import logs

NUMBER = "79000000001"


class Stream(io.TextIOWrapper):
    """A stream like stderr, and what was written to it."""

    def __init__(self, terminal: bool = False) -> None:
        self.octets = io.BytesIO()
        self.terminal = terminal
        super().__init__(self.octets, encoding="utf-8")

    def isatty(self) -> bool:
        return self.terminal

    @property
    def lines(self) -> list[str]:
        return self.octets.getvalue().decode().splitlines()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


Configure = Callable[..., Stream]


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Iterator[Configure]:
    """Sets up the log on a new stream; afterwards everything is as before."""
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    levels = {name: logging.getLogger(name).level for name in ("pika", "pika.adapters", "aiohttp.access")}

    def configure(level: str = "info", format: str = "json", terminal: bool = False) -> Stream:
        stream = Stream(terminal)
        logs.configure(level, format, stream)
        return stream

    yield configure
    structlog.reset_defaults()
    root.handlers = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def test_an_event_is_one_json_line_with_time_level_and_event_first(configure: Configure) -> None:
    stream = configure()
    structlog.get_logger("smsd").info("message", id="7", provider="acme", seconds=1.5, reason=None)
    (event,) = stream.events
    assert list(event) == ["timestamp", "level", "event", "id", "provider", "seconds", "reason"]
    assert event["timestamp"].endswith("Z")
    assert (event["level"], event["event"], event["seconds"]) == ("info", "message", 1.5)


def test_an_exception_stays_one_line(configure: Configure) -> None:
    stream = configure()
    try:
        raise ValueError("boom")
    except ValueError:
        structlog.get_logger().exception("failed")
    (event,) = stream.events
    assert event["level"] == "error"
    assert event["exception"].endswith("ValueError: boom")


@pytest.mark.parametrize("format", ["json", "console"])
def test_passwords_and_texts_never_appear(configure: Configure, format: str) -> None:
    stream = configure(format=format)
    inner = {"password": "s3cret", "text": "hello", "fine": [{"password": "s3cret", "text": "hello"}]}
    structlog.get_logger().error("event", password="s3cret", text="hello", provider=inner)
    output = "\n".join(stream.lines)
    assert "fine" in output
    assert "s3cret" not in output
    assert "hello" not in output


@pytest.mark.parametrize("format", ["json", "console"])
@pytest.mark.parametrize("number", [NUMBER, "+" + NUMBER, int(NUMBER), "+7 900 000-00-01", [NUMBER]])
def test_numbers_are_masked(configure: Configure, format: str, number: Any) -> None:
    stream = configure(format=format)
    structlog.get_logger().info("event", to=number, inner={"from": number})
    digits = "".join(filter(str.isdigit, "".join(stream.lines)))
    assert NUMBER not in digits
    assert "***" in stream.lines[0]


@pytest.mark.parametrize("shown", ["7900***0001", "ACME", "", None])
def test_masked_numbers_and_names_stay_as_they_are(configure: Configure, shown: str | None) -> None:
    stream = configure()
    structlog.get_logger().info("event", **{"to": shown, "from": shown})
    assert (stream.events[0]["to"], stream.events[0]["from"]) == (shown, shown)


@pytest.mark.parametrize(
    "url", ["amqp://smsd:s3c:r@et@mq.example.net:5672/%2F", "amqps://smsd:s3c:r@et@mq.example.net"]
)
def test_passwords_in_urls_are_masked_wherever_they_are(configure: Configure, url: str) -> None:
    stream = configure()
    try:
        raise ConnectionError(url)
    except ConnectionError as error:
        structlog.get_logger().exception(f"no broker at {url}", url=url, error=error, urls=(url,))
    logging.getLogger("other").error("no broker at %s", url)
    output = "\n".join(stream.lines)
    assert output.count("//smsd:***@mq.example.net") == 6
    assert "s3c" not in output
    assert "et@" not in output


def test_what_is_below_the_level_is_not_logged(configure: Configure) -> None:
    stream = configure("warning")
    log = structlog.get_logger()
    log.info("no")
    log.warning("yes")
    logging.getLogger("other").info("no")
    logging.getLogger("other").warning("yes")
    assert [event["event"] for event in stream.events] == ["yes", "yes"]


def test_a_new_level_reaches_loggers_that_are_in_use(configure: Configure) -> None:
    stream = configure()
    log = structlog.get_logger()
    log.debug("no")
    log.info("one")
    logs.set_level("debug")
    log.debug("two")
    logs.set_level("error")
    log.warning("no")
    assert [event["event"] for event in stream.events] == ["one", "two"]


def test_under_journald_lines_have_its_prefix_and_no_time(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "8:12345")
    stream = configure("debug", "auto")
    log = structlog.get_logger()
    for level in ("debug", "info", "warning", "error", "critical"):
        getattr(log, level)("event")
    assert [line[:3] for line in stream.lines] == ["<7>", "<6>", "<4>", "<3>", "<2>"]
    assert json.loads(stream.lines[1][3:]) == {"level": "info", "event": "event"}


def test_auto_is_columns_on_a_terminal_and_json_elsewhere(configure: Configure) -> None:
    terminal, file = (configure(format="auto", terminal=terminal) for terminal in (True, False))
    structlog.get_logger().info("event", provider="acme")
    assert terminal.lines == []
    assert file.events[0]["provider"] == "acme"
    terminal = configure(format="auto", terminal=True)
    structlog.get_logger().info("event", provider="acme")
    assert "\x1b[" in terminal.lines[0]
    assert not terminal.lines[0].startswith("{")


def test_columns_without_a_terminal_have_no_colours(configure: Configure) -> None:
    stream = configure(format="console")
    structlog.get_logger().info("event", provider="acme")
    assert "provider=acme" in stream.lines[0]
    assert "\x1b[" not in stream.lines[0]


def test_a_traceback_in_columns_shows_no_local_variables(configure: Configure) -> None:
    stream = configure(format="console")
    local = "s3cret"
    try:
        raise ValueError(len(local))
    except ValueError:
        structlog.get_logger().exception("failed")
    assert any("ValueError: 6" in line for line in stream.lines)
    assert not any("'s3cret'" in line for line in stream.lines)


def test_values_that_json_cannot_say_are_said_all_the_same(configure: Configure) -> None:
    stream = configure()
    log = structlog.get_logger()
    log.info("event", octets=b"\xff", error=OSError("gone"), ids={"one"}, rate=float("inf"))
    log.info("event", detail="\ud800")
    first, second = stream.events
    assert (first["octets"], first["error"], first["ids"], first["rate"]) == ("b'\\xff'", "gone", ["one"], "Infinity")
    assert second["detail"] == "'\\ud800'"


def test_records_of_the_standard_library_take_the_same_way(configure: Configure) -> None:
    stream = configure()
    try:
        raise ValueError("boom")
    except ValueError:
        logging.getLogger("asyncio").exception("task %s failed", "t1")
    (event,) = stream.events
    assert (event["level"], event["event"], event["logger"]) == ("error", "task t1 failed", "asyncio")
    assert event["exception"].endswith("ValueError: boom")


def test_a_record_whose_arguments_do_not_fit_is_still_a_line(configure: Configure) -> None:
    stream = configure()
    record = logging.LogRecord("other", logging.ERROR, __file__, 1, "%d of %d", (1,), None)
    ours = logging.getLogger().handlers[-1]  # alone: pytest's own handlers would fail the test
    ours.handle(record)
    assert stream.events[0]["event"] == "%d of %d (1,)"


def test_configuring_again_does_not_double_the_lines(configure: Configure) -> None:
    configure()
    stream = configure()
    logging.getLogger("other").warning("once")
    assert len(stream.lines) == 1


def test_pika_says_nothing_of_a_broker_that_is_not_there(configure: Configure) -> None:
    """The broker link says it, once for each try."""
    stream = configure("debug")

    async def connect() -> None:
        failed = asyncio.get_running_loop().create_future()
        parameters = pika.URLParameters("amqp://smsd:s3cret@127.0.0.1:1/%2F?connection_attempts=1&socket_timeout=1")
        AsyncioConnection(parameters, on_open_error_callback=lambda _, why: failed.set_result(why))
        async with asyncio.timeout(5):
            await failed

    asyncio.run(connect())
    assert [event["logger"] for event in stream.events if event["logger"].startswith("pika")] == []


def test_a_reader_that_is_gone_does_not_stop_the_caller(configure: Configure) -> None:
    configure()
    reader, writer = os.pipe()
    os.close(reader)
    stderr = os.fdopen(writer, "w")
    logs.configure("info", "json", stderr)
    structlog.get_logger().info("nobody reads this")
    with pytest.raises(BrokenPipeError):  # the line is still in its buffer
        stderr.close()


def test_a_real_terminal_gets_columns(configure: Configure) -> None:
    configure()
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as screen, os.fdopen(theirs, "w") as stderr:
        logs.configure("info", "auto", stderr)
        structlog.get_logger().info("event", provider="acme")
        assert b"acme" in screen.read(4096)
