"""What the daemon says of itself over HTTP, on stderr, and as events."""

import json
import time

from rig.daemon import Daemon, provider
from rig.patience import eventually
from rig.ports import free_port
from rig.stage import Stage


def test_the_status_page_is_as_the_contract_says(stage: Stage) -> None:
    simulator = stage.simulator()
    idle = provider(simulator.port, system_id="idle", active=False)
    daemon = stage.daemon({"p": provider(simulator.port, max_rate=30), "idle": idle})
    daemon.bound("p")
    status = daemon.status()
    assert {"node", "version", "started_at", "broker", "providers"} <= set(status)
    assert (status["node"], status["broker"]["state"]) == ("here", "connected")
    p = status["providers"]["p"]
    expected = {
        "active": True, "state": "open", "host": f"127.0.0.1:{simulator.port}", "max_rate": 30, "rate_now": 30,
        "window": 10, "window_used": 0, "waiting": {"urgent": 0, "normal": 0, "bulk": 0}, "paused": False,
    }  # fmt: skip
    assert {name: p[name] for name in expected} == expected
    assert {"since", "detail", "title", "senders", "encodings", "max_segments", "quiet_until", "ceiling"} < set(p)
    assert (p["senders"], p["encodings"], p["max_segments"]) == ([], ["gsm7", "ucs2"], 10)
    assert set(status["providers"]["idle"]) >= set(p)
    assert (status["providers"]["idle"]["active"], status["providers"]["idle"]["state"]) == (False, "closed")


def test_times_of_the_status_page_are_times(stage: Stage) -> None:
    daemon = stage.bound(stage.simulator())
    status = daemon.status()
    assert str(status["started_at"]).endswith("Z")
    assert str(status["providers"]["p"]["since"]).endswith("Z")


def test_the_status_page_counts_what_waits(stage: Stage) -> None:
    simulator = stage.simulator(no_answer=[{}])
    daemon = stage.bound(simulator, window=2)
    stage.crm.send_many(3, "p.urgent")
    stage.crm.send_many(4, "p.bulk")

    def seen() -> bool:
        p = daemon.status()["providers"]["p"]
        return p["window_used"] == 2 and p["waiting"] == {"urgent": 1, "normal": 0, "bulk": 4}

    eventually(seen)


def test_livez_and_readyz_answer_while_binds_are_down(stage: Stage) -> None:
    simulator = stage.simulator()
    simulator.go_down()
    daemon = stage.daemon({"p": provider(simulator.port)})
    assert daemon.web("/livez")[0] == 200
    assert daemon.web("/readyz")[0] == 200
    assert daemon.web("/nothing")[0] == 404


def test_with_the_broker_away_at_start_nothing_is_bound(stage: Stage) -> None:
    simulator = stage.simulator()
    broker = {"url": f"amqp://guest:hush@127.0.0.1:{free_port()}/%2F", "prefix": stage.prefix}
    settings = {"broker": broker, "providers": {"p": provider(simulator.port)}}
    with Daemon(settings, stage.directory, ready=False) as daemon:
        eventually(lambda: daemon.web("/livez")[0] == 200)
        time.sleep(0.5)
        status, body = daemon.web("/readyz")
        assert status == 503
        assert "broker" in json.loads(body)["detail"]
        assert daemon.status()["providers"]["p"]["state"] == "closed"
        assert simulator.history() == []
        assert daemon.term(10) == 0
        assert "hush" not in daemon.tail()


def test_the_daemon_becomes_ready_once_the_broker_comes(stage: Stage) -> None:
    simulator, forward = stage.simulator(), stage.forward()
    daemon = stage.daemon({"p": provider(simulator.port)}, ready=False, url=forward.url)
    eventually(lambda: daemon.web("/readyz")[0] == 503)
    forward.open()
    daemon.ready()
    daemon.bound()
    forward.close()
    eventually(lambda: daemon.web("/readyz")[0] == 503)
    assert daemon.web("/livez")[0] == 200


def test_metrics_count_messages_and_show_the_bind(stage: Stage) -> None:
    simulator = stage.simulator()
    daemon = stage.bound(simulator)
    stage.crm.finals(stage.crm.send_many(5))
    metrics = daemon.metrics()
    assert metrics['smsd_results_total{provider="p",status="sent"}'] == 5
    assert metrics['smsd_bind_up{provider="p"}'] == metrics["smsd_broker_up"] == 1
    simulator.go_down()
    eventually(lambda: daemon.metrics()['smsd_bind_up{provider="p"}'] == 0)


def test_events_say_what_happened_from_start_to_stop(stage: Stage) -> None:
    simulator = stage.simulator()
    daemon = stage.bound(simulator)
    assert daemon.term() == 0
    crm = stage.crm
    crm.event("stopping")
    crm.event("unbound")
    assert [event["event"] for event in crm.events] == ["started", "connecting", "bound", "stopping", "unbound"]
    assert len({event["event_id"] for event in crm.events}) == 5
    bound = crm.event("bound")
    assert {"event_id", "event", "provider", "state", "at", "node", "detail", "host"} <= set(bound)
    assert (bound["provider"], bound["state"], bound["node"]) == ("p", "open", "here")
    assert crm.event("started")["provider"] is None


def test_the_log_is_json_lines_without_texts_numbers_or_secrets(stage: Stage) -> None:
    simulator = stage.simulator(credentials={"acme": "hush"})
    daemon = stage.bound(simulator, password="hush")
    stage.crm.final(stage.crm.send("a secret text", to="+7 900 000 12 34"))
    stage.crm.final(stage.crm.send("a secret text", to="+7 900 000 12 34", encoding="none"))
    assert daemon.term() == 0
    log = json.dumps(daemon.log_lines())
    assert len(daemon.log_lines()) > 3
    assert "a secret text" not in log
    assert "hush" not in log
    assert "9000001234" not in log.replace(" ", "")
