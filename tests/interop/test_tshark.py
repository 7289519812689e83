"""Wireshark reads what smsd sends, a decoder of SMPP that is not ours: no PDU of any kind is malformed to it."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rig.daemon import provider
from rig.smsc import Simulator
from rig.stage import Stage
from rig.tap import SMPP, Connection, Tap, write

LONG = "Съешь же ещё этих мягких французских булок, да выпей чаю. " * 4
TEXTS = ["hello {world} [€] ~^\\|", "Ёлка 🎄", "0123456789" * 40, LONG]
SETTINGS: dict[str, dict[str, Any]] = {
    "udh": {"senders": ["ACME", "1234", "+79000000001"], "tlvs": {"0x1401": "0a1b"}, "validity": "2h"},
    "udh16": {"version": "5.0", "long_messages": "udh16", "number_format": "plus", "service_type": "CMT"},
    "sar": {"version": "3.3", "long_messages": "sar", "system_type": "crm", "address_range": "^7900"},
    "payload": {"bind": "split", "long_messages": "payload", "priority_flag": 1, "protocol_id": 64},
    "latin": {"encodings": [{"name": "latin1", "data_coding": 3}, {"name": "utf-16-be", "data_coding": 8}]},
}
TLVS = "001e 0003 414200  0427 0001 02"  # receipted_message_id, message_state
DATA_SM = ("0000002f 00000103 00000000 00000007  00 01 01 373930303000 00 00 41434d4500 04 00 00 " + TLVS).replace(
    " ", ""
)
UNKNOWN = "00000010 00000099 00000000 00000009".replace(" ", "")

KINDS = {
    0x00000001: "bind_receiver",
    0x00000002: "bind_transmitter",
    0x00000009: "bind_transceiver",
    0x00000004: "submit_sm",
    0x00000006: "unbind",
    0x00000015: "enquire_link",
    0x80000000: "generic_nack",
    0x80000005: "deliver_sm_resp",
    0x80000006: "unbind_resp",
    0x80000015: "enquire_link_resp",
    0x80000103: "data_sm_resp",
}
"""All that smsd ever sends, core/smpp/pdus."""


def tshark(capture: Path, shown: str, *fields: str) -> list[list[str]]:
    """Of each packet that the filter shows, what tshark read of the fields: of several PDUs, all."""
    columns = [word for field in fields for word in ("-e", field)]
    command = ["tshark", "-r", capture, "-Y", shown, "-T", "fields", "-E", "aggregator=;", *columns]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [line.split("\t") for line in done.stdout.splitlines()]


def complaints(capture: Path) -> list[list[str]]:
    """What tshark holds against what smsd sent: malformed, or in Wireshark's words an error or a warning."""
    wrong = f"tcp.dstport == {SMPP} && (_ws.malformed || _ws.expert.severity >= 0x600000)"
    return tshark(capture, wrong, "frame.number", "_ws.expert.message", "smpp.command_id")


def values(capture: Path, *fields: str) -> list[set[str]]:
    """Of each field, all that tshark read in what smsd sent."""
    rows = tshark(capture, f"smpp && tcp.dstport == {SMPP}", *fields)
    return [{value for cell in column for value in cell.split(";") if value} for column in zip(*rows, strict=True)]


@pytest.fixture
def tap(stage: Stage) -> Iterator[tuple[Simulator, Tap]]:
    """A simulator that keeps its own enquire_link going, and the wire to it."""
    simulator = stage.simulator(enquire_link=1, receipts={"delay": 0, "tlvs": True})
    with Tap(simulator.port) as tap:
        yield simulator, tap


def test_tshark_finds_nothing_malformed_in_any_pdu_that_smsd_sends(
    stage: Stage, tap: tuple[Simulator, Tap], tmp_path: Path
) -> None:
    simulator, wire = tap
    often = {"interval": "500ms", "timeout": "30s", "when": "always"}
    common = {"receipts": True, "enquire_link": often, "senders": ["ACME"]}
    settings = {name: provider(wire.port, system_id=name, **{**common, **own}) for name, own in SETTINGS.items()}
    daemon = stage.daemon(settings)
    daemon.bound(*settings)
    crm = stage.crm
    ids = [crm.send(text, name) for name in settings for text in TEXTS]
    ids += [crm.send("flash", "udh", flash=True), crm.send("from a number", "udh", **{"from": "+79000000001"})]
    ids.append(crm.send("from a short number", "udh", **{"from": "1234"}))
    assert {result["status"] for result in crm.finals(ids, 60)} == {"delivered"}
    simulator.raw(DATA_SM)
    simulator.raw(UNKNOWN)
    crm.until(
        lambda: {"enquire_link", "enquire_link_resp", "generic_nack", "data_sm_resp"} <= set(simulator.received())
    )
    simulator.unbind()
    crm.until(lambda: "unbind_resp" in simulator.received())
    daemon.bound(*settings)
    assert daemon.term() == 0

    capture = tmp_path / "capture.pcap"
    wire.write(capture)
    assert complaints(capture) == []
    fields = ("command_id", "interface_version", "data_coding", "source_addr", "destination_addr")
    longs = ("sar_total_segments", "message_payload")
    kinds, versions, codings, senders, numbers, sar, payload = values(
        capture, *(f"smpp.{field}" for field in (*fields, *longs))
    )
    assert {int(kind, 16) for kind in kinds} == set(KINDS)
    assert versions == {"51", "52", "80"}
    assert {int(coding, 16) for coding in codings} == {0, 3, 8, 0x10}
    assert senders == {"ACME", "1234", "+79000000001"}
    assert numbers == {"79000000000", "+79000000000"}
    assert sar != set()
    assert payload != set()


def test_tshark_would_have_found_a_malformed_pdu(tmp_path: Path) -> None:
    capture = tmp_path / "capture.pcap"
    cut = Connection(40_000)
    cut.passed(True, bytes.fromhex("00000014" + "00000004" + "00000000" + "00000001" + "00010141"))
    write(capture, cut.packets)
    assert complaints(capture) != []
