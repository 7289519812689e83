"""The bare loop that smsd is measured beside: consume JSON, struct submit_sm, confirmed publish, ack; nothing else.

No pacing, validation, segmentation, metrics, logging, retries, duplicates. pika as it comes; acks with multiple=True.
python -m bench.bare AMQP_URL PREFIX SMSC_PORT WINDOW
"""

import asyncio
import json
import struct
import sys
from collections import deque
from typing import Any

import pika
from pika.adapters.asyncio_connection import AsyncioConnection

HEADER = struct.Struct(">IIII")


class Bare(asyncio.Protocol):
    def __init__(self, url: str, prefix: str, window: int) -> None:
        self.prefix, self.window = prefix, window
        self.waiting: deque[tuple[int, dict[str, Any]]] = deque()
        self.in_flight: dict[int, tuple[int, dict[str, Any]]] = {}
        self.unconfirmed: dict[int, int] = {}
        self.sequence = self.tag = 0
        self.rest = b""
        self.connection = AsyncioConnection(pika.URLParameters(url), on_open_callback=self.opened)
        self.properties = pika.BasicProperties(content_type="application/json", delivery_mode=2)

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(HEADER.pack(26, 9, 0, 1) + b"b\0b\0\0\x34\0\0\0\0")

    def opened(self, connection: Any) -> None:
        connection.channel(on_open_callback=self.channel_opened)

    def channel_opened(self, channel: Any) -> None:
        self.channel = channel
        channel.confirm_delivery(self.confirmed)
        channel.basic_qos(prefetch_count=500)
        channel.basic_consume(f"{self.prefix}.requests.bench.normal", self.delivered)

    def delivered(self, _: Any, method: Any, __: Any, body: bytes) -> None:
        self.waiting.append((method.delivery_tag, json.loads(body)))
        self.pump()

    def pump(self) -> None:
        out = []
        while self.waiting and len(self.in_flight) < self.window:
            tag, request = self.waiting.popleft()
            self.sequence += 1
            text = request["text"].encode("utf-16-be")
            body = b"\0\5\0BENCH\0\1\1%b\0\0\0\0\0\0\0\0\x08\0%c%b" % (request["to"].encode(), len(text), text)
            out.append(HEADER.pack(16 + len(body), 4, 0, self.sequence) + body)
            self.in_flight[self.sequence] = (tag, request)
        if out:
            self.transport.write(b"".join(out))

    def data_received(self, data: bytes) -> None:
        data = self.rest + data
        at, end = 0, len(data)
        while end - at >= 16:
            length, command, status, sequence = HEADER.unpack_from(data, at)
            if end - at < length:
                break
            if command == 0x80000004:
                tag, request = self.in_flight.pop(sequence)
                smsc_id = data[at + 16 : at + length - 1].decode()
                result = json.dumps({"id": request["id"], "status": "sent", "smsc_id": smsc_id, "code": status})
                self.tag += 1
                self.unconfirmed[self.tag] = tag
                self.channel.basic_publish(f"{self.prefix}.results", "bench.sent", result.encode(), self.properties)
            at += length
        self.rest = data[at:]
        self.pump()

    def confirmed(self, frame: Any) -> None:
        method = frame.method
        if method.multiple:
            tags = [tag for tag in self.unconfirmed if tag <= method.delivery_tag]
        else:
            tags = [method.delivery_tag]
        # The sink answers in order, so results are confirmed in the order of their requests.
        self.channel.basic_ack(max(self.unconfirmed.pop(tag) for tag in tags), multiple=True)


async def main() -> None:
    url, prefix, port, window = sys.argv[1:5]
    loop = asyncio.get_running_loop()
    await loop.create_connection(lambda: Bare(url, prefix, int(window)), "127.0.0.1", int(port))
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
