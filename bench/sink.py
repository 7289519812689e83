"""An SMSC that does nothing but say yes: struct and a counter in shared memory, so that it is never the bottleneck.

python -m bench.sink COUNTER_FILE: prints its port; the file's first 8 octets count the submit_sm answered.
"""

import asyncio
import mmap
import struct
import sys

HEADER = struct.Struct(">IIII")
COUNT = struct.Struct("=Q")


class Sink(asyncio.Protocol):
    """Answers every PDU of one read with one write."""

    def __init__(self, counter: mmap.mmap) -> None:
        self.counter = counter
        self.rest = b""
        self.number = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.rest:
            data = self.rest + data
        at, end, answers, submits = 0, len(data), [], 0
        while end - at >= 16:
            length, command, _, sequence = HEADER.unpack_from(data, at)
            if end - at < length:
                break
            at += length
            if command == 0x04:
                self.number += 1
                submits += 1
                answers.append(HEADER.pack(33, 0x80000004, 0, sequence) + b"%016x\0" % self.number)
            elif command < 0x80000000:
                body = b"sink\0" if command in (1, 2, 9) else b""
                answers.append(HEADER.pack(16 + len(body), command | 0x80000000, 0, sequence) + body)
        self.rest = data[at:]
        self.transport.write(b"".join(answers))
        if submits:
            COUNT.pack_into(self.counter, 0, COUNT.unpack_from(self.counter, 0)[0] + submits)


async def serve(path: str) -> None:
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), 8) as counter:
        server = await asyncio.get_running_loop().create_server(lambda: Sink(counter), "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
