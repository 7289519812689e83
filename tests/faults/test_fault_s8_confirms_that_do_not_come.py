"""A queue that can't answer for now: its publishes wait, bounded by the outbox, and the session goes on."""

from typing import Any

from rig.patience import eventually
from rig.stage import Stage


def queue_process(node: Any, what: str, queue: str) -> None:
    """Suspends or resumes the process of a classic queue, as one that has lost its majority stands still."""
    found = f'{{ok, Q}} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"/">>, queue, <<"{queue}">>))'
    node.rabbitmqctl("eval", f"{found}, sys:{what}(amqqueue:get_pid(Q)).")


def test_fault_s8_results_without_a_confirm_wait_and_end_no_session(own_node: Any, stage: Stage) -> None:
    stage.url = own_node.url
    simulator = stage.simulator()
    daemon = stage.bound(simulator)
    crm = stage.crm
    crm.final(crm.send())
    queue_process(own_node, "suspend", f"{stage.prefix}.results")
    ids = crm.send_many(30)
    simulator.sent(31)
    waits = "smsd_outbox_waiting"
    eventually(lambda: any(waits in name and value >= 30 for name, value in daemon.metrics().items()))
    queue_process(own_node, "resume", f"{stage.prefix}.results")
    assert {result["status"] for result in crm.finals(ids)} == {"sent"}
    assert simulator.count() == 31
    assert len(daemon.logged("broker")) == 1
