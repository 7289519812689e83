"""The small ones of research/crossed.md: what a first user writes, and what is said to it."""

import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from rig import octets, rabbit
from rig.octets import short, with_headers
from rig.stage import Stage
from world import provider

from smsd.core.compose import Composer
from smsd.core.contract import read_request
from smsd.core.errors import ContractError
from smsd.settings.reader import SettingsError, read

FLOATS = {b"double": struct.pack(">cd", b"d", 1.5), b"float": struct.pack(">cf", b"f", 1.5)}
EARLY = "providers: {p: {host: h, version: '3.3', bind: split, "


def test_door_F13_floats_are_themselves_where_the_dead_lie_and_the_held_rest(stage: Stage) -> None:
    daemon = stage.bound(stage.simulator())
    due = (datetime.now(UTC) + timedelta(hours=2)).isoformat().encode()
    held = b'{"id": "m", "to": "+79000000000", "text": "x", "send_after": "%b"}' % due
    odd = with_headers(*FLOATS.items())
    stage.crm.close()
    with rabbit.connect(stage.url) as connection:
        for queue, body in (("dead", b"no json"), ("hold.1h", held)):
            octets.publish(connection, f"{stage.prefix}.requests", "p", body, odd)
            found, _ = octets.take(connection, f"{stage.prefix}.{queue}")
            for name, value in FLOATS.items():
                assert short(name) + value in found
    assert daemon.term() == 0


def test_a_compressed_body_lies_among_the_dead_with_a_word_about_it(stage: Stage) -> None:
    daemon = stage.bound(stage.simulator())
    stage.crm.publish("p", b"\x8b\x07\x80packed", content_encoding="br")
    dead = stage.crm.until(lambda: stage.crm.dead)[0]
    assert dead.properties.headers["x-smsd-detail"] == (
        "the body is not UTF-8: invalid start byte at octet 0; "
        "its content_encoding is 'br': send the JSON as it is, in UTF-8"
    )
    assert dead.properties.content_encoding == "br"
    stage.crm.publish("p", b"\xff", content_encoding="UTF-8")
    dead = stage.crm.until(lambda: stage.crm.dead[1:])[0]
    assert dead.properties.headers["x-smsd-detail"] == "the body is not UTF-8: invalid start byte at octet 0"
    assert daemon.term() == 0


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("long_messages: sar}}", "long_messages: warning: sar is sent in TLVs, which SMPP 3.3 does not have: use udh"),
        ("long_messages: payload}}", "long_messages: warning: payload is sent in TLVs, which SMPP 3.3 does not have"),
        ("tlvs: {0x1401: '00'}}}", "tlvs: warning: SMPP 3.3 has no TLVs: its SMSCs may refuse whatever has one"),
    ],
)
def test_check_says_what_smpp_3_3_has_not(warnings_of: Callable[[str], list[str]], settings: str, said: str) -> None:
    (warning,) = warnings_of(EARLY + settings)
    assert f"providers.p.{said}" in warning


def test_check_says_that_smpp_3_3_has_no_transceiver(warnings_of: Callable[[str], list[str]]) -> None:
    (warning,) = warnings_of("providers: {p: {host: h, version: '3.3'}}")
    assert "providers.p" in warning
    assert "SMPP 3.3 has no transceiver: bind: split is what its SMSCs know" in warning
    assert warnings_of("providers: {p: {host: h, version: '3.3', bind: split}}") == []
    assert warnings_of("providers: {p: {host: h, long_messages: sar}}") == []


@pytest.fixture
def warnings_of() -> Callable[[str], list[str]]:
    return lambda text: [str(problem) for problem in read(text, "f.yaml").warnings]


def test_tlvs_of_a_request_are_refused_where_smpp_3_3_is_spoken() -> None:
    request = read_request(b'{"id": "m", "to": "+79000000000", "text": "x", "tlvs": {"0x1401": "00"}}', None)
    with pytest.raises(ContractError) as refused:
        Composer(provider(version="3.3", bind="split"), 1).compose(request)
    assert str(refused.value) == "tlvs: can't be sent to this provider, which speaks SMPP 3.3: leave them out"
    assert Composer(provider(), 1).compose(request).segments == 1


@pytest.mark.parametrize(("written", "meant"), [("UK", "GB"), ("fr", "FR"), ("uk", "GB"), ("EL", "GR")])
def test_a_region_that_is_called_otherwise_is_told_its_code(written: str, meant: str) -> None:
    with pytest.raises(SettingsError, match=f"must be a country's code of two capital letters, here {meant}, got"):
        read(f"providers: {{p: {{host: h, default_region: {written}}}}}", "f.yaml")


def test_a_region_that_is_none_is_told_an_example() -> None:
    with pytest.raises(SettingsError, match="of two capital letters, such as RU, got 'Russia'"):
        read("providers: {p: {host: h, default_region: Russia}}", "f.yaml")
