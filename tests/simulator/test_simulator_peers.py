"""Independent clients at the simulated SMSC: what we call SMPP, others must too."""

import asyncio
import socket
from typing import Any

import smpplib.client
import smpplib.consts
from esme import PATIENCE, smsc_with


def test_smpplib_binds_submits_and_gets_its_receipt() -> None:
    seen: list[Any] = []

    def session(port: int) -> None:
        client = smpplib.client.Client("127.0.0.1", port, timeout=PATIENCE, allow_unknown_opt_params=True)
        client.set_message_sent_handler(lambda pdu: seen.append(("sent", pdu.message_id.decode())))
        client.set_message_received_handler(lambda pdu: seen.append(("receipt", pdu.short_message, pdu.message_state)))
        client.connect()
        client.bind_transceiver(system_id="acme", password="secret")
        client.send_message(
            source_addr_ton=smpplib.consts.SMPP_TON_ALNUM,
            source_addr="ACME",
            dest_addr_ton=smpplib.consts.SMPP_TON_INTL,
            destination_addr="79000000000",
            short_message=b"hello",
            registered_delivery=True,
        )
        client.read_once()
        client.read_once()
        client.unbind()
        client.disconnect()

    async def scene() -> list[dict[str, Any]]:
        rules = {"credentials": {"acme": "secret"}, "receipts": {"delay": 0.01, "tlvs": True}}
        async with smsc_with(**rules) as smsc:
            await asyncio.to_thread(session, smsc.port)
            return smsc.record.deliveries()

    deliveries = asyncio.run(scene())
    (_, message_id), (_, receipt, state) = seen
    assert receipt.startswith(f"id:{message_id} ".encode())
    assert b"stat:DELIVRD" in receipt
    assert state == 2
    assert [delivery["status"] for delivery in deliveries] == [0]


def test_a_submit_that_comes_octet_by_octet_is_answered_once_it_is_whole() -> None:
    def session(port: int) -> bytes:
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as peer:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for octet in bytes.fromhex("00000010000000150000000000000007"):
                peer.send(bytes((octet,)))
            return peer.recv(1024)

    async def scene() -> bytes:
        async with smsc_with() as smsc:
            return await asyncio.to_thread(session, smsc.port)

    assert asyncio.run(scene()) == bytes.fromhex("00000010800000150000000000000007")
