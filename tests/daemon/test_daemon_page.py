"""The status page as the daemon serves it."""

import http.client
import os
from pathlib import Path

from rig.daemon import Daemon, provider
from rig.patience import eventually
from rig.stage import Stage


def words(daemon: Daemon, path: str = "/") -> str:
    status, body = daemon.web(path)
    assert status == 200
    return body


def test_the_page_is_read_only_and_keeps_strangers_out(stage: Stage) -> None:
    daemon = stage.daemon({})
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port)
    connection.request("GET", "/")
    answer = connection.getresponse()
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = answer.headers["Content-Security-Policy"]
    assert {"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"} <= set(policy.split("; "))
    assert answer.headers["Cache-Control"] == "no-store"
    answer.read()
    connection.request("POST", "/", b"x")
    assert connection.getresponse().status == 405
    connection.close()


def test_the_page_counts_todays_results_and_what_went_wrong(stage: Stage) -> None:
    simulator = stage.simulator(errors=[{"to": "7$", "status": "0x0B"}])
    daemon = stage.bound(simulator, title="Билайн")
    crm = stage.crm
    crm.finals([*crm.send_many(5), crm.send(to="+7 900 000 00 07"), crm.send("a secret text", to="no number")])
    expected = ('data-label="sent">5<', 'data-label="failed">2<')
    html = eventually(lambda: html if all(each in (html := words(daemon)) for each in expected) else "")
    assert "ESME_RINVDSTADR: the provider does not accept this recipient: check the number" in html
    assert "rejected: bad-number" in html
    assert "9000000007" not in html.replace(" ", "")
    assert "no number" not in html
    assert "a secret text" not in html


def test_the_log_of_a_provider_survives_a_restart(stage: Stage) -> None:
    simulator = stage.simulator(credentials={"acme": "right"})
    daemon = stage.daemon({"p": provider(simulator.port, password="wrong")})
    eventually(lambda: "auth_failed</b>" in words(daemon, "/?open=p"))
    daemon.kill9()
    simulator.go_down()
    daemon.start()
    daemon.ready()
    log = eventually(lambda: log if "<b>lost</b>" in (log := words(daemon, "/?open=p")) else "")
    assert log.index("<b>lost</b>") < log.index("<b>auth_failed</b>")
    assert "correct <code>password</code>" in log
    assert "<b>connecting</b>" not in log


def test_who_opens_what_is_not_there_gets_the_page(stage: Stage) -> None:
    daemon = stage.daemon({})
    assert "0 providers" in words(daemon, "/?open=nobody,%3Cscript%3E,&q=%3Cb%3E&all=")


def test_a_broker_that_is_away_is_said_first(stage: Stage) -> None:
    forward = stage.forward()
    forward.open()
    daemon = stage.daemon({}, url=forward.url)
    assert "broker connected" in words(daemon)
    assert 'class="troubles"' not in words(daemon)
    forward.close()
    eventually(lambda: "<li>no broker, nothing is sent: " in words(daemon))


def test_a_reload_that_was_refused_is_said_first(stage: Stage) -> None:
    daemon = stage.daemon({})
    assert "settings read " in words(daemon)
    daemon.configure({"providers": {"p": {}}})
    daemon.hup()
    eventually(lambda: "<li>the last reload was refused, the settings from before are in force: " in words(daemon))
    assert daemon.metrics()["smsd_config_last_reload_successful"] == 0


def test_a_journal_that_cannot_be_read_costs_the_counts_not_the_page(stage: Stage) -> None:
    daemon = stage.daemon({"p": provider(1, active=False)})
    journal = next(Path(stage.directory).glob("journal-*.db"))
    os.rename(journal, journal.with_suffix(".away"))
    try:
        html = eventually(lambda: html if "can&#x27;t be read: " in (html := words(daemon, "/?open=p")) else "")
    finally:
        os.rename(journal.with_suffix(".away"), journal)
    assert "not active" in html
    eventually(lambda: "be read: " not in words(daemon))
