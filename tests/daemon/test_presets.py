"""Each preset against an SMSC configured as its provider's spec sheet says: texts, flash, receipts, refusals.

The sheets are written down here once more, from the providers' public documentation (settings/presets.py names it) and
not from the presets: what both say must agree.
"""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from rig import rabbit
from rig.crm import Crm
from rig.smsc import certificate
from rig.smscs import Smscs
from rig.stage import Stage

from smsd.settings.presets import PRESETS

GSM7 = "Your order 4711 is ready: 12 €"
CYRILLIC = "Ваш заказ готов"
LONG = "Ваш заказ готов и ждёт вас в пункте выдачи. " * 4
FLASH = "Code 4711"
SEGMENTS = 3
"""Of the long text: 176 characters, 67 in a segment."""

RECEIPT = "id:{id} sub:001 dlvrd:{dlvrd} submit date:{submitted} done date:{done} stat:{stat} err:{err} text:"
DLVRD_000 = "id:{id} sub:001 dlvrd:000 submit date:{submitted} done date:{done} stat:{stat} err:{err} text:none "


@dataclass(frozen=True)
class Sheet:
    """What a provider's spec sheet says; `rules` are the simulator's."""

    rules: dict[str, Any] = field(default_factory=dict)
    gsm7: int = 0
    ucs2: int = 8
    flash: int = 0x10
    source: tuple[int, int] = (5, 0)
    """TON and NPI of a name."""
    dest: tuple[int, int] = (1, 1)
    payload: bool = False
    """Long texts whole in message_payload."""
    tls: bool = False


SHEETS = {
    "infobip": Sheet({"data_codings": {1: "gsm7"}, "receipts": {"tlvs": True, "err": "0000"}}, tls=True),
    "vonage": Sheet(
        {
            "message_ids": {"submit": "hex", "receipt": "decimal", "width": 16},
            "receipts": {"template": DLVRD_000},
            "throttle": {"per_second": 30, "seconds": 0.95},
        }
    ),
    "sinch": Sheet(
        {"throttle": {"per_second": 10, "seconds": 0.95, "window": 10}, "receipts": {"tlvs": True}}, tls=True
    ),
    "smsc-ru": Sheet({"single_bind": True}, source=(5, 1), tls=True),
    "devino": Sheet(source=(5, 1)),
    "sms-aero": Sheet(source=(5, 1)),
    "bulksms": Sheet({"errors": [{"text": "12 €", "status": 0x410, "times": 1}]}, tls=True),
    "gatewayapi": Sheet(
        {"receipts": {"template": DLVRD_000, "enroute": True}, "message_ids": {"start": 1_390_125_333}},
        flash=240,
        payload=True,
        tls=True,
    ),
    "twilio": Sheet(tls=True),
    "webcom": Sheet({"data_codings": {1: "latin1", 2: "ucs2"}}, ucs2=2, source=(0, 0)),
    "seventech": Sheet(),
    "smsportal": Sheet({"throttle": {"per_second": 50, "window": 10}}, flash=0, source=(0, 0), dest=(0, 0)),
    "vibes": Sheet({"data_codings": {0: "ascii", 4: "gsm7"}}, gsm7=4, source=(0, 0), dest=(0, 0), payload=True),
}
FAILING = {"text": "^no$", "stat": "UNDELIV", "err": "019"}
REFUSED = {"text": "^refused$", "status": 0x0A}


class Field:
    """All providers, and one smsd that has each of them by its preset."""

    def __init__(self, stage: Stage, smscs: Smscs, tls: ssl.SSLContext) -> None:
        providers = {}
        self._smscs = smscs
        for name, sheet in SHEETS.items():
            errors = [*sheet.rules.get("errors", ()), REFUSED]
            receipts = {"delay": 0, "template": RECEIPT, **sheet.rules.get("receipts", {}), "rules": [FAILING]}
            rules = {**sheet.rules, "credentials": {name: "hush"}, "errors": errors, "receipts": receipts}
            port = smscs.start(name, rules, tls if sheet.tls else None)
            login = {"host": "localhost", "port": port, "system_id": name, "password": "hush", "senders": ["ACME"]}
            providers[name] = {"preset": name, "retries": {"delays": ["200ms"]}, **login}
        self.daemon = stage.daemon(providers)
        self.daemon.bound(timeout=20)
        self.crm: Crm = stage.crm

    def sent(self, name: str, text: str, **fields: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Sends a text; its final result, and the accepted submits that it was."""
        before = len(self._smscs.submits(name))
        final = self.crm.final(self.crm.send(text, key=name, **fields))
        return final, [submit for submit in self._smscs.submits(name)[before:] if submit["status"] == 0]

    def answered(self, name: str, text: str) -> dict[str, Any]:
        """A handset's message in UCS-2, as smsd published it."""
        self._smscs.inbound(name, text, SHEETS[name].ucs2)
        return self.crm.until(lambda: next((one for one in self.crm.inbound if one["provider"] == name), None)) or {}


@pytest.fixture(scope="module")
def world(broker_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    directory: Path = tmp_path_factory.mktemp("presets")
    cert, key = certificate(directory, "localhost")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cert, key)
    stage = Stage(broker_url, rabbit.unique_prefix(), directory)
    with pytest.MonkeyPatch.context() as patch, Smscs() as smscs:
        patch.setenv("SSL_CERT_FILE", str(cert))  # so that smsd trusts it without a word in the file
        try:
            yield Field(stage, smscs, tls)
        finally:
            stage.close()


def test_every_preset_has_a_sheet() -> None:
    assert SHEETS.keys() == PRESETS.keys()


@pytest.mark.parametrize("name", SHEETS)
def test_a_gsm7_text_arrives_and_its_receipt_is_matched(world: Field, name: str) -> None:
    sheet = SHEETS[name]
    final, (submit,) = world.sent(name, GSM7)
    assert (submit["text"], submit["data_coding"], submit["esm_class"]) == (GSM7, sheet.gsm7, 0)
    assert (submit["source_addr_ton"], submit["source_addr_npi"]) == sheet.source
    assert (submit["dest_addr_ton"], submit["dest_addr_npi"]) == sheet.dest
    assert (final["status"], final["parts"][0]["receipt"]["stat"]) == ("delivered", "DELIVRD")


@pytest.mark.parametrize("name", SHEETS)
def test_a_cyrillic_text_arrives_and_its_receipt_is_matched(world: Field, name: str) -> None:
    final, (submit,) = world.sent(name, CYRILLIC)
    assert (submit["text"], submit["data_coding"]) == (CYRILLIC, SHEETS[name].ucs2)
    assert (final["status"], final["encoding"]) == ("delivered", "ucs2")


@pytest.mark.parametrize("name", SHEETS)
def test_a_long_text_arrives_whole_and_all_its_receipts_are_matched(world: Field, name: str) -> None:
    final, submits = world.sent(name, LONG)
    assert "".join(submit["text"] for submit in submits) == LONG
    assert {submit["data_coding"] for submit in submits} == {SHEETS[name].ucs2}
    udhi, expected = ({0}, 1) if SHEETS[name].payload else ({0x40}, SEGMENTS)
    assert ({submit["esm_class"] for submit in submits}, len(submits)) == (udhi, expected)
    assert (final["status"], final["segments"]) == ("delivered", SEGMENTS)
    assert [part["receipt"]["stat"] for part in final["parts"]] == ["DELIVRD"] * expected


@pytest.mark.parametrize("name", SHEETS)
def test_a_flash_text_has_the_providers_flash_coding(world: Field, name: str) -> None:
    final, (submit,) = world.sent(name, FLASH, flash=True)
    assert (submit["text"], submit["data_coding"]) == (FLASH, SHEETS[name].flash)
    assert final["status"] == "delivered"


@pytest.mark.parametrize("name", SHEETS)
def test_a_bad_receipt_and_a_refusal_end_as_they_should(world: Field, name: str) -> None:
    final, _ = world.sent(name, "no")
    assert (final["status"], final["parts"][0]["receipt"]["err"]) == ("undelivered", "019")
    final, accepted = world.sent(name, "refused")
    assert (final["status"], final["smpp_status"]["code"], accepted) == ("rejected", 0x0A, [])


@pytest.mark.parametrize("name", SHEETS)
def test_a_handsets_message_is_read_in_the_providers_coding(world: Field, name: str) -> None:
    assert world.answered(name, "Спасибо")["text"] == "Спасибо"


def test_bulksms_without_credit_is_tried_again_later(world: Field) -> None:
    assert world.sent("bulksms", GSM7)[0]["status"] == "delivered"
    throttled = [event for event in world.crm.named("throttled") if event["provider"] == "bulksms"]
    assert len(throttled) == 1
    assert "0x410" in throttled[0]["detail"]


def test_no_receipt_was_left_unmatched_and_no_pace_broken(world: Field) -> None:
    world.crm.read(0.2)
    assert world.crm.receipts == []
    assert {event["provider"] for event in world.crm.named("throttled")} <= {"bulksms"}
