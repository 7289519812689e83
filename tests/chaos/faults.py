"""Carries out what `plan` has drawn, and undoes it all in the end."""

import itertools
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from chaos.plan import Action
from chaos.scene import PROVIDERS, USUAL, Scene, Smsc

NOBODY = "79990000000"
"""A recipient that no request has."""
HOUR, YEAR = 3600.0, 366 * 86400.0
STEPS = (-YEAR, -HOUR, -3.0, -0.4, 0.4, 3.0, HOUR, YEAR)
"""Seconds by which the daemon's clock of the world is set off."""
STRAYS_FROM = 7_000_000
"""Ids of receipts that no submit had; the simulators' own are far above."""


class Faults:
    """Does to a scene what actions say."""

    def __init__(self, scene: Scene, tell: Callable[[str], None]) -> None:
        self.inbound: dict[str, set[str]] = defaultdict(set)
        """The texts sent from handsets, by provider."""
        self._scene = scene
        self._tell = tell
        self._numbers = itertools.count(STRAYS_FROM)

    def perform(self, action: Action) -> None:
        """One action, to its end."""
        self._scene.daemon.check()
        if action.provider:
            self._to_link(action, self._scene.smscs[action.provider])
        elif action.what.endswith("broker") or action.what == "fill-outbox":
            self._to_broker(action)
        else:
            self._to_daemon(action)

    def calm(self) -> None:
        """All as usual, and everything running."""
        for name, smsc in self._scene.smscs.items():
            for what in ("go-on", "bring-up", "usual"):
                self._to_link(Action(0, what, name), smsc)
        self._scene.node.start()
        self._scene.daemon.thaw()
        self._scene.daemon.set_clock(0.0)

    def _to_daemon(self, action: Action) -> None:
        daemon = self._scene.daemon
        match action.what:
            case "kill-daemon":
                daemon.kill9()
                self._scene.start_daemon()
            case "stop-daemon":
                daemon.thaw()
                self._tell(f"exit code {daemon.term()}")
                self._scene.start_daemon()
            case "freeze-daemon":
                daemon.freeze()
            case "thaw-daemon":
                daemon.thaw()
            case "set-clock":
                daemon.set_clock(STEPS[action.number % len(STEPS)])
            case "right-clock":
                daemon.set_clock(0.0)
            case "reload":
                self._scene.reload(action.number)
            case "reload-broken":
                self._scene.reload_broken()
            case unknown:
                raise LookupError(unknown)

    def _to_broker(self, action: Action) -> None:
        node = self._scene.node
        match action.what:
            case "crash-broker":
                node.kill()
            case "stop-broker":
                node.stop()
            case "start-broker":
                node.start()
            case "fill-outbox":
                node.kill()
                for name in PROVIDERS:
                    self._stray_receipts(name, action.number // len(PROVIDERS))
            case unknown:
                raise LookupError(unknown)

    def _to_link(self, action: Action, smsc: Smsc) -> None:
        match action.what:
            case "cut":
                smsc.cut()
            case "unbind":
                smsc.unbind()
            case "take-down":
                smsc.go_down()
            case "bring-up":
                smsc.come_up()
            case "stall":
                smsc.freeze()
            case "go-on":
                smsc.thaw()
            case "flood-inbound":
                self._flood(action.provider, action.number)
            case "stray-receipts":
                self._stray_receipts(action.provider, action.number)
            case rules:
                smsc.obey(**RULES[rules])

    def _flood(self, name: str, number: int) -> None:
        for _ in range(number):
            text = f"inbound {next(self._numbers)}"
            self._scene.smscs[name].inbound(text, system_id="acme")
            self.inbound[name].add(text)

    def _stray_receipts(self, name: str, number: int) -> None:
        for _ in range(number):
            self._scene.smscs[name].receipt(str(next(self._numbers)), system_id="acme", to=NOBODY)


RULES: dict[str, dict[str, Any]] = {
    "usual": USUAL,
    "slow": {"latency": [0.3, 1.0]},
    "throttle": {"errors": [{"status": "0x58", "probability": 0.5}]},
    "fail": {"errors": [{"status": status, "probability": 0.2} for status in ("0x08", "0x45", "0x64", "0x14")]},
    "refuse-some": {"errors": [{"to": "[05]$", "status": "0x14"}, {"to": "2$", "status": "0x58"}]},
    "no-credit": {"errors": [{"status": "0x40B"}]},
    "silence": {"no_answer": [{"probability": 0.3}]},
    "early-receipts": {"receipts": {**USUAL["receipts"], "before_response": True}},
    "repeat-receipts": {"receipts": {**USUAL["receipts"], "copies": 5}},
}
"""What an SMSC does otherwise than usual, by the action that makes it so."""
