"""What went over the wire, PDU by PDU, for an operator who must show it to the provider's support (`log.pdus`).

PDUs hold texts and whole numbers: nobody gets to see them unless the setting says so. Passwords stay out all the same.
"""

from collections.abc import Iterable

import structlog

from smsd.core.life import PDU
from smsd.core.message import Message, Part
from smsd.core.smpp import pdus, status
from smsd.core.smpp.codec import HEADER, MIN_PDU, masked
from smsd.flow.ports import Journal

log = structlog.get_logger("smsd.pdu")

OUT, IN = "out", "in"


class Wire:
    """Tells the PDUs of one provider: all of them to the log, those about a message to the journal as well."""

    def __init__(self, provider: str, journal: Journal) -> None:
        self._provider = provider
        self._journal = journal

    def sent(self, kind: str, octets: bytes) -> None:
        """Whole PDUs, one behind the other, as they are written."""
        at = 0
        while at < len(octets):
            length = HEADER.unpack_from(octets, at)[0]
            self._tell(OUT, kind, octets[at : at + length])
            at += length

    def received(self, kind: str, frames: Iterable[bytes]) -> None:
        for frame in frames:
            self._tell(IN, kind, frame)

    def about(self, message: Message, part: Part, direction: str, frame: bytes) -> None:
        """One PDU of a message's life."""
        self._journal.note(message, PDU, segment=part.n, direction=direction, hex=frame.hex())

    def _tell(self, direction: str, kind: str, frame: bytes) -> None:
        if len(frame) < MIN_PDU:  # the framer's own complaint says the rest
            log.info("pdu", provider=self._provider, bind=kind, direction=direction, hex=frame.hex())
            return
        _, command, command_status, sequence = HEADER.unpack_from(frame)
        log.info(
            "pdu",
            provider=self._provider,
            bind=kind,
            direction=direction,
            pdu=pdus.name(command),
            status=status.name(command_status),
            sequence=sequence,
            hex=masked(frame).hex(),
        )
