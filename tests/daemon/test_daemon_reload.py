"""SIGHUP: what changes, what does not, and what is said of it."""

import itertools
import os

import pytest
from rig import rabbit
from rig.daemon import provider
from rig.patience import eventually
from rig.ports import free_port
from rig.record import most_in_a_second, times
from rig.reload import reload
from rig.stage import Stage


def test_what_counts_in_place_does_not_touch_the_bind(stage: Stage) -> None:
    simulator = stage.simulator()
    daemon = stage.bound(simulator, max_rate=2)
    crm = stage.crm
    ids = crm.send_many(30)
    simulator.sent(2)
    event = reload(stage, daemon, {"p": provider(simulator.port, max_rate=500, window=50, senders=["Shop"])})
    assert event["event"] == "config_reloaded"
    assert event["changes"] == ['in place p: senders [] -> ["Shop"], max_rate 2 -> 500, window 10 -> 50']
    crm.finals(ids, timeout=5.0)
    later = crm.send("from the shop")
    assert crm.final(later)["from"] == "Shop"
    status = daemon.status()["providers"]["p"]
    assert (status["max_rate"], status["rate_now"], status["window"]) == (500, 500, 50)
    assert [event["event"] for event in simulator.history()] == ["connected", "bound"]


def test_other_connection_data_drain_the_window_unbind_and_bind_anew(stage: Stage) -> None:
    one, other = stage.simulator(latency=0.5), stage.simulator()
    daemon = stage.bound(one, window=5)
    crm = stage.crm
    ids = crm.send_many(20)
    one.sent(5)
    event = reload(stage, daemon, {"p": provider(other.port, window=5)})
    assert event["changes"] == [f"rebind p: port {one.port} -> {other.port}"]
    assert {result["status"] for result in crm.finals(ids)} == {"sent"}
    texts = one.texts() + other.texts()
    assert sorted(texts) == sorted(set(texts))
    assert (len(texts), one.count()) == (20, 5)
    assert [event["event"] for event in one.history()] == ["connected", "bound", "unbound", "closed"]
    assert [event["event"] for event in other.history()] == ["connected", "bound"]
    closed, opened = crm.event("unbound"), crm.event("bound", after=1)
    assert (closed["state"], opened["state"]) == ("closed", "open")
    assert closed["detail"] == f"connection closed: rebind p: port {one.port} -> {other.port}"
    assert f"connection open (transceiver at 127.0.0.1:{other.port}" in opened["detail"]


def test_a_password_that_differs_in_its_file_rebinds_and_is_never_shown(stage: Stage) -> None:
    simulator = stage.simulator(credentials={"acme": "first"})
    secret = stage.directory / "secret"
    secret.write_text("first\n")
    secret.chmod(0o600)
    providers = {"p": provider(simulator.port, password={"file": str(secret)})}
    daemon = stage.daemon(providers)
    daemon.bound()
    simulator.obey(credentials={"acme": "second"})
    secret.write_text("second\n")
    event = reload(stage, daemon, providers)
    assert event["changes"] == ["rebind p: password (changed)"]
    stage.crm.event("bound", after=1)
    assert "second" not in daemon.tail()


def test_a_bad_file_changes_nothing_and_is_told_until_a_good_one_comes(stage: Stage) -> None:
    simulator = stage.simulator()
    daemon = stage.bound(simulator)
    crm = stage.crm
    good = {"p": provider(simulator.port)}
    event = reload(stage, daemon, {"p": provider(simulator.port, windw=5, max_rate=-1)})
    assert event["event"] == "config_refused"
    assert [problem.split(": ", 1)[1] for problem in event["problems"]] == [
        "providers.p.max_rate: must be a number above 0, at most 100000, or null, got '-1'",
        "providers.p.windw: unknown key; did you mean 'window'?",
    ]
    assert event["detail"].startswith(f"nothing has changed: {event['problems'][0]} (and 1 more)")
    assert daemon.metrics()["smsd_config_last_reload_successful"] == 0
    assert [line["level"] for line in daemon.logged("config_refused")] == ["error"]
    assert crm.final(crm.send())["status"] == "sent"
    assert reload(stage, daemon, good)["changes"] == []
    assert daemon.metrics()["smsd_config_last_reload_successful"] == 1
    assert [event["event"] for event in simulator.history()] == ["connected", "bound"]


def test_untouched_providers_notice_nothing(stage: Stage) -> None:
    quiet, changing = stage.simulator(latency=3600.0), stage.simulator()
    providers = {"p": provider(quiet.port, window=5), "q": provider(changing.port)}
    daemon = stage.daemon(providers, stop_timeout="100ms")
    daemon.bound()
    crm = stage.crm
    crm.send_many(20)
    quiet.sent(5)
    crm.until(lambda: daemon.status()["providers"]["p"]["waiting"]["normal"] == 15)
    before = (daemon.status()["providers"]["p"], _consumers(stage, "p"))
    for n in range(1, 6):
        changed = {**providers, "q": provider(changing.port, max_rate=n, system_id=f"q{n}"), "r": provider(1)}
        reload(stage, daemon, changed if n % 2 else {**changed, "r": provider(2, active=False)})
        crm.event("bound", after=1 + n)
    assert (daemon.status()["providers"]["p"], _consumers(stage, "p")) == before
    assert quiet.received() == {"bind_transceiver": 1, "submit_sm": 5}
    assert [event["event"] for event in quiet.history()] == ["connected", "bound"]
    assert len(changing.history("bound")) == 6
    assert crm.waiting() == 0, "nothing went back to the queues"


def _consumers(stage: Stage, name: str) -> list[int]:
    with rabbit.connect(stage.url) as connection:
        return [rabbit.depth(connection, f"{stage.prefix}.requests.{name}.{p}")[1] for p in rabbit.PRIORITIES]


def test_a_provider_that_is_added_gets_its_queues_its_metrics_and_its_bind(stage: Stage) -> None:
    one, other = stage.simulator(), stage.simulator()
    daemon = stage.bound(one)
    crm = stage.crm
    event = reload(stage, daemon, {"p": provider(one.port), "q": provider(other.port)})
    assert event["changes"] == [f"add q: 127.0.0.1:{other.port}, system_id acme"]
    daemon.bound("q")
    assert crm.final(crm.send(key="q.urgent"))["status"] == "sent"
    assert daemon.metrics()['smsd_results_total{provider="q",status="sent"}'] == 1
    assert crm.command("pause", "q")["state"] == "paused"
    assert one.count() == 0


def test_a_provider_that_is_removed_drains_unbinds_and_leaves_its_queues(stage: Stage) -> None:
    one, other = stage.simulator(), stage.simulator(latency=0.5)
    providers = {"p": provider(one.port), "q": provider(other.port, window=5)}
    daemon = stage.daemon(providers)
    daemon.bound()
    crm = stage.crm
    ids = crm.send_many(20, "q")
    other.sent(5)
    event = reload(stage, daemon, {"p": providers["p"]})
    assert event["changes"] == ["remove q: drains and unbinds; its queues stay, unread"]
    crm.until(lambda: crm.waiting("q") == 15)
    crm.until(lambda: sum(bool(crm.results[id]) for id in ids) == 5)
    eventually(lambda: [event["event"] for event in other.history()][-2:] == ["unbound", "closed"])
    assert "q" not in daemon.status()["providers"]
    assert not any('provider="q"' in name for name in daemon.metrics())
    assert _consumers(stage, "q") == [0, 0, 0]
    reload(stage, daemon, providers)
    assert {result["status"] for result in crm.finals(ids)} == {"sent"}
    assert len(set(other.texts())) == len(other.texts()) == 20


def test_a_provider_that_is_deactivated_and_activated_again_goes_on_where_it_was(stage: Stage) -> None:
    simulator = stage.simulator()
    daemon = stage.bound(simulator)
    crm = stage.crm
    event = reload(stage, daemon, {"p": provider(simulator.port, active=False)})
    assert event["changes"] == ["deactivate p: drains and unbinds; its queues stay, unread"]
    crm.event("unbound")
    status = daemon.status()["providers"]["p"]
    assert (status["active"], status["state"], status["detail"]) == (False, "closed", "not active")
    waiting = crm.send()
    crm.until(lambda: crm.waiting() == 1)
    event = reload(stage, daemon, {"p": provider(simulator.port)})
    assert event["changes"] == [f"activate p: 127.0.0.1:{simulator.port}, system_id acme"]
    assert crm.final(waiting)["status"] == "sent"


def test_two_providers_that_swap_their_logins_never_bind_twice_with_the_same(stage: Stage) -> None:
    simulator = stage.simulator(latency=0.3, single_bind=True)
    logins = {"p": provider(simulator.port, system_id="one"), "q": provider(simulator.port, system_id="two")}
    daemon = stage.daemon(logins)
    daemon.bound()
    stage.crm.send_many(10, "p")
    simulator.sent(10)
    swapped = {"p": provider(simulator.port, system_id="two"), "q": provider(simulator.port, system_id="one")}
    reload(stage, daemon, swapped)
    stage.crm.event("bound", after=3)
    reload(stage, daemon, {"renamed": swapped["p"], "q": swapped["q"]})
    stage.crm.event("bound", after=4)
    daemon.bound("renamed", "q")
    assert simulator.history("bind_refused") == []


def test_what_was_removed_and_comes_back_while_it_still_drains_binds_once_it_has_left(stage: Stage) -> None:
    simulator = stage.simulator(latency=1.0)
    daemon = stage.bound(simulator)
    crm = stage.crm
    ids = crm.send_many(10)
    simulator.sent(10)
    reload(stage, daemon, {})
    reload(stage, daemon, {"p": provider(simulator.port, max_rate=5)})
    assert {result["status"] for result in crm.finals(ids)} == {"sent"}
    crm.event("bound", after=1)
    assert [event["event"] for event in simulator.history()] == [
        *("connected", "bound", "unbound", "closed"),
        *("connected", "bound"),
    ]
    assert daemon.status()["providers"]["p"]["max_rate"] == 5


def test_several_hangups_during_a_reload_are_one_more(stage: Stage) -> None:
    simulator = stage.simulator()
    daemon = stage.bound(simulator)
    many = {f"x{n}": provider(1, active=False) for n in range(200)}
    stage.configure(daemon, {"p": provider(simulator.port), **many})
    for _ in range(20):
        daemon.hup()
    crm = stage.crm
    crm.event("config_reloaded")
    crm.read(1.0)
    assert 1 <= len(crm.named("config_reloaded")) <= 20
    assert crm.named("config_refused") == []


def test_what_needs_a_restart_is_named_and_the_rest_applies(stage: Stage) -> None:
    simulator = stage.simulator()
    daemon = stage.bound(simulator)
    settings = {"node": "there", "journal": {"path": str(stage.directory / "other.db")}}
    for _ in range(2):
        event = reload(stage, daemon, {"p": provider(simulator.port, window=7)}, **settings)
        assert [change.split(" ")[3] for change in event["changes"] if "restart" in change] == ["journal.path", "node"]
        assert event["node"] == "here"
    assert daemon.status()["providers"]["p"]["window"] == 7


def test_the_port_moves_and_stays_where_it_was_if_the_new_one_is_taken(stage: Stage) -> None:
    simulator = stage.simulator()
    daemon = stage.bound(simulator)
    good = {"p": provider(simulator.port)}
    taken = f"127.0.0.1:{simulator.port}"
    event = reload(stage, daemon, good, http={"listen": taken})
    assert event["changes"][-1].startswith(f"not applied: http.listen stays 127.0.0.1:{daemon.port}")
    assert daemon.web("/livez")[0] == 200
    old, daemon.port = daemon.port, free_port()
    reload(stage, daemon, good, http={"listen": f"127.0.0.1:{daemon.port}"})
    eventually(lambda: daemon.web("/livez")[0] == 200)
    new, daemon.port = daemon.port, old
    assert daemon.web("/livez")[0] == 0
    daemon.port = new
    reload(stage, daemon, good, http={"listen": f"0.0.0.0:{new}"})
    eventually(lambda: daemon.web("/livez")[0] == 200)


def test_the_log_level_changes_in_place(stage: Stage) -> None:
    simulator = stage.simulator()
    daemon = stage.bound(simulator)
    good = {"p": provider(simulator.port)}
    reload(stage, daemon, good, log={"level": "error", "format": "json"})
    before = len(daemon.log_lines())
    assert stage.crm.final(stage.crm.send())["status"] == "sent"
    assert len(daemon.log_lines()) == before
    reload(stage, daemon, good, log={"level": "info", "format": "console"})
    stage.crm.final(stage.crm.send())
    eventually(lambda: any("message" in line and not line.startswith("{") for line in daemon.tail().splitlines()))


def test_a_reload_while_the_broker_is_away_counts_when_it_is_back(stage: Stage) -> None:
    one, other = stage.simulator(), stage.simulator()
    way = stage.forward()
    way.open()
    daemon = stage.daemon({"p": provider(one.port, max_rate=5)}, url=way.url)
    daemon.bound()
    crm = stage.crm
    way.close()
    eventually(lambda: daemon.web("/readyz")[0] == 503)
    stage.configure(daemon, {"p": provider(one.port, max_rate=50), "q": provider(other.port)}, url=way.url)
    daemon.hup()
    eventually(lambda: daemon.status()["providers"].get("q"))
    status = daemon.status()["providers"]
    assert (status["p"]["max_rate"], status["q"]["state"], status["q"]["detail"]) == (
        *(50, "closed"),
        "waiting for the broker",
    )
    way.open()
    daemon.bound()
    assert crm.final(crm.send(key="q"))["status"] == "sent"
    assert crm.final(crm.send())["status"] == "sent"


def test_a_reload_before_the_broker_was_ever_there_counts_when_it_comes(stage: Stage) -> None:
    simulator = stage.simulator()
    way = stage.forward()
    daemon = stage.daemon({"p": provider(1)}, url=way.url, ready=False)
    eventually(lambda: daemon.web("/livez")[0] == 200)
    stage.configure(daemon, {"q": provider(simulator.port)}, url=way.url)
    daemon.hup()
    eventually(lambda: list(daemon.status()["providers"]) == ["q"])
    way.open()
    daemon.ready()
    daemon.bound("q")
    assert stage.crm.final(stage.crm.send(key="q"))["status"] == "sent"


def test_queues_that_are_missing_are_named_and_nobody_else_suffers(stage: Stage) -> None:
    one, other = stage.simulator(), stage.simulator()
    daemon = stage.bound(one)
    crm = stage.crm
    assert daemon.term() == 0
    providers = {"p": provider(one.port)}
    daemon = stage.daemon(providers, broker={"declare": False})
    daemon.bound()
    reload(stage, daemon, {**providers, "q": provider(other.port)}, broker={"declare": False})
    missing = crm.event("check_failed")
    assert (missing["provider"], missing["state"]) == ("q", "closed")
    names = [f"queue {stage.prefix}.requests.q.{priority}" for priority in rabbit.PRIORITIES]
    assert missing["detail"].startswith(f"connection closed: its queues are not there: missing: {', '.join(names)}; ")
    assert daemon.status()["providers"]["q"]["detail"] in missing["detail"]
    assert crm.final(crm.send())["status"] == "sent"
    assert len(one.history("bound")) == 2
    assert daemon.web("/readyz")[0] == 200


def test_queues_that_differ_cost_only_the_provider_that_is_added(stage: Stage) -> None:
    one, other = stage.simulator(), stage.simulator()
    daemon = stage.bound(one)
    with rabbit.connect(stage.url) as connection:
        connection.channel().queue_declare(f"{stage.prefix}.requests.q.urgent", durable=True)
    reload(stage, daemon, {"p": provider(one.port), "q": provider(other.port)})
    detail = stage.crm.event("check_failed")["detail"]
    assert f"queue {stage.prefix}.requests.q.urgent was declared by somebody else" in detail
    assert stage.crm.final(stage.crm.send())["status"] == "sent"
    assert daemon.web("/readyz")[0] == 200


def test_an_error_of_our_own_is_told_and_everything_goes_on(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = "import smsd.settings.change as it\ndef change(*_): raise RuntimeError('unforeseen')\nit.change = change\n"
    (stage.directory / "sitecustomize.py").write_text(broken)
    monkeypatch.setenv("PYTHONPATH", f"{stage.directory}:{os.environ.get('PYTHONPATH', '')}")
    simulator = stage.simulator()
    daemon = stage.bound(simulator)
    for _ in range(2):
        event = reload(stage, daemon, {"p": provider(simulator.port, window=5)})
        assert (event["event"], len(event["problems"])) == ("config_refused", 1)
        assert "RuntimeError('unforeseen')" in event["problems"][0]
    assert len(daemon.logged("crash")) == 2
    assert stage.crm.final(stage.crm.send())["status"] == "sent"
    assert daemon.metrics()["smsd_config_last_reload_successful"] == 0


def test_a_hangup_while_smsd_stops_is_ignored(stage: Stage) -> None:
    simulator = stage.simulator(latency=1.0)
    daemon = stage.bound(simulator)
    stage.crm.send_many(10)
    simulator.sent(10)
    daemon.ask_to_stop()
    stage.crm.event("stopping")
    daemon.hup()
    assert daemon.term() == 0
    stage.crm.read(0.2)
    assert stage.crm.named("config_reloaded") == []


def test_receipts_of_before_are_matched_after_a_rebind_and_in_another_group(stage: Stage) -> None:
    simulator = stage.simulator(receipts={"stat": None})
    daemon = stage.bound(simulator, receipts=True)
    crm = stage.crm
    ids = [crm.send(text) for text in ("one", "two")]
    submits = simulator.sent(2)
    for group, submit in zip(("acme", "other"), submits, strict=True):
        providers = {"p": provider(simulator.port, receipts=True, receipt_group=group, system_type=group)}
        reload(stage, daemon, providers)
        crm.event("bound", after=1)
        eventually(lambda: simulator.bound())
        simulator.receipt(submit["message_id"])
    daemon.bound()
    assert {result["status"] for result in crm.finals(ids)} == {"delivered"}


def test_the_rate_holds_across_reloads(stage: Stage) -> None:
    simulator = stage.simulator()
    rates = itertools.cycle([20, 5])
    daemon = stage.bound(simulator, max_rate=20, window=50)
    stage.crm.send_many(200)
    simulator.sent(20)
    for _ in range(8):
        next(rates)
        reload(stage, daemon, {"p": provider(simulator.port, max_rate=next(rates), window=50)})
    assert most_in_a_second(times(simulator.submits())) <= 20
