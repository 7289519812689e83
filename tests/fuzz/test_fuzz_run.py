"""A short run of `make fuzz`."""

from pathlib import Path

from fuzz.run import run

MUTANTS, SEED = 40_000, 1


def test_mutated_pdus_in_a_live_bind_are_answered_once_and_harm_nothing_else(
    broker_url: str, prefix: str, tmp_path: Path
) -> None:
    findings = run(broker_url, prefix, tmp_path, MUTANTS, SEED)
    print(findings)
    assert findings.faults == []
    tried = findings.figures
    assert tried["mutants"] == MUTANTS
    assert tried["connections ended on purpose"] > 0
    became = ("messages answered 0x1", "mutants that became unmatched receipts", "mutants that became inbound messages")
    assert min(tried[what] for what in became) > MUTANTS / 50, "the wounds are too deep or too shallow to try anything"
