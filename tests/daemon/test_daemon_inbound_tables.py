"""Every national table of 3GPP TS 23.038, from a handset at the simulator to the CRM's queue."""

from rig.stage import Stage

from smsd.core import gsm
from smsd.core.national import CODES, LOCKING, SINGLE, Tables


def letters(tables: Tables) -> str:
    """All that can be written with the tables and not without them."""
    every = set(LOCKING.get(tables.locking, "")) | set(SINGLE.get(tables.single, {}).values())
    return "".join(sorted(letter for letter in every if gsm.foreign(letter, tables) is None))


def test_a_text_of_all_characters_of_each_table_comes_as_it_went(stage: Stage) -> None:
    simulator = stage.simulator()
    stage.bound(simulator)
    sent = {}
    for code, language in CODES.items():
        if language in LOCKING:
            sent[letters(Tables(language, 0))] = f"2501{language:02x}"
            simulator.inbound(letters(Tables(language, 0)), locking=code)
        sent[letters(Tables(0, language))] = f"2401{language:02x}"
        simulator.inbound(letters(Tables(0, language)), single=code)
    assert len(sent) == 25
    inbound = stage.crm.until(lambda: len(stage.crm.inbound) == len(sent) and stage.crm.inbound)
    assert {message["text"] for message in inbound} == sent.keys()
    assert all(message["udh_hex"].endswith(sent[message["text"]]) for message in inbound)
    assert not any("raw_hex" in message for message in inbound)
