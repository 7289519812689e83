"""Each setting of a provider that has a place in a PDU, seen there by an SMSC that reads octets."""

import asyncio
from typing import Any

import pytest
from by_hand import OK, field
from world import in_a_loop, unwritable

from smsd.core.smpp import pdus

PLAIN: dict[str, Any] = {"senders": ["ACME"]}

FLASH_240 = {"name": "gsm7", "data_coding": 0, "flash_data_coding": 240}

BIND = [
    ({"system_id": "login"}, "system_id", b"login"),
    ({"password": "secret"}, "password", b"secret"),
    ({"system_type": "VMA"}, "system_type", b"VMA"),
    ({"version": "3.3"}, "interface_version", 0x33),
    ({"version": "3.4"}, "interface_version", 0x34),
    ({"version": "5.0"}, "interface_version", 0x50),
    ({"bind_ton": 5}, "addr_ton", 5),
    ({"bind_npi": 9}, "addr_npi", 9),
    ({"address_range": "^7900"}, "address_range", b"^7900"),
]

SUBMIT = [
    ({"service_type": "CMT"}, {}, "service_type", b"CMT"),
    ({}, {}, "source_addr_ton", 5),
    ({"source_ton": 2}, {}, "source_addr_ton", 2),
    ({}, {}, "source_addr_npi", 0),
    ({"source_npi": 1}, {}, "source_addr_npi", 1),
    ({"senders": ["4815"]}, {}, "source_addr_ton", 3),
    ({"senders": ["79000000009"]}, {}, "source_addr_ton", 1),
    ({"senders": []}, {}, "source_addr_ton", 0),
    ({"senders": []}, {}, "source_addr", b""),
    ({"senders": ["ACME", "Shop"]}, {"from": "Shop"}, "source_addr", b"Shop"),
    ({"dest_ton": 2}, {}, "dest_addr_ton", 2),
    ({"dest_npi": 8}, {}, "dest_addr_npi", 8),
    ({}, {}, "destination_addr", b"79000000000"),
    ({"number_format": "plus"}, {}, "destination_addr", b"+79000000000"),
    ({"default_region": "RU"}, {"to": "8 900 000-00-00"}, "destination_addr", b"79000000000"),
    ({"protocol_id": 64}, {}, "protocol_id", 64),
    ({"priority_flag": 2}, {}, "priority_flag", 2),
    ({"validity": "90m"}, {}, "validity_period", b"000000013000000R"),
    ({"receipts": True}, {}, "registered_delivery", 1),
    ({"receipts": True}, {"receipt": False}, "registered_delivery", 0),
    ({"encodings": [{"name": "gsm7", "data_coding": 1}]}, {}, "data_coding", 1),
    ({"encodings": [{"name": "ucs2", "data_coding": 2}]}, {"text": "Привет"}, "data_coding", 2),
    ({"encodings": [{"name": "latin1", "data_coding": 3}]}, {"text": "Zoë"}, "data_coding", 3),
    ({"encodings": [{"name": "cp1251", "data_coding": 6}]}, {"text": "Да"}, "short_message", "Да".encode("cp1251")),
    ({"encoding": "ucs2"}, {}, "data_coding", 8),
    ({}, {"flash": True}, "data_coding", 0x10),
    ({"encodings": [FLASH_240]}, {"flash": True}, "data_coding", 240),
    ({"long_messages": "udh"}, {"text": "x" * 200}, "esm_class", 0x40),
    ({"long_messages": "udh16"}, {"text": "x" * 200}, "esm_class", 0x40),
    ({"long_messages": "sar"}, {"text": "x" * 200}, "esm_class", 0),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "name", "value"), BIND, ids=lambda part: repr(part)[:40])
def test_the_bind_says(settings: dict[str, Any], name: str, value: object) -> None:
    @in_a_loop
    async def scene() -> None:
        async with field(**settings) as f:
            assert (await f.smsc.hears(pdus.BIND_TRANSCEIVER)).fields[name] == value

    scene()


@pytest.mark.parametrize(
    ("kind", "command"), [("transmitter", pdus.BIND_TRANSMITTER), ("receiver", pdus.BIND_RECEIVER)]
)
def test_the_bind_is_of_the_kind(kind: str, command: int) -> None:
    @in_a_loop
    async def scene() -> None:
        async with field(bind=kind) as f:
            await f.smsc.hears(command)
            assert [pdu.command for pdu in f.smsc.received] == [command]

    scene()


@pytest.mark.parametrize(("settings", "request_", "name", "value"), SUBMIT, ids=lambda part: repr(part)[:40])
def test_a_submit_sm_says(settings: dict[str, Any], request_: dict[str, Any], name: str, value: object) -> None:
    @in_a_loop
    async def scene() -> None:
        async with field(**(PLAIN | settings)) as f:
            f.flow.come(f.flow.request(**request_))
            assert (await f.smsc.hears(pdus.SUBMIT_SM)).fields[name] == value

    scene()


@pytest.mark.parametrize(
    ("settings", "request_", "tag", "value"),
    [
        ({"tlvs": {"0x1401": "0a0b"}}, {}, 0x1401, b"\x0a\x0b"),
        ({"tlvs": {"0x1401": "0a0b"}}, {"tlvs": {"0x1401": "ff"}}, 0x1401, b"\xff"),
        ({"long_messages": "payload"}, {"text": "x" * 200}, 0x0424, b"x" * 200),
        ({"long_messages": "sar"}, {"text": "x" * 200}, 0x020E, b"\x02"),
    ],
    ids=lambda part: repr(part)[:40],
)
def test_a_submit_sm_has_the_tlv(settings: dict[str, Any], request_: dict[str, Any], tag: int, value: bytes) -> None:
    @in_a_loop
    async def scene() -> None:
        async with field(**settings) as f:
            f.flow.come(f.flow.request(**request_))
            assert (await f.smsc.hears(pdus.SUBMIT_SM)).tlv(tag) == value

    scene()


@pytest.mark.parametrize("settings", [{}, {"deliver_fail_status": "0x08"}], ids=repr)
def test_a_deliver_sm_that_can_not_be_made_safe_is_answered(settings: dict[str, Any]) -> None:
    @in_a_loop
    async def scene() -> None:
        async with field(**settings) as f:
            await f.flow.settle()
            with unwritable(f.flow.journal):
                f.flow.journal.park("p", b"makes the trouble show")
                while f.flow.journal.trouble is None:
                    await asyncio.sleep(0.001)
                refused = await f.deliver(b"hello", esm_class=0)
            while f.flow.journal.trouble is not None:
                await asyncio.sleep(0.01)
            assert (refused, await f.deliver(b"hello", esm_class=0)) == (0x08 if settings else 0x14, OK)

    scene()
