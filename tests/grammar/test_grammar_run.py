"""A short run of `python -m tests.grammar`."""

from pathlib import Path

from grammar.run import run

REQUESTS, SEED = 120, 1


def test_what_amqp_lets_a_publisher_write_costs_no_good_request(broker_url: str, prefix: str, tmp_path: Path) -> None:
    findings = run(broker_url, prefix, tmp_path, REQUESTS, SEED)
    print(findings)
    assert findings.faults == []
    assert findings.figures["odd requests that the broker refused"] == 0
    assert findings.figures["odd requests sent"] > REQUESTS / 20
    assert findings.figures["in the dead queue"] > REQUESTS / 50
