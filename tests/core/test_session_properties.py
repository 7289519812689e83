"""What holds for a session whatever happens to it, in whatever order and however the stream is cut."""

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from pdu_strategies import UINT32, any_pdu, fields
from session_peer import BODY, LIMITS, bound, connected, frame, header

from smsd.core.smpp import pdus
from smsd.core.smpp.codec import Pdu, encode
from smsd.core.smpp.events import Answered, Arrived, Closed, Event, Malformed, TimedOut
from smsd.core.smpp.states import State

# --- however the stream is cut

SEQUENCES = st.integers(0, 5) | UINT32
TRANSCRIPT = st.lists(
    st.one_of(
        any_pdu().map(encode),
        st.builds(frame, st.sampled_from([pdus.SUBMIT_SM_RESP, pdus.GENERIC_NACK, pdus.ENQUIRE_LINK]), SEQUENCES),
        st.builds(header, st.sampled_from([pdus.DELIVER_SM, pdus.SUBMIT_SM, 0x00010203]), SEQUENCES),
        st.just(b"\xff\xff\xff\xff rubbish"),
    ),
    max_size=8,
).map(b"".join)


def told(stream: bytes, cuts: list[int], *, bind_first: bool) -> tuple[list[Event], bytes, State]:
    """All that a session with three open requests makes of the stream."""
    session = connected() if bind_first else bound()
    for context in range(session.room()):
        session.submit(BODY, context, 0.0)
    session.data_to_send()
    events: list[Event] = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        events += session.receive_data(stream[start:end], 1.0)
    return [cut_to_what_is_sure(event) for event in events], session.data_to_send(), session.state


def cut_to_what_is_sure(event: Event) -> Event:
    """Of a stream that lost its framing the hex shows what has come so far, for people: only four octets are sure."""
    if isinstance(event, Malformed) and event.sentence.startswith("command_length"):
        return Malformed(event.sentence, event.pdu_hex[:8])
    return event


@given(TRANSCRIPT, st.booleans(), st.data())
@settings(deadline=None, max_examples=200)
def test_a_session_tells_the_same_however_the_stream_is_cut(
    stream: bytes, bind_first: bool, data: st.DataObject
) -> None:
    whole = told(stream, [], bind_first=bind_first)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    assert told(stream, cuts, bind_first=bind_first) == whole
    assert told(stream, list(range(1, len(stream))), bind_first=bind_first) == whole


# --- whatever happens

PEER_ANSWERS = st.sampled_from([pdus.SUBMIT_SM_RESP, pdus.GENERIC_NACK, pdus.QUERY_SM_RESP, pdus.ENQUIRE_LINK_RESP])


class AnyLife(RuleBasedStateMachine):
    """A session under any order of what its owner, its peer and the clock can do.

    Each request must end exactly once: answered, timed out (and then perhaps answered late), or lost.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.session = connected()
        self.submitted: set[int] = set()
        self.queried: set[int] = set()
        self.ended: set[int] = set()
        self.late: set[int] = set()
        self.timed_out: set[int] = set()
        self.closed = 0

    @initialize(accepted=st.booleans())
    def bind_resp(self, accepted: bool) -> None:
        self.take(self.session.receive_data(frame(pdus.BIND_TRANSCEIVER_RESP, status=0 if accepted else 0x0D), 0.0))

    def take(self, events: list[Event]) -> None:
        for event in events:
            assert not self.closed, f"{event} after Closed"
            if isinstance(event, Answered) and event.late:
                assert event.context in self.timed_out - self.late
                self.late.add(event.context)
            elif isinstance(event, Answered):
                self.end(event.context)
            elif isinstance(event, TimedOut):
                self.timed_out.add(event.context)
                self.end(event.context)
            elif isinstance(event, Arrived):
                self.session.answer(event.pdu)
            elif isinstance(event, Closed):
                assert list(event.lost) == sorted(event.lost)
                for context in event.lost:
                    self.end(context)
                self.closed += 1

    def end(self, context: int) -> None:
        assert context in (self.submitted | self.queried) - self.ended
        self.ended.add(context)

    def next_context(self) -> int:
        return len(self.submitted) + len(self.queried)

    @precondition(lambda self: self.session.room())
    @rule()
    def submit(self) -> None:
        context = self.next_context()
        self.submitted.add(context)
        self.session.submit(BODY, context, self.now)

    @precondition(lambda self: self.session.state is State.BOUND)
    @rule()
    def query(self) -> None:
        context = self.next_context()
        self.queried.add(context)
        self.session.request(pdus.QUERY_SM, {"message_id": b"1"}, context, self.now)

    @rule(command=PEER_ANSWERS, sequence=st.integers(0, 12), status=st.sampled_from([0, 0x58]))
    def peer_answers(self, command: int, sequence: int, status: int) -> None:
        self.take(self.session.receive_data(frame(command, sequence, status), self.now))

    @rule(sequence=UINT32, values=fields(pdus.DELIVER_SM))
    def peer_delivers(self, sequence: int, values: dict[str, int | bytes]) -> None:
        self.take(self.session.receive_data(encode(Pdu(pdus.DELIVER_SM, 0, sequence, values)), self.now))

    @rule(octets=st.sampled_from([frame(pdus.UNBIND, 1), frame(pdus.UNBIND_RESP, 2), b"\xff" * 4]))
    def peer_ends(self, octets: bytes) -> None:
        self.take(self.session.receive_data(octets, self.now))

    @rule(seconds=st.floats(0.0, 70.0))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.take(self.session.tick(self.now))

    @precondition(lambda self: self.session.deadline() is not None)
    @rule()
    def deadline_comes(self) -> None:
        self.now = max(self.now, self.session.deadline() or 0.0)
        self.take(self.session.tick(self.now))
        after = self.session.deadline()
        assert after is None or after > self.now, "the owner would call tick without end"

    @precondition(lambda self: self.session.state is State.BOUND)
    @rule()
    def unbind(self) -> None:
        self.session.unbind(self.now)

    @rule()
    def connection_goes(self) -> None:
        self.take(self.session.disconnected("reset by peer", self.now))

    @invariant()
    def the_window_holds_what_has_not_ended(self) -> None:
        assert self.session.window_used == len(self.submitted - self.ended)
        still_open = (self.submitted | self.queried) - self.ended
        assert list(self.session.waiting()) == sorted(still_open)
        assert self.session.unanswered() == len(still_open)
        assert 0 <= self.session.room() <= LIMITS.window

    @invariant()
    def a_closed_session_has_said_so_once_and_left_nothing_open(self) -> None:
        assert self.closed == (self.session.state is State.CLOSED)
        if self.closed:
            assert self.ended == self.submitted | self.queried
            assert self.session.deadline() is None


AnyLife.TestCase.settings = settings(deadline=None, max_examples=100, stateful_step_count=30)
TestAnyLife = AnyLife.TestCase
