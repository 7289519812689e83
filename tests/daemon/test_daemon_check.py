"""`smsd check --connect` beside a running daemon: what that holds is asked of it, and never bound twice."""

import json
from typing import Any

from click.testing import CliRunner
from rig.daemon import Daemon, provider
from rig.patience import eventually
from rig.stage import Stage

from smsd.cli import main


def told(stage: Stage, daemon: Daemon, *names: str) -> dict[str, dict[str, Any]]:
    """Its word on each provider of the daemon's own file."""
    config = stage.directory / f"smsd-{daemon.port}.yaml"
    done = CliRunner().invoke(main, ["check", "--config", str(config), "--connect", "--json", *names])
    found = json.loads(done.stdout)
    assert done.exit_code == (0 if found["ok"] else 1)
    return {one["provider"]: one for one in found["connections"]}


def test_a_provider_that_the_daemon_holds_is_open_and_not_bound_again(stage: Stage) -> None:
    simulator = stage.simulator(single_bind=True)
    daemon = stage.bound(simulator)
    assert told(stage, daemon)["p"] == {
        "provider": "p",
        "host": f"127.0.0.1:{simulator.port}",
        "state": "open",
        "detail": "transceiver, SMSC smsd-sim",
        "smpp_status": None,
        "held": True,
    }
    assert len(simulator.history("connected")) == 1


def test_one_that_the_daemon_can_not_bind_is_closed_for_the_daemons_reason(stage: Stage) -> None:
    simulator = stage.simulator(credentials={"acme": "secret"})
    daemon = stage.daemon({"p": provider(simulator.port, password="mistaken")})
    stage.crm.event("auth_failed")
    p = told(stage, daemon)["p"]
    assert (p["state"], p["held"]) == ("closed", True)
    assert p["detail"] == "ESME_RINVPASWD: the password is wrong: correct `password`; next try in 5 s"
    assert len(simulator.history("connected")) == 1


def test_only_what_the_daemon_does_not_hold_is_bound(stage: Stage) -> None:
    simulator = stage.simulator()
    new, taken = provider(simulator.port, system_id="new"), provider(simulator.port)
    daemon = stage.daemon({"p": taken, "new": {**new, "active": False}, "double": {**taken, "active": False}})
    daemon.bound("p")
    found = told(stage, daemon, "p", "new", "double")
    assert {name: (one["state"], one["held"]) for name, one in found.items()} == {
        "p": ("open", True),
        "new": ("open", False),
        "double": ("closed", False),
    }
    assert found["double"]["detail"].startswith("not tried: same connection data as p ")
    assert [bound["system_id"] for bound in simulator.history("bound")] == ["acme", "new"]


def test_a_daemon_that_can_not_be_asked_keeps_what_it_may_hold(stage: Stage) -> None:
    simulator = stage.simulator()
    daemon = stage.daemon({"p": provider(simulator.port)}, ready=False, http={"listen": ""})
    eventually(simulator.bound)
    p = told(stage, daemon)["p"]
    assert p["state"] == "closed"
    assert p["detail"].startswith("not tried: smsd runs (pid ")
    assert p["detail"].endswith("and can't be asked: http.listen is empty")
    daemon.kill9()
    eventually(lambda: not simulator.bound())
    assert told(stage, daemon)["p"]["state"] == "open"
