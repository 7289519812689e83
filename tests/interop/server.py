"""An SMSC made of PyPI's `smpp34`, in Rust: the same as server.js.  Usage: python server.py PORT"""

import asyncio
import itertools
import json
import sys
from typing import Any

import gsm0338
import smpp34

UDHI = 0x40


def tell(event: str, **facts: Any) -> None:
    print(json.dumps({"event": event, **facts}), flush=True)


def read(submit: smpp34.SubmitSmEvent) -> tuple[str, str]:
    """The text of a segment, and its user data header in hex without the length."""
    octets, header = submit.short_message, b""
    if submit.esm_class & UDHI:
        header, octets = octets[1 : 1 + octets[0]], octets[1 + octets[0] :]
    text = octets.decode("utf-16-be") if submit.data_coding == 8 else gsm0338.Codec().decode(octets)[0]
    return text, header.hex()


async def greet(esme: smpp34.Esme) -> None:
    """One message from a handset."""
    text = "Привет от smpp34".encode("utf-16-be")
    answer = await esme.deliver_sm("ACME", text, source_addr="79000000001", data_coding=8)
    tell("answered", status=answer.command_status)


async def send_receipt(esme: smpp34.Esme, to: str, sender: str, message_id: str) -> None:
    dates = "submit date:2601010000 done date:2601010000"
    text = f"id:{message_id} sub:001 dlvrd:001 {dates} stat:DELIVRD err:000 text:"
    await esme.deliver_sm(sender, text.encode(), source_addr=to, esm_class=0x04)


async def serve(port: int) -> None:
    server = smpp34.Server("127.0.0.1", port, system_id="smpp34")
    await server.start()
    tell("listening")
    numbers, sessions, tasks = itertools.count(1), {}, set()
    while True:
        event = await server.next()
        if isinstance(event, smpp34.Esme):
            sessions[event.session_id] = event
            tasks.add(asyncio.create_task(greet(event)))
        elif isinstance(event, smpp34.SubmitSmEvent):
            message_id = f"rust-{next(numbers)}"
            event.accept(message_id)
            text, udh = read(event)
            to, sender = event.destination_addr, event.source_addr
            tell("submit", to=to, **{"from": sender}, text=text, udh=udh)
            if event.registered_delivery & 1:
                receipt = send_receipt(sessions[event.session_id], to, sender, message_id)
                tasks.add(asyncio.create_task(receipt))
        else:
            tell("unbound")


asyncio.run(serve(int(sys.argv[1])))
