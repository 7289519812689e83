"""The unit under a real systemd, with the package installed: what an operator does, seen through systemctl."""

import re
import socket
from typing import Any

import pytest
from rig.daemon import provider
from rig.patience import eventually
from rig.service import CONFIG, Service
from rig.stage import Stage

pytestmark = pytest.mark.timeout(900)  # the first to ask makes the Debian and the package


def configured(service: Service, stage: Stage, port: int, *, bound: bool = True, **settings: Any) -> dict[str, Any]:
    """Writes and returns settings with one provider `p` at a port, and starts smsd unless told otherwise."""
    whole = stage.settings({"p": provider(port, **settings)})
    service.configure(whole)
    if bound:
        service.start("p")
    return whole


def test_a_started_service_sends_a_message_and_systemctl_tells_how_many_are_bound(
    service: Service, stage: Stage
) -> None:
    simulator = stage.simulator()
    configured(service, stage, simulator.port, receipts=True)
    said = service.machine.run("smsd", "send", "p", "+7 900 000 00 11", "hello", "--wait", "--id", "first")
    assert re.search(r"first: +sent.*\n.*first: +delivered", said), said
    assert stage.crm.final("first")["status"] == "delivered"
    assert eventually(lambda: "1/1 providers bound" in service.ask("status").stdout)
    assert service.journal("--priority=warning", "--identifier=smsd") == ""
    assert '"event":"bound"' in service.journal("--priority=info")


def test_a_reload_with_a_good_file_applies_it_and_keeps_process_and_bind(service: Service, stage: Stage) -> None:
    simulator = stage.simulator()
    settings = configured(service, stage, simulator.port, max_rate=10)
    pid = service.pid()
    settings["providers"]["p"]["max_rate"] = 20
    service.configure(settings)
    reload = service.ask("reload")
    assert reload.returncode == 0, reload.stdout
    stage.crm.event("config_reloaded")
    assert (service.pid(), service.state()) == (pid, "active running")
    assert len(simulator.history("bound")) == 1


def test_a_reload_with_a_bad_file_fails_and_says_where_and_smsd_goes_on(service: Service, stage: Stage) -> None:
    simulator = stage.simulator()
    settings = configured(service, stage, simulator.port)
    pid = service.pid()
    settings["providers"]["p"]["max_rate"] = -5
    service.configure(settings)
    assert service.ask("reload").returncode != 0
    place = re.compile(rf"{CONFIG}:\d+:\d+: providers\.p\.max_rate: ")
    assert place.search(service.ask("status").stdout)
    assert place.search(service.journal())
    assert (service.pid(), service.state()) == (pid, "active running")
    stage.crm.final(stage.crm.send("after the bad file"))
    assert len(simulator.history("bound")) == 1


def test_a_bad_file_that_check_did_not_see_is_told_in_the_status_until_a_good_one(
    service: Service, stage: Stage
) -> None:
    simulator = stage.simulator()
    settings = configured(service, stage, simulator.port)
    service.configure({**settings, "providers": {"p": {}}})
    service.kill("HUP")
    stage.crm.event("config_refused")
    assert "refused" in eventually(lambda: "refused" in (told := service.show("StatusText")) and told)
    service.configure(settings)
    assert service.ask("reload").returncode == 0
    assert eventually(lambda: "refused" not in service.show("StatusText"))


def test_a_frozen_daemon_is_killed_by_the_watchdog_and_started_anew(service: Service, stage: Stage) -> None:
    simulator = stage.simulator()
    service.drop_in("WatchdogSec=2s", "RestartSec=100ms")
    configured(service, stage, simulator.port)
    crm = stage.crm
    for text in ("one", "two", "three"):  # more than two seconds in all: the watchdog is fed
        crm.final(crm.send(text))
        crm.read(1.0)
    assert service.show("NRestarts") == "0"
    service.kill("STOP")
    waiting = crm.send("while frozen")
    eventually(lambda: service.show("NRestarts") == "1", 20.0)
    assert "Watchdog timeout" in service.journal()
    service.bound("p")
    assert crm.final(waiting, 20.0)["status"] in ("sent", "uncertain")


def test_after_a_kill_9_it_is_started_anew_and_every_message_in_flight_gets_its_result(
    service: Service, stage: Stage
) -> None:
    simulator = stage.simulator(latency=60.0)
    service.drop_in("RestartSec=100ms")
    configured(service, stage, simulator.port, window=10)
    ids = stage.crm.send_many(15)
    simulator.sent(10)
    service.kill("KILL")
    simulator.obey(latency=0.0)
    statuses = [result["status"] for result in stage.crm.finals(ids)]
    assert service.show("NRestarts") == "1"
    assert statuses[:10] == ["uncertain"] * 10
    assert statuses[11:] == ["sent"] * 4  # of the one between, the intent may have been in the journal already
    assert len(simulator.texts()) == len(set(simulator.texts()))


def test_credentials_may_be_roots_alone_and_are_rotated_by_a_restart(service: Service, stage: Stage) -> None:
    simulator = stage.simulator(credentials={"acme": "one"})
    service.secret("acme", "one\n")
    settings = configured(service, stage, simulator.port, password={"credential": "smsd_acme"})
    assert service.ask("reload").returncode == 0  # whose `smsd check` is not given them
    assert "ok, 1 provider" in service.machine.run("smsd", "check")  # typed by root
    simulator.obey(credentials={"acme": "two"})
    service.secret("acme", "two\n")
    service.machine.run("systemctl", "restart", "smsd")
    service.bound("p")
    assert "two" not in service.journal()
    service.configure({**settings, "providers": {"p": {**settings["providers"]["p"], "password": {"credential": "x"}}}})
    assert service.ask("reload").returncode == 0  # only the daemon itself can tell
    assert "can't read" in eventually(lambda: "can't read" in (told := service.journal()) and told)
    assert "refused" in eventually(lambda: "refused" in (told := service.show("StatusText")) and told)


def test_a_stop_with_a_full_window_awaits_every_answer(service: Service, stage: Stage) -> None:
    simulator = stage.simulator(latency=2.0)
    configured(service, stage, simulator.port, window=10)
    ids = stage.crm.send_many(30)
    simulator.sent(10)
    service.machine.run("systemctl", "stop", "smsd")
    sent = simulator.count()
    told = stage.crm.until(lambda: (found := [id for id in ids if stage.crm.results[id]])[sent - 1 :] and found)
    assert [stage.crm.results[id][0]["status"] for id in told] == ["sent"] * sent
    assert stage.crm.waiting() == 30 - sent
    assert service.state() == "inactive dead"
    assert (service.show("Result"), service.show("ExecMainStatus")) == ("success", "0")


@pytest.mark.parametrize(("exit_code", "broken"), [(78, "the file"), (70, "the journal")])
def test_what_only_a_person_can_mend_is_not_tried_again(
    service: Service, stage: Stage, exit_code: int, broken: str
) -> None:
    service.drop_in("RestartSec=100ms")
    settings = configured(service, stage, 1, bound=False)
    if broken == "the file":
        service.configure({**settings, "providers": {"p": {}}})
    else:
        service.machine.write("/var/lib/smsd/journal.db", "no journal\n" * 1000)
        service.machine.run("chown", "-R", "smsd:smsd", "/var/lib/smsd")
    assert service.ask("start").returncode != 0
    assert (service.state(), service.show("NRestarts")) == ("failed failed", "0")
    assert service.show("ExecMainStatus") == str(exit_code)


def test_what_passes_by_itself_is_tried_until_it_has(service: Service, stage: Stage) -> None:
    service.drop_in("RestartSec=100ms")
    simulator = stage.simulator()
    with socket.create_server(("127.0.0.1", service.port)):
        configured(service, stage, simulator.port, bound=False)
        assert service.ask("start").returncode != 0
        eventually(lambda: service.show("ExecMainStatus") == "75")  # between two tries, the next may have begun
        eventually(lambda: int(service.show("NRestarts")) > 5, 30.0)  # more often than systemd's own limit
    service.bound("p")


def test_root_and_the_group_may_read_the_journal_and_nobody_else(service: Service, stage: Stage) -> None:
    simulator = stage.simulator()
    configured(service, stage, simulator.port)
    done = stage.crm.send("for the journal")
    stage.crm.final(done)
    trace = ["smsd", "trace", done]
    reader = ["setpriv", "--reuid=nobody", "--clear-groups"]
    for running in (True, False):
        assert f"{done} by p" in service.machine.run(*trace)
        assert f"{done} by p" in service.machine.run(*reader, "--regid=smsd", *trace)
        assert service.machine.attempt(*reader, "--regid=nogroup", *trace).returncode != 0
        if running:
            service.machine.run("systemctl", "stop", "smsd")
    service.start("p")  # what root has read is still the daemon's to write
    stage.crm.final(stage.crm.send("and goes on"))
