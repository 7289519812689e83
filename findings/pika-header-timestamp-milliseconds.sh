#!/usr/bin/env bash
# pika 1.4.4 can't read a message whose header has a timestamp past the year 9999, and answers by dropping what it reads.
#
# AMQP 0-9-1 (§4.2.5.4) has a field type T: seconds since 1970 in 64 bits. A publisher that writes milliseconds there,
# as many do by mistake, is taken by RabbitMQ without a word. pika turns the field into a datetime while it decodes the
# frame, where the error is nobody's to catch: its asyncio connection is gone, the message is delivered again, and so
# on. Expected: the value as a number, or the message with that field left out.
# Seen with pika 1.4.4 on Python 3.11: `ValueError: year 58134 is out of range` out of decode_frame.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" --quiet --disable-pip-version-check install pika==1.4.4
"$work/venv/bin/python" - <<'PYTHON'
import struct
import sys

import pika
from pika import frame


def header(seconds: int) -> bytes:
    """A content header frame as a broker sends it: one header, `sent`, of type T."""
    table = b"\x04sent" + b"T" + struct.pack(">Q", seconds)
    properties = struct.pack(">H", 1 << 13) + struct.pack(">I", len(table)) + table
    payload = struct.pack(">HHQ", 60, 0, 2) + properties
    return struct.pack(">BHI", 2, 1, len(payload)) + payload + b"\xce"


print("pika", pika.__version__, "Python", sys.version.split()[0])
_, good = frame.decode_frame(header(1_772_366_400))
print("seconds:     ", good.properties.headers)
try:
    frame.decode_frame(header(1_772_366_400_000))
except ValueError as error:
    print("milliseconds: ValueError:", error)
else:
    sys.exit("it reads them now")
PYTHON
