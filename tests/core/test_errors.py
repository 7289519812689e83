"""The program's exceptions carry what their reader needs, and not more of a peer's octets than one can read."""

import pytest

from smsd.core.contract import Refused, Unreadable
from smsd.core.errors import ContractError, LinkDown, RemoteProtocolError


def test_a_contract_error_is_an_invalid_request_unless_it_says_otherwise() -> None:
    error = ContractError("to", "is missing")
    assert (error.field, error.sentence, error.reason) == ("to", "is missing", "invalid-request")
    assert str(error) == "to: is missing"
    assert ContractError("to", "has 3 digits", "bad-number").reason == "bad-number"


def test_a_refusal_says_what_its_error_said_and_what_was_known() -> None:
    refused = Refused(ContractError("text", "holds U+0000", "text-not-encodable"), {"id": "order-1"})
    assert (str(refused), refused.reason, refused.known) == (
        "text: holds U+0000",
        "text-not-encodable",
        {"id": "order-1"},
    )
    with pytest.raises(ContractError, match="holds U"):
        raise refused


def test_an_unreadable_body_is_not_a_contract_error_for_there_is_nobody_to_answer() -> None:
    error = Unreadable("not-json", "the body is not JSON")
    assert (error.reason, str(error)) == ("not-json", "the body is not JSON")
    assert not isinstance(error, ContractError)


def test_a_remote_error_keeps_512_octets_of_the_pdu_as_hex() -> None:
    error = RemoteProtocolError("wrong", b"\x00\xff" * 1000)
    assert error.pdu_hex == "00ff" * 256
    assert (error.status, error.fatal) == (0x02, False)


def test_a_link_that_is_down_says_which_and_why() -> None:
    down = LinkDown("smsc", "connection refused")
    assert (down.link, down.reason, str(down)) == ("smsc", "connection refused", "connection refused")
