"""smsd bound to two SMSCs that this project did not write: npm's `smpp`, and `smpp34`, which is Rust."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rig.daemon import provider
from rig.patience import eventually
from rig.ports import free_port
from rig.stage import Stage

HERE = Path(__file__).parent
NODE_MODULES = HERE.parents[1] / ".venv" / "node" / "node_modules"  # deploy/setup.sh test puts it there
SERVERS = {
    "node": ["node", str(HERE / "server.js")],
    "smpp34": [sys.executable, str(HERE / "server.py")],
}
TEXTS = ["hello {world} [€] ~^\\|", "Ёлка 🎄", "0123456789" * 40, "Съешь же ещё этих мягких булок 🥐 " * 6]


class Stranger:
    """A running SMSC of somebody else's."""

    def __init__(self, name: str, log: Path) -> None:
        self.name = name
        self.port = free_port()
        self._log = log
        environment = {**os.environ, "NODE_PATH": str(NODE_MODULES)}
        with log.open("wb") as output:
            command = [*SERVERS[name], str(self.port)]
            self._process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
        eventually(lambda: self.told("listening") or self._process.poll())
        assert self._process.poll() is None, log.read_text()

    def told(self, event: str) -> list[dict[str, Any]]:
        """What it printed about such events."""
        lines = [line for line in self._log.read_text().splitlines() if line.startswith("{")]
        return [told for told in map(json.loads, lines) if told["event"] == event]

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture(params=sorted(SERVERS))
def stranger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stranger]:
    stranger = Stranger(request.param, tmp_path / "stranger.log")
    try:
        yield stranger
    finally:
        stranger.close()


def test_texts_receipts_and_a_handsets_message_pass_between_us_and_a_stranger(stage: Stage, stranger: Stranger) -> None:
    daemon = stage.daemon({"p": provider(stranger.port, receipts=True, senders=["ACME"], window=1)})
    daemon.bound()
    crm = stage.crm
    ids = [crm.send(text) for text in TEXTS]
    results = crm.finals(ids)
    assert [result["status"] for result in results] == ["delivered"] * len(TEXTS)
    submits = stranger.told("submit")
    assert "".join(submit["text"] for submit in submits) == "".join(TEXTS)
    assert {(submit["to"], submit["from"]) for submit in submits} == {("79000000000", "ACME")}
    concatenated = [submit["udh"] for submit in submits if submit["udh"]]
    assert len(concatenated) == sum(result["segments"] for result in results if result["segments"] > 1)
    assert all(header.startswith("0003") for header in concatenated)
    assert crm.until(lambda: crm.inbound)[0]["text"] == f"Привет от {stranger.name}"
    assert eventually(lambda: stranger.told("answered"))[0]["status"] == 0
    assert daemon.term() == 0
    assert eventually(lambda: stranger.told("unbound"))
    assert crm.waiting() == 0


def test_a_thousand_messages_reach_a_stranger_once_each(stage: Stage, stranger: Stranger) -> None:
    stage.daemon({"p": provider(stranger.port, window=50)}).bound()
    ids = stage.crm.send_many(1000)
    assert {result["status"] for result in stage.crm.finals(ids)} == {"sent"}
    texts = [submit["text"] for submit in stranger.told("submit")]
    assert sorted(texts) == sorted(f"message {n}" for n in range(1, 1001))
