"""The demo: a broker, two providers and smsd on this machine, messages of each kind, and what became of each.

Nothing is asked of smsd that others could not ask: it runs as `smsd run`, requests go in through RabbitMQ and results
come out there. Exit code 0 only if every message ended exactly as samples.py says, no SMS was sent that should not have
been, and everything stopped in good order. With KEEP=1 in the environment it goes on until Ctrl-C.
"""

import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from crm import Crm
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from samples import INBOUND, REPEATED, SAMPLES, WHILE_CLOSED, Sample
from stage import Stage, StageError

WIDTH = 100
PATIENCE = 30.0
"""Seconds that anything expected may take."""

AFTERMATH = 1.5
"""Seconds after the last expected message, for one that nobody expects."""

SEGMENTS, ACCEPTED = "smsd_segments_submitted_total", 'outcome="accepted"'
METRICS = (
    "smsd_bind_up",
    "smsd_requests_total",
    SEGMENTS,
    "smsd_results_total",
    "smsd_receipts_total",
    "smsd_inbound_messages_total",
)
COLOURS = {"delivered": "green", "sent": "cyan", "undelivered": "yellow", "expired": "yellow", "rejected": "magenta"}


class Demo:
    """The scenes, in order; what went wrong is collected and told at the end."""

    def __init__(self) -> None:
        self._console = Console(width=WIDTH, highlight=False, emoji=False)
        self._started = time.monotonic()
        self._names = {sample.id: sample.name for sample in (*SAMPLES, WHILE_CLOSED)}
        self.problems: list[str] = []

    # --- showing

    def head(self, title: str) -> None:
        self._console.print()
        self._console.rule(f"[bold]{title}[/]", align="left", characters="─")

    def line(self, mark: str, key: str, said: str, colour: str = "default") -> None:
        """One thing that happened, with the seconds since the start."""
        at = f"{time.monotonic() - self._started:6.2f}"
        text = f"[dim]{at}[/] {mark} [{colour}]{key:<16}[/] {escape(said)}"
        self._console.print(text, overflow="ellipsis", no_wrap=True)

    def started(self, name: str, said: str) -> None:
        self.line("+", name, said)

    def arrived(self, queue: str, key: str, body: dict[str, Any]) -> None:
        """Called for all that smsd publishes, as it arrives."""
        if queue == "sms.events":
            self.line("*", key, body["detail"], "blue")
        elif queue == "sms.inbound":
            self.line("<", key, f"inbound, from {body['from']}: {body['text']}", "green")
        elif key.endswith(".unmatched"):
            self.line("<", key, f"receipt {body['smsc_id']} belongs to no message", "red")
        else:
            name = self._names.get(body["id"], body["id"])
            self.line("<", key, f"{name:<16} {said_of(body)}", COLOURS.get(body["status"], "red"))

    def expect(self, good: bool, otherwise: str) -> None:
        if not good:
            self.problems.append(otherwise)

    # --- the scenes

    def connections(self, crm: Crm) -> None:
        self.head("The connections open")
        both = {("acme", "bound"), ("nord", "bound")}
        self.expect(crm.watch(lambda: both <= set(crm.events), PATIENCE), "acme and nord did not both bind")

    def messages(self, crm: Crm) -> None:
        self.head("Messages go in, results and receipts come out")
        for sample in SAMPLES:
            self.publish(crm, sample)
        crm.watch(lambda: all(map(crm.ended, SAMPLES)), PATIENCE)
        self.head("The same request once more: the same result, and no second SMS")
        self.publish(crm, REPEATED)
        before = list(crm.results[REPEATED.id])
        repeated = crm.watch(lambda: len(crm.results[REPEATED.id]) > len(before), PATIENCE)
        self.expect(repeated, f"{REPEATED.name}: published again, and no result came again")
        after = crm.results[REPEATED.id][len(before) :]
        self.expect(after == before[-1:], f"{REPEATED.name}: published again, and another result came")

    def publish(self, crm: Crm, sample: Sample) -> None:
        self.line(">", sample.key, f"{sample.name:<16} {sample.to}  {sample.text}")
        crm.publish(sample)

    def broken_connection(self, crm: Crm, stage: Stage) -> None:
        self.head("The connection to acme breaks, and a message waits until it is back")
        seen = len(crm.events)
        stage.order("/disconnect", system_id="acme")
        lost = crm.watch(lambda: ("acme", "lost") in crm.events[seen:], PATIENCE)
        self.expect(lost, "the lost connection of acme was not told")
        self.publish(crm, WHILE_CLOSED)
        crm.watch(lambda: crm.ended(WHILE_CLOSED), PATIENCE)
        self.expect(("acme", "bound") in crm.events[seen:], "acme was not bound again")

    def inbound(self, crm: Crm, stage: Stage) -> None:
        self.head("A handset answers, in three segments that arrive in the wrong order")
        stage.order("/inbound", system_id="acme", order=[3, 1, 2], **INBOUND)
        crm.watch(lambda: bool(crm.inbound), PATIENCE)
        texts = [message["text"] for message in crm.inbound]
        self.expect(texts == ["".join(INBOUND["parts"])], f"the inbound message came as {texts}")

    def numbers(self, stage: Stage) -> None:
        self.head("smsd status")
        self._console.print(escape(stage.smsd("status").rstrip()), soft_wrap=True)
        self.head(f"Some of {stage.web}/metrics")
        metrics = [line for line in stage.metrics().splitlines() if line.startswith(METRICS)]
        for line in metrics:
            if float(line.split()[-1]):
                self._console.print(escape(line))
        accepted = sum(float(line.split()[-1]) for line in metrics if line.startswith(SEGMENTS) and ACCEPTED in line)
        submits = sum(submit["status"] == 0 for submit in stage.submits())
        self.expect(accepted == submits, f"/metrics counts {accepted:g} accepted segments, the SMSC {submits}")

    def balance(self, crm: Crm, stage: Stage) -> None:
        """Compares every message's end with what it has to be, and with what the SMSC saw of it."""
        self.head("What was expected, and what came")
        submits = Counter(submit["destination_addr"] for submit in stage.submits())
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        for title in ("message", "expected", "came", "submit_sm", ""):
            table.add_column(title, no_wrap=title != "came")
        for sample in (*SAMPLES, WHILE_CLOSED):
            number = "".join(filter(str.isdigit, sample.to))
            complaints = sample.complaints(crm.results[sample.id], submits[number])
            self.problems.extend(f"{sample.name}: {complaint}" for complaint in complaints)
            came = " -> ".join(dict.fromkeys(result["status"] for result in crm.results[sample.id])) or "nothing"
            verdict = "[red]NOT AS EXPECTED[/]" if complaints else "[green]ok[/]"
            table.add_row(sample.name, sample.expectation, came, str(submits[number]), verdict)
        self._console.print(table)
        strangers = set(crm.results) - set(self._names)
        self.expect(not strangers, f"results of requests that nobody made: {', '.join(map(str, strangers))}")
        self.expect(not crm.unmatched, f"{len(crm.unmatched)} receipts found no message")

    def keep(self, crm: Crm, stage: Stage) -> None:
        self.head("It goes on until Ctrl-C")
        smsd = os.path.relpath(Path(sys.executable).with_name("smsd"))
        self._console.print(
            f"Publish:  {smsd} send acme +79000000011 'Hello' --wait --config {stage.settings}\n"
            f"          (acme or nord; ends in 0002: undelivered, 0004: throttled, 0007: refused, 0008: no answer)\n"
            f"Look:     {smsd} status --config {stage.settings}\n"
            f"          curl -s {stage.web}/metrics\n"
            f"          curl -s {stage.control}/submits                          what the SMSC got\n"
            f"Break:    curl -s -X POST {stage.control}/disconnect               docs/simulator.md has more\n"
            f"Broker:   {stage.amqp_url}   exchange sms.requests, key acme or nord\n"
            f"Logs:     {stage.directory}/smsd.log, simulator.log\n"
            "What arrives is shown here:",
            soft_wrap=True,
            markup=False,
        )
        while stage.alive():
            crm.watch(lambda: not stage.alive(), 1.0)
        raise StageError("something ended by itself")

    def stop(self, crm: Crm, stage: Stage) -> None:
        self.head("Everything stops")
        code = stage.stop_smsd()
        self.expect(code == 0, f"smsd ended with {code}\n{stage.last_words('smsd')}")
        stopped = crm.watch(lambda: {("acme", "unbound"), ("nord", "unbound")} <= set(crm.events), PATIENCE)
        self.expect(stopped, "smsd did not say that it unbound acme and nord")
        crm.close()

    # --- all of it

    def play(self, stage: Stage, keep: bool) -> None:
        crm = Crm(stage.amqp_url, self.arrived)
        self.connections(crm)
        self.messages(crm)
        self.broken_connection(crm, stage)
        self.inbound(crm, stage)
        crm.watch(lambda: False, AFTERMATH)
        self.numbers(stage)
        self.balance(crm, stage)
        if keep and not self.problems:
            try:
                self.keep(crm, stage)
            except KeyboardInterrupt:
                self._console.print()
        self.stop(crm, stage)

    def run(self, keep: bool) -> int:
        self._console.print("smsd, shown with a broker and an SMSC simulator of its own.  > in   < out   * event")
        self.head("Broker, SMSC simulator and smsd start")
        try:
            with Stage(self.started) as stage:
                try:
                    self.play(stage, keep)
                finally:
                    if self.problems:
                        self._console.print(f"\nThe end of smsd.log:\n{stage.last_words('smsd')}", markup=False)
        except StageError as error:
            self.problems.append(str(error))
        self._console.print()
        for problem in self.problems:
            self._console.print(f"[red]wrong:[/] {escape(problem)}", soft_wrap=True)
        if not self.problems:
            took = time.monotonic() - self._started
            self._console.print(f"[green]All as expected[/], in {took:.0f} s. Everything is stopped.")
        return 1 if self.problems else 0


def said_of(result: dict[str, Any]) -> str:
    """A result in a line."""
    if result["reason"]:
        return str(result["detail"])
    segments = f"{result['segments']} segment{'s' if result['segments'] > 1 else ''}"
    said = f"{segments} of {result['encoding']} from {result['from'] or 'the default sender'}"
    stats = [part["receipt"]["stat"] for part in result["parts"] if "receipt" in part]
    return f"{said}, receipt{'s' if len(stats) > 1 else ''} {' '.join(stats)}" if stats else said


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    signal.signal(signal.SIGTERM, interrupted)
    try:
        return Demo().run(keep=os.environ.get("KEEP", "") not in ("", "0"))
    except KeyboardInterrupt:
        print("\nInterrupted. Everything is stopped.")
        return 130


if __name__ == "__main__":
    sys.exit(main())
