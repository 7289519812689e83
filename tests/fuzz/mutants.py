"""PDUs as no SMSC should send them, and what a well-framed one of them must be answered with."""

import json
from collections.abc import Sequence
from pathlib import Path
from random import Random

from rig.wounds import wound

from smsd.core.smpp import pdus
from smsd.core.smpp.codec import HEADER, MIN_PDU, Pdu, Tlvs, Value, encode

RECEIPTS = Path(__file__).parents[1] / "data" / "receipts.jsonl"
OF_MUTANTS = 0x40000000
"""Sequence numbers from here on are mutants': the daemon, which counts from 1, has asked nothing by them."""
ODD_SEQUENCES = (OF_MUTANTS, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
UNKNOWN = (0, 0x0A, 0x0C, 0x111, 0x10200, 0x40000005, 0x7FFFFFFF)
"""Commands that SMPP 3.4 does not have."""
MESSAGES = 400
"""Different deliver_sm and data_sm to be mutated."""
MESSAGE_SHARE = 0.6
"""Of the mutants, made from deliver_sm and data_sm."""
ODD_SHARE = 0.01
OWN_ANSWER = {pdus.DELIVER_SM, pdus.DATA_SM, pdus.ENQUIRE_LINK}
NO_ANSWER = {pdus.ALERT_NOTIFICATION, pdus.OUTBIND}


def key_of_answer(frame: bytes) -> tuple[int, int] | None:
    """Command and sequence number of the answer that a well-framed PDU must get, exactly once; None: it gets none."""
    _, command, _, sequence = HEADER.unpack_from(frame)
    if command & pdus.RESPONSE or command in NO_ANSWER:
        return None
    return (command | pdus.RESPONSE if command in OWN_ANSWER else pdus.GENERIC_NACK), sequence


class Mutants:
    """PDUs with one to four wounds, the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        receipts = [json.loads(line) for line in RECEIPTS.read_text().splitlines()]
        texts = [bytes.fromhex(receipt["short_message_hex"]) for receipt in receipts]
        self._messages = [_message(self.chance, texts) for _ in range(MESSAGES)]
        self._others = _others()
        self._number = OF_MUTANTS

    def well_framed(self) -> bytes:
        """A mutant whose command_length is right, so that what follows it can be read; no unbind."""
        while True:
            mutant = self._wounded()
            mutant.extend(bytes(max(0, MIN_PDU - len(mutant))))
            _, command, status, sequence = HEADER.unpack_from(mutant)
            if command != pdus.UNBIND:
                break
        if self.chance.random() < ODD_SHARE:
            sequence = self.chance.choice(ODD_SEQUENCES)
        else:
            self._number = sequence = max(OF_MUTANTS, (self._number + 1) & 0x7FFFFFFF)
        HEADER.pack_into(mutant, 0, len(mutant), command, status, sequence)
        return bytes(mutant)

    def badly_framed(self) -> bytes:
        """A mutant whose command_length is wrong, and octets without meaning that go on for longer than any PDU."""
        mutant = bytearray(self.well_framed())
        wrong = (0, 1, MIN_PDU - 1, len(mutant) - 1, len(mutant) + 1, len(mutant) + 40, 60_000, 65_537, 0xFFFFFFFF)
        mutant[:4] = self.chance.choice(wrong).to_bytes(4, "big")
        return bytes(mutant) + b"\xff" * 70_000

    def _wounded(self) -> bytearray:
        chance = self.chance
        mutant = bytearray(chance.choice(self._messages if chance.random() < MESSAGE_SHARE else self._others))
        for _ in range(chance.randrange(4) + 1):
            wound(mutant, self._others, chance)
        return mutant


def _message(chance: Random, receipts: Sequence[bytes]) -> bytes:
    """A message from a handset in one of its many forms, or a receipt of no message of ours."""
    fields: dict[str, Value] = {
        "source_addr_ton": 1,
        "source_addr_npi": 1,
        "source_addr": b"7900001%04d" % chance.randrange(10_000),
        "destination_addr": b"ACME",
    }
    tlvs: Tlvs = ()
    form = chance.randrange(8)
    reference, total, number = chance.randrange(256), chance.randrange(2, 5), chance.randrange(1, 5)
    if form < 3:
        fields |= {"esm_class": chance.choice((0, 4, 4, 8, 0x20)), "short_message": chance.choice(receipts)[:254]}
        tlvs = ((pdus.TLV_RECEIPTED_MESSAGE_ID, b"f%x\0" % chance.randrange(1 << 32)), (pdus.TLV_MESSAGE_STATE, b"\2"))
    elif form == 3:
        part = bytes((5, 0, 3, reference, total, number)) + b"a part of a message"
        fields |= {"esm_class": 0x40, "short_message": part}
    elif form == 4:
        fields["short_message"] = b"a part by TLVs"
        sar = (pdus.TLV_SAR_MSG_REF_NUM, pdus.TLV_SAR_TOTAL_SEGMENTS, pdus.TLV_SAR_SEGMENT_SEQNUM)
        values = (bytes((0, reference)), bytes((total,)), bytes((number,)))
        tlvs = tuple(zip(sar, values, strict=True))
    elif form == 5:
        tlvs = ((pdus.TLV_MESSAGE_PAYLOAD, chance.randbytes(chance.choice((1, 300, 2_000)))), (0x1403, bytes(9)))
        fields["data_coding"] = chance.choice((0, 4, 8))
    else:
        fields |= {"data_coding": chance.randrange(256), "short_message": "Привет, мир".encode("utf-16-be")}
    if form == 5 and chance.random() < 0.8:
        return encode(Pdu(pdus.DATA_SM, 0, OF_MUTANTS, fields, tlvs))
    return encode(Pdu(pdus.DELIVER_SM, 0, OF_MUTANTS, fields, tlvs))


def _others() -> list[bytes]:
    """Every other PDU: answers to nothing, requests that are none of a provider's business, commands nobody knows."""
    values = {pdus.INT: 1, pdus.CSTRING: b"1234", pdus.SHORT_MESSAGE: b"id:f1 sub:001 dlvrd:001 stat:DELIVRD err:000"}
    known = [
        encode(Pdu(command, 0, OF_MUTANTS, {name: values[kind] for name, kind, _ in spec}, ((0x1403, bytes(9)),)))
        for command, spec in pdus.FIELDS.items()
        if command != pdus.UNBIND
    ]
    unknown = [HEADER.pack(MIN_PDU + 4, command, 0, OF_MUTANTS) + b"body" for command in UNKNOWN]
    return known + unknown
