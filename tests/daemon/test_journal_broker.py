"""The broker dies, and stays away for long: results and receipts wait in the journal, and miss nobody."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

from chaos.report import stories, table
from rig.daemon import Daemon, provider
from rig.patience import eventually
from rig.stage import Stage
from storms import crashes

from smsd.core.smpp import pdus
from smsd.core.smpp.codec import HEADER, MIN_PDU, encode_body

OK = 0
STRAYS = 15_000
AT_ONCE = 1_000
"""Octets of so many PDUs are given to the simulator in one order."""
MEMORY = 150 * 1024 * 1024
"""Octets that smsd may grow by while results wait; 80 MB were seen."""


def test_kill_9_of_the_broker_under_load_loses_no_result_and_no_receipt(
    own_node: Any, prefix: str, tmp_path: Path
) -> None:
    stage = Stage(own_node.url, prefix, tmp_path, queue_type="quorum")
    try:
        verdict = crashes(stage, own_node, rounds=2, requests=800, seed=1)
    finally:
        stage.close()
    print(table(verdict), stories(verdict, 0.0), sep="\n")
    assert verdict.clean, "see the output"
    assert verdict.requests.total() == 800
    assert verdict.total("sent once") + verdict.total("sent twice, reported") == 800


def test_receipts_taken_while_the_broker_is_away_survive_kill_9(stage: Stage) -> None:
    simulator, forward = stage.simulator(receipts={"stat": None}), stage.forward()
    forward.open()
    settings = {"p": provider(simulator.port, receipts=True)}
    daemon = stage.daemon(settings, url=forward.url)
    crm = stage.crm
    ids = crm.send_many(30)
    sent = [crm.result(id, "sent") for id in ids]
    forward.close()
    eventually(lambda: daemon.web("/readyz")[0] == 503)
    for result in sent:
        simulator.receipt(result["parts"][0]["smsc_id"])
    deliveries = eventually(lambda: len(simulator.deliveries()) == 30 and simulator.deliveries())
    assert {delivery["status"] for delivery in deliveries} == {OK}
    daemon.kill9()
    daemon = stage.daemon(settings, url=forward.url, ready=False)
    eventually(lambda: daemon.web("/livez")[0] == 200)
    forward.open()
    assert {result["status"] for result in crm.finals(ids)} == {"delivered"}
    crm.until(lambda: daemon.status()["outbox"] == 0)
    assert (crm.receipts, simulator.count()) == ([], 30)


def test_a_long_outage_of_the_broker_stops_the_intake_bounds_memory_and_keeps_the_order(stage: Stage) -> None:
    simulator, forward = stage.simulator(latency=1.0, receipts={"delay": 0.5}), stage.forward()
    forward.open()
    settings = {"p": provider(simulator.port, receipts=True, window=200)}
    daemon = stage.daemon(settings, url=forward.url, log={"level": "error", "format": "json"})
    crm = stage.crm
    ids = crm.send_many(200)
    simulator.sent(200)
    forward.close()  # answers and receipts are still to come
    before = memory(daemon)
    for n, order in enumerate(strays()):
        # Of more than receipts.UNSAFE at once some would be refused, and a real SMSC would send them again.
        eventually(lambda least=(n - 5) * AT_ONCE: simulator.received().get("deliver_sm_resp", 0) >= least, 60)
        simulator.raw(order)
    eventually(lambda: daemon.status()["outbox"] >= STRAYS + 2 * len(ids), 60)
    assert memory(daemon) - before < MEMORY
    forward.open()
    stopped, resumed = crm.event("intake_stopped", 60), crm.event("intake_resumed", 60)
    assert "wait for the broker" in stopped["detail"]
    assert stopped["at"] < resumed["at"]
    crm.finals(ids)
    assert all([r["status"] for r in crm.results[id]][:2] == ["sent", "delivered"] for id in ids)
    crm.until(lambda: len(crm.receipts) == STRAYS, 60)
    assert len({receipt["smsc_id"] for receipt in crm.receipts}) == STRAYS
    assert crm.final(crm.send("after"))["status"] == "delivered"


def strays() -> Iterator[str]:
    """Receipts of messages that nobody sent, in hex, with sequence numbers that the simulator does not use."""
    numbers = count(1)
    for _ in range(STRAYS // AT_ONCE):
        yield b"".join(stray(next(numbers)) for _ in range(AT_ONCE)).hex()


def stray(number: int) -> bytes:
    fields = {
        "source_addr": b"79991234567",  # to nobody who has a message under way: it is not parked
        "destination_addr": b"ACME",
        "esm_class": 0x04,
        "short_message": f"id:{number} sub:001 dlvrd:001 stat:DELIVRD err:000 text:".encode(),
    }
    body = encode_body(pdus.DELIVER_SM, fields)
    return HEADER.pack(MIN_PDU + len(body), pdus.DELIVER_SM, OK, 0x40000000 + number) + body


def memory(daemon: Daemon) -> float:
    """Octets of its resident set."""
    return daemon.metrics()["process_resident_memory_bytes"]
