"""200 000 damaged PDUs: nothing but RemoteProtocolError from the codec, nothing from the session, flat memory."""

import random
import tracemalloc
from collections.abc import Iterator

import pytest
from rig.wounds import wound
from session_peer import LIMITS, bound, connected

from smsd.core.errors import RemoteProtocolError
from smsd.core.smpp import pdus
from smsd.core.smpp.codec import MAX_PDU, MIN_PDU, Pdu, decode, encode
from smsd.core.smpp.events import Answered, Closed, Malformed
from smsd.core.smpp.session import Session
from smsd.core.smpp.states import State

MUTANTS = 200_000
SEED = 20_240_607
WATCHED = MUTANTS // 10
FLAT = 1024 * 1024
"""Octets that may be held at any moment: several MAX_PDU, and less than WATCHED PDUs of any kind would take."""


def whole_pdus() -> list[bytes]:
    """One PDU of each kind, all fields full, with TLVs that a provider may send, for the first request of a session."""
    tlvs = ((pdus.TLV_RECEIPTED_MESSAGE_ID, b"18d0e03a\0"), (pdus.TLV_MESSAGE_STATE, b"\x02"), (0x1403, bytes(9)))
    values = {pdus.INT: 1, pdus.CSTRING: b"1234", pdus.SHORT_MESSAGE: b"id:1234 sub:001 dlvrd:001 stat:DELIVRD err:000"}
    return [
        encode(Pdu(command, 0, 2, {name: values[kind] for name, kind, _ in spec}, tlvs))
        for command, spec in pdus.FIELDS.items()
    ]


def mutants(count: int, wrong_lengths: float) -> Iterator[bytes]:
    """Whole PDUs with one to four wounds. In all but a share of them the command_length is set right again, or no
    wound but one of the length itself would ever reach the body."""
    chance = random.Random(SEED)
    whole = whole_pdus()
    for _ in range(count):
        mutant = bytearray(chance.choice(whole))
        for _ in range(chance.randrange(4) + 1):
            wound(mutant, whole, chance)
        if chance.random() >= wrong_lengths:
            mutant.extend(bytes(max(0, MIN_PDU - len(mutant))))
            mutant[:4] = len(mutant).to_bytes(4, "big")
        yield bytes(mutant)


@pytest.fixture(autouse=True)
def _memory_unwatched() -> Iterator[None]:
    yield
    tracemalloc.stop()


def watched(wrong_lengths: float) -> Iterator[bytes]:
    """All the mutants. Fails if memory piles up over the last tenth of them (watching takes six times as long)."""
    for number, mutant in enumerate(mutants(MUTANTS, wrong_lengths)):
        if number == MUTANTS - WATCHED:
            tracemalloc.start()
        yield mutant
    _, most = tracemalloc.get_traced_memory()
    assert most < FLAT


@pytest.mark.timeout(60)
def test_a_damaged_pdu_raises_nothing_but_remote_protocol_error() -> None:
    read = refused = 0
    for mutant in watched(wrong_lengths=0.5):
        try:
            decode(mutant)
        except RemoteProtocolError:
            refused += 1
        else:
            read += 1
    assert read + refused == MUTANTS
    assert min(read, refused) > MUTANTS // 5, "the wounds are too deep or too shallow to try anything"


def living_session(turn: int) -> Session:
    """A session in each state that can receive, with requests that wait."""
    if turn % 4 == 0:
        return connected()
    session = bound()
    for context in range(session.room()):
        session.submit(b"", context, 0.0)
    if turn % 4 == 1:
        session.unbind(0.0)
    session.data_to_send()
    return session


@pytest.mark.timeout(60)
def test_a_session_raises_nothing_whatever_it_receives_and_loses_no_request() -> None:
    seen = {Answered: 0, Malformed: 0, Closed: 0}
    sessions = 0
    session = living_session(sessions)
    open_contexts = session.unanswered()
    for mutant in watched(wrong_lengths=0.005):  # a wrong length costs a session its framing, and with it many mutants
        for event in session.receive_data(mutant, 1.0):
            if type(event) in seen:
                seen[type(event)] += 1
            if isinstance(event, Answered):
                open_contexts -= 1
            elif isinstance(event, Closed):
                open_contexts -= len(event.lost)
        session.data_to_send()
        assert session.window_used == session.unanswered() == open_contexts
        if session.state is State.CLOSED:
            assert open_contexts == 0
            sessions += 1
            session = living_session(sessions)
            open_contexts = session.unanswered()
    assert seen[Closed] == sessions
    assert min(seen.values()) > 1_000, "the wounds are too deep or too shallow to try anything"


def test_a_session_holds_no_more_octets_than_the_longest_pdu() -> None:
    session = bound()
    header = MAX_PDU.to_bytes(4, "big")
    tracemalloc.start()
    session.receive_data(header, 0.0)
    for _ in range(MAX_PDU // 1024 - 1):
        session.receive_data(bytes(1024), 0.0)
    kept, _ = tracemalloc.get_traced_memory()
    assert MAX_PDU - 2048 < kept < 2 * MAX_PDU
    assert session.room() == LIMITS.window
