"""`log.pdus`: what went over the wire, for the provider's support."""

import json
import subprocess
import sys
from typing import Any

from rig.daemon import Daemon, provider
from rig.stage import Stage

from smsd.core.smpp import pdus
from smsd.core.smpp.codec import HEADER, decode

PASSWORD = "qwerty12"


def trace(daemon: Daemon, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "smsd", "trace", *arguments, "--config", str(daemon.file)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def names(steps: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(step["direction"], pdus.name(HEADER.unpack_from(bytes.fromhex(step["hex"]))[1])) for step in steps]


def test_with_log_pdus_a_trace_has_the_pdus_of_a_message_also_after_kill_9_and_the_log_has_all(stage: Stage) -> None:
    simulator = stage.simulator(receipts={"stat": None})
    settings = {"p": provider(simulator.port, receipts=True, password=PASSWORD)}
    daemon = stage.daemon(settings, log={"level": "info", "format": "json", "pdus": True})
    daemon.bound()
    id = stage.crm.send("x" * 200)
    smsc_ids = [part["smsc_id"] for part in stage.crm.result(id, "sent")["parts"]]
    daemon.kill9()
    again = stage.daemon(settings, log={"level": "info", "format": "json", "pdus": True})
    again.bound()
    for smsc_id in smsc_ids:
        simulator.receipt(smsc_id)
    assert stage.crm.final(id)["status"] == "delivered"
    told = json.loads(trace(again, id, "--pdus", "--json").stdout)
    steps = [step for step in told["steps"] if step["step"] == "pdu"]
    assert sorted(names(steps)) == sorted(
        [("out", "submit_sm"), ("in", "submit_sm_resp"), ("in", "deliver_sm")] * 2  # two segments
    )
    assert told["account"]["system_id"] == "acme"
    assert [step["segment"] for step in steps if names([step]) == [("out", "submit_sm")]] == [1, 2]
    shown = trace(again, id, "--pdus").stdout
    assert "-> submit_sm ESME_ROK sequence=2 " in shown
    assert "pdu" not in trace(again, id).stdout
    logged = [(line["direction"], line["pdu"]) for line in daemon.logged("pdu")]
    assert logged[:2] == [("out", "bind_transceiver"), ("in", "bind_transceiver_resp")]
    assert logged.count(("out", "submit_sm")) == 2
    bind = decode(bytes.fromhex(daemon.logged("pdu")[0]["hex"]))
    assert (bind.text("system_id"), bind.text("password")) == ("acme", "***")
    everything = shown + "".join(str(line) for line in (*daemon.log_lines(), *again.log_lines()))
    assert PASSWORD not in everything
    assert PASSWORD.encode().hex() not in everything


def test_without_log_pdus_no_pdu_is_kept_and_trace_says_how_to_have_them(stage: Stage) -> None:
    daemon = stage.bound(stage.simulator())
    id = stage.crm.send("hello")
    stage.crm.final(id)
    told = trace(daemon, id, "--pdus")
    assert told.returncode == 1
    assert told.stderr == "no PDUs of it were kept: set `log.pdus: true`, reload, and let it happen again\n"
    assert daemon.logged("pdu") == []
    assert b"hello".hex() not in "".join(str(line) for line in daemon.log_lines())
