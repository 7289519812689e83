"""Headers in which a broker keeps account: 3.10 believes them of anybody, and drops what looks like a cycle."""

from datetime import UTC, datetime, timedelta

from rig import rabbit
from rig.stage import Stage

DEATH = ("x-death", "x-first-death-queue", "x-first-death-reason", "x-first-death-exchange", "x-delivery-count")


def test_a_request_that_says_it_died_rests_without_that_word(quorum: Stage) -> None:
    daemon = quorum.bound(quorum.simulator())
    work = f"{quorum.prefix}.requests.p.normal"
    exchange = f"{quorum.prefix}.requests"
    death = {"queue": work, "reason": "delivery_limit", "count": 1, "exchange": exchange, "routing-keys": ["p.normal"]}
    headers = {
        "x-death": [death],
        "x-first-death-queue": work,
        "x-first-death-reason": "delivery_limit",
        "x-first-death-exchange": exchange,
        "x-delivery-count": 3,
        "crm": "kept",
    }
    due = (datetime.now(UTC) + timedelta(seconds=3000)).isoformat()
    quorum.crm.send("later", send_after=due, properties={"headers": headers})
    with rabbit.connect(quorum.url) as connection:
        (held,) = rabbit.drain(connection, f"{quorum.prefix}.hold.10m", until=1)
    words = {name: held.properties.headers[name] for name in DEATH if name in held.properties.headers}
    assert words in ({}, {"x-delivery-count": 0})  # 3.10 tells every reader the number of its own returns
    assert held.properties.headers["crm"] == "kept"
    assert daemon.term() == 0
