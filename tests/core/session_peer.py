"""The other side of a session in tests: what an SMSC sends, and what it got."""

from smsd.core.smpp import pdus
from smsd.core.smpp.codec import HEADER, Framer, Pdu, Tlvs, Value, decode, encode, encode_body
from smsd.core.smpp.session import Limits, Session

LIMITS = Limits(
    window=3, submit_timeout=60.0, bind_timeout=10.0, enquire_interval=30.0, enquire_timeout=20.0, enquire_always=False
)
LOGIN: dict[str, Value] = {"system_id": b"acme", "password": b"secret", "interface_version": 0x34}
BODY = encode_body(pdus.SUBMIT_SM, {"destination_addr": b"79000000000", "short_message": b"Hi"})


def frame(command: int, sequence: int = 1, status: int = 0, tlvs: Tlvs = (), **fields: Value) -> bytes:
    """A PDU of the SMSC."""
    return encode(Pdu(command, status, sequence, fields, tlvs))


def header(command: int, sequence: int = 1, status: int = 0) -> bytes:
    """A PDU of 16 octets, whatever the tables say of its command."""
    return HEADER.pack(16, command, status, sequence)


def sent(session: Session) -> list[Pdu]:
    """What the session has written since the last look."""
    return [decode(octets) for octets in Framer().feed(session.data_to_send())]


def connected(kind: str = "transceiver", now: float = 0.0, limits: Limits = LIMITS) -> Session:
    """A session that has sent its bind, with sequence_number 1."""
    session = Session(kind, LOGIN, limits)
    session.connected(now)
    session.data_to_send()
    return session


def bound(kind: str = "transceiver", now: float = 0.0, limits: Limits = LIMITS) -> Session:
    """A session whose bind was accepted; its next sequence_number is 2."""
    session = connected(kind, now, limits)
    session.receive_data(frame(pdus.BIND_TRANSCEIVER_RESP, 1, system_id=b"smsc"), now)
    return session
