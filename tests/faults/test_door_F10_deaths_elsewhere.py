"""F10: what a CRM's own delay queue did to a request on its way is no word of ours."""

import pytest
from rig import rabbit
from rig.daemon import provider
from rig.octets import long, table, text, with_headers
from rig.stage import Stage

from smsd.core.topology import is_work_queue
from smsd.links.broker.consume import Delivery
from smsd.links.broker.properties import Properties


def test_door_F10_a_request_delayed_by_the_crm_for_a_new_provider_is_sent(stage: Stage) -> None:
    """Its queue does not exist yet when the delay is over."""
    simulator = stage.simulator()
    daemon = stage.bound(simulator)
    assert daemon.term() == 0
    delay = f"{stage.prefix}.crm.delay"
    with rabbit.connect(stage.url) as connection:
        channel = connection.channel()
        target = {"x-dead-letter-exchange": f"{stage.prefix}.requests", "x-dead-letter-routing-key": "newp"}
        channel.queue_declare(delay, arguments=target, exclusive=True)
        rabbit.publish(connection, "", delay, {"id": "m", "to": "+79000000000", "text": "x"}, expiration="1")
        rabbit.drain(connection, f"{stage.prefix}.results", until=0)
        while rabbit.depth(connection, f"{stage.prefix}.returned")[0] == 0:
            connection.process_data_events(0.05)
    both = {name: provider(simulator.port, system_id=name) for name in ("p", "newp")}
    stage.configure(daemon, both)
    daemon.start()
    assert stage.crm.final("m")["status"] == "sent"


@pytest.mark.parametrize(
    ("queue", "ours"),
    [
        ("sms.requests.p.normal", True),
        ("sms.requests.gone-2.bulk", True),
        ("crm.requests.p.normal", False),
        ("sms.requests.p", False),
        ("sms.requests.p.later", False),
        ("sms.requests.normal", False),
        ("sms.hold.10s", False),
        ("crm.sms.requests.p.normal", False),
    ],
)
def test_door_F10_only_a_work_queue_of_ours_can_give_up(queue: str, ours: bool) -> None:
    assert is_work_queue("sms", queue) == ours


def test_door_F10_of_several_deaths_that_of_our_queue_counts() -> None:
    deaths = [
        ("rejected", "crm.requests.p.normal"),
        ("delivery_limit", "sms.requests.p.normal"),
        ("expired", "sms.hold.1m"),
    ]
    rows = [b"F" + table((b"reason", text(why.encode())), (b"queue", text(queue.encode()))) for why, queue in deaths]
    found = Properties(with_headers((b"x-death", b"A" + long(b"".join(rows)))).octets)
    assert given_up(found, "sms") == "delivery_limit"
    assert given_up(found, "other") is None


def given_up(found: Properties, prefix: str) -> str | None:
    delivery = Delivery.__new__(Delivery)
    delivery._properties, delivery._prefix = found, prefix
    return delivery.given_up
