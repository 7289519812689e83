"""Every state of an SMPP session and every way from one to another, in one table (SMPP 3.4 §2.2).

Whatever changes the state of a session goes through `move`; the diagram in docs/smpp-session.md is made from the table.
"""

from enum import StrEnum

from smsd.core.errors import LocalProtocolError


class State(StrEnum):
    """Where a session stands. `BOUND` is one state: what a bind may do is said by its kind."""

    CLOSED = "closed"
    BINDING = "binding"
    BOUND = "bound"
    UNBINDING = "unbinding"


class Step(StrEnum):
    """What can happen to a session."""

    CONNECTED = "connected, bind sent"
    BIND_ACCEPTED = "bind_resp 0"
    BIND_REFUSED = "bind_resp with an error, or none within bind_timeout"
    UNBIND_SENT = "unbind sent"
    UNBIND_ANSWERED = "unbind_resp, or none in time"
    PEER_UNBOUND = "unbind received, unbind_resp sent"
    LOST = "connection lost, framing lost, or no answer to enquire_link"


TRANSITIONS: dict[tuple[State, Step], State] = {
    (State.CLOSED, Step.CONNECTED): State.BINDING,
    (State.BINDING, Step.BIND_ACCEPTED): State.BOUND,
    (State.BINDING, Step.BIND_REFUSED): State.CLOSED,
    (State.BINDING, Step.PEER_UNBOUND): State.CLOSED,
    (State.BINDING, Step.LOST): State.CLOSED,
    (State.BOUND, Step.UNBIND_SENT): State.UNBINDING,
    (State.BOUND, Step.PEER_UNBOUND): State.CLOSED,
    (State.BOUND, Step.LOST): State.CLOSED,
    (State.UNBINDING, Step.UNBIND_ANSWERED): State.CLOSED,
    (State.UNBINDING, Step.PEER_UNBOUND): State.CLOSED,
    (State.UNBINDING, Step.LOST): State.CLOSED,
}


def move(state: State, step: Step) -> State:
    """The state after `step`. Raises LocalProtocolError where the table has no such way: that is a bug of ours."""
    try:
        return TRANSITIONS[state, step]
    except KeyError:
        raise LocalProtocolError(f"a session that is {state} can't go on with: {step}") from None


def diagram() -> str:
    """The table as a Mermaid state diagram, for the docs."""
    arrows = [f"    {start} --> {end}: {step}" for (start, step), end in TRANSITIONS.items()]
    return "\n".join(["stateDiagram-v2", f"    [*] --> {State.CLOSED}", *arrows]) + "\n"
