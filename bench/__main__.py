"""make bench: smsd beside the bare loop, in turns, on a broker node and a sink of its own.

Both empty the same queue of waiting requests. CPU is user + system time of the one process between the WARM-th and the
last submit_sm, wall time likewise. Writes docs/performance.md.
"""

import json
import os
import platform
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pika

from deploy.rabbitmq.node import Node

MESSAGES, WARM, ROUNDS, WINDOW = 20_000, 3_000, 5, 100
PREFIX = "bench"
ROOT = Path(__file__).parent.parent
TEXT = "Код подтверждения: 4815. Никому его не говорите."
TICKS = os.sysconf("SC_CLK_TCK")


class Figures(NamedTuple):
    """Of one run: microseconds of CPU per message, messages per second, MB of memory."""

    cpu_us: float
    per_second: float
    rss_mb: float


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def rss_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


@contextmanager
def process(*arguments: str, **options: Any) -> Iterator[subprocess.Popen[str]]:
    child = subprocess.Popen([sys.executable, *arguments], text=True, cwd=ROOT, **options)
    try:
        yield child
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(15)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


class Bench:
    """One broker node, one sink, and the runs."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        self.counter_file = folder / "count"
        self.counter_file.write_bytes(bytes(8))
        self.channel = pika.BlockingConnection(pika.URLParameters(f"{url}?heartbeat=0")).channel()

    def submitted(self) -> int:
        with self.counter_file.open("rb") as file:
            return int(struct.unpack("=Q", file.read(8))[0])

    def fill(self, messages: int) -> None:
        channel = self.channel
        channel.tx_select()
        properties = pika.BasicProperties(content_type="application/json", delivery_mode=2)
        for n in range(messages):
            request = {"id": f"{time.time_ns()}-{n}", "to": f"7900000{n % 10000:04d}", "text": TEXT, "receipt": False}
            body = json.dumps(request).encode()
            channel.basic_publish(f"{PREFIX}.requests", "bench", body, properties)
            if n % 1000 == 999:
                channel.tx_commit()
        channel.tx_commit()

    def depth(self, queue: str) -> int:
        return int(self.channel.queue_declare(queue, passive=True).method.message_count)

    def run(self, *arguments: str) -> Figures:
        """Runs a command that empties the queue; every message must have its result at the end."""
        time.sleep(0.5)  # what the last one did not ack is back in the queue by now
        for queue in ("results", "requests.bench.normal"):
            self.channel.queue_purge(f"{PREFIX}.{queue}")
        self.fill(MESSAGES)
        before = self.submitted()
        with (self.folder / "log").open("w") as log, process(*arguments, stderr=log) as child:
            self._reach(before + WARM, child)
            cpu, at = cpu_seconds(child.pid), time.perf_counter()
            counted = self.submitted()
            self._reach(before + MESSAGES, child)
            cpu, seconds = cpu_seconds(child.pid) - cpu, time.perf_counter() - at
            counted = self.submitted() - counted
            self._until(lambda: self.depth(f"{PREFIX}.results") >= MESSAGES, child)
            self._until(lambda: self.depth(f"{PREFIX}.requests.bench.normal") == 0, child)
            memory = rss_mb(child.pid)
        return Figures(cpu / counted * 1e6, counted / seconds, memory)

    def _reach(self, count: int, child: subprocess.Popen[str]) -> None:
        self._until(lambda: self.submitted() >= count, child)

    def _until(self, reached: Any, child: subprocess.Popen[str]) -> None:
        end = time.monotonic() + 120
        while not reached():
            if child.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"{child.args} did not do its work: {(self.folder / 'log').read_text()[-2000:]}")
            time.sleep(0.002)

    def config(self, port: int, level: str) -> Path:
        path = self.folder / f"smsd-{level}.yaml"
        path.write_text(
            f"broker: {{url: '{self.url}', prefix: {PREFIX}}}\n"
            f"journal: {{path: {self.folder / 'journal.db'}}}\n"
            f"http: {{listen: '127.0.0.1:0'}}\nlog: {{format: json, level: {level}}}\n"
            f"providers: {{bench: {{host: 127.0.0.1, port: {port}, system_id: b, password: b, "
            f"senders: [BENCH], window: {WINDOW}, max_rate: 50000}}}}\n"
        )
        return path


def ceiling(port: int, submits: int = 200_000) -> float:
    """Submits per second of a raw client against the sink."""
    import asyncio

    pdu = struct.pack(">IIII", 70, 4, 0, 1) + bytes(54)

    async def client() -> float:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        began = time.perf_counter()
        for _ in range(submits // WINDOW):
            writer.write(pdu * WINDOW)
            await reader.readexactly(33 * WINDOW)
        writer.close()
        return submits / (time.perf_counter() - began)

    return asyncio.run(client())


def main() -> None:
    with Node() as node, tempfile.TemporaryDirectory() as folder:
        bench = Bench(node.url, Path(folder))
        with process("-m", "bench.sink", str(bench.counter_file), stdout=subprocess.PIPE) as sink:
            assert sink.stdout is not None
            port = int(sink.stdout.readline())
            config = bench.config(port, "warning")
            most = ceiling(port)
            with process("-m", "smsd", "run", "--config", str(config), stderr=subprocess.DEVNULL):
                wait_for_topology(node.url)
            bench.channel = pika.BlockingConnection(pika.URLParameters(f"{node.url}?heartbeat=0")).channel()
            commands = {
                "bare loop": ("-m", "bench.bare", node.url, PREFIX, str(port), str(WINDOW)),
                "smsd": ("-m", "smsd", "run", "--config", str(config)),
                "smsd, logging": ("-m", "smsd", "run", "--config", str(bench.config(port, "info"))),
            }
            runs: dict[str, list[Figures]] = {name: [] for name in commands}
            for turn in range(ROUNDS):
                for name, command in commands.items():
                    runs[name].append(figures := bench.run(*command))
                    print(f"round {turn + 1}: {name:13} {figures.cpu_us:6.1f} µs/message {figures.per_second:8.0f}/s")
    report(runs, most)


def wait_for_topology(url: str) -> None:
    """Until smsd has declared its queues; they stay when it ends."""
    for _ in range(300):
        time.sleep(0.1)
        connection = pika.BlockingConnection(pika.URLParameters(url))
        try:
            connection.channel().queue_declare(f"{PREFIX}.requests.bench.bulk", passive=True)
            time.sleep(1)
            return
        except pika.exceptions.ChannelClosedByBroker:
            continue
        finally:
            connection.close()
    raise SystemExit("smsd did not declare its queues")


def report(runs: dict[str, list[Figures]], most: float) -> None:
    rows = []
    for name, figures in runs.items():
        cells = [f"{min(c):,.0f} / **{statistics.median(c):,.0f}** / {max(c):,.0f}" for c in zip(*figures, strict=True)]
        rows.append(f"| {name} | {' | '.join(cells)} |")
    cpu = {name: statistics.median(f.cpu_us for f in figures) for name, figures in runs.items()}
    ratio, logging = cpu["smsd"] / cpu["bare loop"], cpu["smsd, logging"] / cpu["bare loop"]
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.machine(),
    )
    text = f"""# Performance

Written by `make bench`. Cells are min / **median** / max of {ROUNDS} runs, the two taking turns. Compare them with each
other, not with another machine: wall rates depend on what else it does, the ratio hardly.

- {datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} × {model}, Python {platform.python_version()}, pika {pika.__version__},
  RabbitMQ on the same machine, quorum queues, {MESSAGES:,} requests waiting, window {WINDOW}, no receipts asked for.
- smsd with pacer (50,000/s, so never the limit), results, metrics and the journal (`durability: power`). "logging" is
  the same with the log at `info`, its default: a JSON line per message. The bare loop has none of that: JSON in,
  struct, confirmed publish, ack (`bench/bare.py`).
- The sink answers {most:,.0f} submits/s to a raw client at the same window, so it is not the bottleneck.

| | CPU µs per message | messages/s | RSS MB |
|---|---|---|---|
{chr(10).join(rows)}

CPU per message, smsd : bare loop = **{ratio:.2f}**; with a log line per message {logging:.2f}
"""
    (ROOT / "docs" / "performance.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
