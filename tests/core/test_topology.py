"""Every exchange, queue and binding of contract.md, with exactly its arguments."""

from typing import Any

import pytest

from smsd.core.topology import Topology, definitions, topology, work_queue

EXCHANGES = {
    "sms.requests": ("topic", {"alternate-exchange": "sms.returned"}),
    "sms.results": ("topic", {}),
    "sms.inbound": ("topic", {}),
    "sms.events": ("topic", {}),
    "sms.control": ("topic", {}),
    "sms.hold.10s": ("topic", {}),
    "sms.hold.1m": ("topic", {}),
    "sms.hold.10m": ("topic", {}),
    "sms.hold.1h": ("topic", {}),
    "sms.returned": ("fanout", {}),
    "sms.dead": ("fanout", {}),
}

SAFE = {"x-queue-type": "quorum", "x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish"}
WORK = {"x-dead-letter-exchange": "sms.returned", "x-single-active-consumer": True}


def hold(milliseconds: int) -> dict[str, Any]:
    return {"x-dead-letter-exchange": "sms.requests", "x-message-ttl": milliseconds}


QUEUES = {
    "sms.requests.beeline.urgent": SAFE | WORK,
    "sms.requests.beeline.normal": SAFE | WORK,
    "sms.requests.beeline.bulk": SAFE | WORK,
    "sms.hold.10s": SAFE | hold(10_000),
    "sms.hold.1m": SAFE | hold(60_000),
    "sms.hold.10m": SAFE | hold(600_000),
    "sms.hold.1h": SAFE | hold(3_600_000),
    "sms.returned": {"x-queue-type": "quorum"},
    "sms.dead": {"x-queue-type": "quorum"},
    "sms.results": {"x-queue-type": "quorum"},
    "sms.inbound": {"x-queue-type": "quorum"},
    "sms.events": {"x-queue-type": "quorum"},
}

BINDINGS = {
    ("sms.requests", "sms.requests.beeline.urgent", "beeline.urgent"),
    ("sms.requests", "sms.requests.beeline.normal", "beeline.normal"),
    ("sms.requests", "sms.requests.beeline.normal", "beeline"),
    ("sms.requests", "sms.requests.beeline.bulk", "beeline.bulk"),
    ("sms.hold.10s", "sms.hold.10s", "#"),
    ("sms.hold.1m", "sms.hold.1m", "#"),
    ("sms.hold.10m", "sms.hold.10m", "#"),
    ("sms.hold.1h", "sms.hold.1h", "#"),
    ("sms.returned", "sms.returned", ""),
    ("sms.dead", "sms.dead", ""),
    ("sms.results", "sms.results", "#"),
    ("sms.inbound", "sms.inbound", "#"),
    ("sms.events", "sms.events", "#"),
}


def wanted(*providers: str, prefix: str = "sms", queue_type: str = "quorum", default_queues: bool = True) -> Topology:
    return topology(providers, prefix=prefix, queue_type=queue_type, default_queues=default_queues)


def queues(found: Topology) -> dict[str, Any]:
    assert len({queue.name for queue in found.queues}) == len(found.queues)
    return {queue.name: queue.arguments for queue in found.queues}


def bindings(found: Topology) -> set[tuple[str, str, str]]:
    return {(binding.exchange, binding.queue, binding.key) for binding in found.bindings}


def test_the_topology_of_one_provider_is_that_of_the_contract() -> None:
    found = wanted("beeline")
    assert {exchange.name: (exchange.kind, exchange.arguments) for exchange in found.exchanges} == EXCHANGES
    assert queues(found) == QUEUES
    assert bindings(found) == BINDINGS
    assert (len(found.exchanges), len(found.bindings)) == (len(EXCHANGES), len(BINDINGS))


def test_classic_queues_have_none_of_the_arguments_that_only_quorum_queues_know() -> None:
    quorum_only = {"x-dead-letter-strategy", "x-overflow"}
    assert queues(wanted("beeline", queue_type="classic")) == {
        name: {key: value for key, value in arguments.items() if key not in quorum_only} | {"x-queue-type": "classic"}
        for name, arguments in QUEUES.items()
    }


def test_default_queues_can_be_left_out_and_nothing_else_goes_with_them() -> None:
    found = wanted("beeline", default_queues=False)
    defaults = {"sms.results", "sms.inbound", "sms.events"}
    assert queues(found).keys() == QUEUES.keys() - defaults
    assert bindings(found) == {binding for binding in BINDINGS if binding[1] not in defaults}
    assert {exchange.name for exchange in found.exchanges} == EXCHANGES.keys()


def test_another_prefix_changes_every_name_and_every_argument_that_names_one() -> None:
    shown, plain = repr(wanted("beeline", prefix="acme")), repr(wanted("beeline"))
    assert "sms" not in shown
    assert shown.replace("acme", "sms") == plain


@pytest.mark.parametrize("providers", [[], ["a"], ["a", "b-2", "c"]])
def test_each_provider_adds_three_queues_and_four_bindings(providers: list[str]) -> None:
    found = wanted(*providers)
    assert len(found.queues) == len(QUEUES) - 3 + 3 * len(providers)
    assert len(found.bindings) == len(BINDINGS) - 4 + 4 * len(providers)


def test_an_exchange_is_declared_before_what_names_it() -> None:
    names = [exchange.name for exchange in wanted().exchanges]
    assert names.index("sms.returned") < names.index("sms.requests")


def test_a_work_queue_is_named_after_provider_and_priority() -> None:
    assert work_queue("sms", "beeline", "bulk") == "sms.requests.beeline.bulk"


def test_definitions_are_rabbitmqs_durable_and_in_the_vhost() -> None:
    shown: Any = definitions(wanted("beeline"), "/sms")
    assert sorted(shown) == ["bindings", "exchanges", "queues"]
    requests = next(exchange for exchange in shown["exchanges"] if exchange["name"] == "sms.requests")
    assert requests == {
        "name": "sms.requests",
        "vhost": "/sms",
        "type": "topic",
        "durable": True,
        "auto_delete": False,
        "internal": False,
        "arguments": {"alternate-exchange": "sms.returned"},
    }
    assert [queue for queue in shown["queues"] if queue["name"] == "sms.hold.1m"] == [
        {
            "name": "sms.hold.1m",
            "vhost": "/sms",
            "durable": True,
            "auto_delete": False,
            "arguments": SAFE | hold(60_000),
        }
    ]
    assert [binding for binding in shown["bindings"] if binding["routing_key"] == "beeline"] == [
        {
            "source": "sms.requests",
            "vhost": "/sms",
            "destination": "sms.requests.beeline.normal",
            "destination_type": "queue",
            "routing_key": "beeline",
            "arguments": {},
        }
    ]
    assert [len(shown[kind]) for kind in ("exchanges", "queues", "bindings")] == [11, 12, 13]
