"""Every command_status that SMPP 3.4 and 5.0 know, and some of vendors: what becomes of a message that is answered so.

The table is that of the field research (§5), written down once more: what the code has must not be its own witness.
"""

from typing import Any

from rig.stage import Stage

SENT = ("sent", None)
PERMANENT = ("rejected", "refused-by-provider")
RETRIED = ("failed", "refused-by-provider")
THROTTLED = ("failed", "throttled")
NO_CREDIT = ("failed", "no-credit")

TABLE = {
    **dict.fromkeys([0x00], SENT),
    **dict.fromkeys([0x01, 0x02, 0x03, 0x06, 0x07, 0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F], PERMANENT),
    **dict.fromkeys([0x11, 0x13, 0x15, 0x33, 0x34, 0x40, 0x42, 0x43, 0x44], PERMANENT),
    **dict.fromkeys([0x48, 0x49, 0x50, 0x51, 0x53, 0x54, 0x55], PERMANENT),
    **dict.fromkeys([0x61, 0x62, 0x63, 0x65, 0x66, 0x67], PERMANENT),
    **dict.fromkeys([0xC0, 0xC1, 0xC2, 0xC3, 0xC4], PERMANENT),
    **dict.fromkeys([0x100, 0x101, 0x102, 0x103, 0x104, 0x105, 0x106], PERMANENT),
    **dict.fromkeys([0x09, 0x22, 0x400, 0x410, 0x411, 0x412, 0x4FF, 0x12345678, 0xFFFFFFFF], PERMANENT),
    **dict.fromkeys([0x08, 0x45, 0x64, 0xFE, 0xFF], RETRIED),
    **dict.fromkeys([0x04, 0x05], RETRIED),  # faults of the bind: bound anew in between
    **dict.fromkeys([0x40B], NO_CREDIT),
    **dict.fromkeys([0x14, 0x58], THROTTLED),
}


def ending(result: dict[str, Any]) -> tuple[str, str | None]:
    return result["status"], result["reason"]


def test_a_message_answered_with_any_status_ends_as_the_table_says_and_keeps_the_number(stage: Stage) -> None:
    assert len(TABLE) > 60
    rules = [{"text": f"^status {status}$", "status": status} for status in TABLE if status]
    simulator = stage.simulator(errors=rules)
    stage.bound(simulator, retries={"max_age": "400ms", "delays": ["200ms"]})
    crm = stage.crm
    ids = {status: crm.send(f"status {status}") for status in TABLE}
    results = dict(zip(ids, crm.finals(ids.values()), strict=True))
    assert {status: ending(result) for status, result in results.items()} == TABLE
    numbers = {status: result["smpp_status"] and result["smpp_status"]["code"] for status, result in results.items()}
    assert numbers == {status: status or None for status in TABLE}
    of_parts = {status: result["parts"][0]["smpp_status"] for status, result in results.items()}
    assert {status: shown["code"] for status, shown in of_parts.items()} == {status: status for status in TABLE}
    again = {status for status, result in results.items() if result["attempts"] > 1}
    assert again == {status for status, ending in TABLE.items() if ending in (RETRIED, THROTTLED, NO_CREDIT)}
    assert {status for status, result in results.items() if result["permanent"]} == {
        status for status, ending in TABLE.items() if ending is PERMANENT
    }
