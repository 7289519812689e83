"""The metrics of a running daemon move when what they tell of happens, and only then."""

import subprocess
import time

from rig import rabbit
from rig.daemon import Daemon, provider
from rig.patience import eventually
from rig.stage import Stage

EARLY = "2026-01-01T00:00:00Z"


class Difference:
    """What has changed at a daemon since this was made, by name with labels."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._before = daemon.metrics()

    def of(self, name: str) -> dict[str, float]:
        """The series of one metric that changed, by their labels (`provider` left out)."""
        found = {}
        for series, value in self._daemon.metrics().items():
            metric, _, labels = series.rstrip("}").partition("{")
            if metric == name and value != self._before.get(series, 0):
                words = [label for label in labels.split(",") if not label.startswith("provider=")]
                found[",".join(words)] = value - self._before.get(series, 0)
        return found

    def becomes(self, name: str, expected: dict[str, float]) -> None:
        eventually(lambda: self.of(name) == expected)


def test_every_outcome_of_a_request_and_of_a_segment_is_counted(stage: Stage) -> None:
    errors = [
        {"text": "refused", "status": "0x0B"},
        {"text": "strange", "status": "0x4FF"},
        {"text": "fast", "status": "0x58", "times": 1},
        {"text": "poor", "status": "0x40B", "times": 1},
    ]
    silent = [{"text": "silent"}]
    simulator = stage.simulator(errors=errors, no_answer=silent, disconnect=[{"text": "cut", "times": 1}])
    daemon = stage.bound(simulator, submit_timeout="500ms", window=1, retries={"delays": ["100ms"]})
    crm, seen = stage.crm, Difference(daemon)
    ids = [crm.send(word) for word in ("fine", "refused", "strange", "fast", "poor", "silent", "cut", "long" * 100)]
    ids += [crm.send("late", expires_at=EARLY), crm.send("", id="empty"), crm.send("wrong", encoding="none")]
    crm.finals(ids)
    crm.send("fine", id=ids[0])
    crm.publish("p", b"no JSON")
    crm.until(lambda: crm.dead)
    seen.becomes(
        "smsd_requests_total",
        {'outcome="accepted"': 8, 'outcome="refused"': 3, 'outcome="duplicate"': 1, 'outcome="expired"': 1},
    )
    seen.becomes(
        "smsd_segments_submitted_total",
        {
            'outcome="accepted"': 6,
            'outcome="refused"': 2,
            'outcome="throttled"': 1,
            'outcome="no_credit"': 1,
            'outcome="timeout"': 1,
            'outcome="lost"': 1,
        },
    )
    seen.becomes(
        "smsd_submit_errors_total",
        {'status="ESME_RINVDSTADR"': 1, 'status="ESME_RTHROTTLED"': 1, 'status="other"': 2},
    )
    seen.becomes(
        "smsd_results_total",
        {'status="sent"': 4, 'status="rejected"': 4, 'status="uncertain"': 2, 'status="expired"': 1},
    )
    seen.becomes("smsd_dead_letters_total", {'reason="not-json"': 1})
    seen.becomes("smsd_messages_uncertain", {"": 2})
    seen.becomes("smsd_request_to_submit_seconds_count", {'priority="normal"': 8})
    seen.becomes("smsd_submit_response_seconds_count", {"": 10})
    assert seen.of("smsd_receipts_awaited_total") == {}
    assert seen.of("smsd_broker_publish_confirm_seconds_count")[""] > 10
    assert 0 < seen.of("smsd_broker_publish_confirm_seconds_sum")[""] < 60
    assert seen.of("smsd_journal_records_total")[""] > 20
    assert seen.of("smsd_journal_fsync_seconds_count")[""] > 1


def test_receipts_inbound_messages_and_bad_pdus_are_counted(stage: Stage) -> None:
    rules = [{"text": "odd", "stat": "DELIVRD2"}, {"text": "none", "stat": None}, {"text": "bad", "stat": "UNDELIV"}]
    simulator = stage.simulator(receipts={"delay": 0, "rules": rules, "template": "id:{id} stat:{stat} err:{err}"})
    daemon = stage.bound(simulator, receipts=True)
    crm, seen = stage.crm, Difference(daemon)
    crm.finals([crm.send("good"), crm.send("bad"), crm.send("unasked", receipt=False)])
    crm.result(crm.send("odd"), "sent")
    crm.result(crm.send("none"), "sent")
    simulator.receipt("strange-id", stat="EXPIRED", to="79000000000")
    simulator.inbound("hello")
    simulator.inbound("", parts=["one ", "two"])
    simulator.raw("00000014" + "00000005" + "00000000" + "00000009" + "ffffffff")
    crm.until(lambda: len(crm.inbound) == 2 and crm.receipts)
    seen.becomes("smsd_receipts_awaited_total", {"": 4})
    states = {'state="DELIVRD"': 1.0, 'state="UNDELIV"': 1.0, 'state="EXPIRED"': 1.0, 'state="other"': 1.0}
    seen.becomes("smsd_receipts_total", states)
    seen.becomes("smsd_receipts_unmatched_total", {"": 1})
    seen.becomes("smsd_inbound_messages_total", {"": 2})
    seen.becomes("smsd_delivery_seconds_count", {"": 2})
    seen.becomes("smsd_bad_pdus_total", {"": 1})


def test_binds_tries_and_events_are_counted_and_an_inactive_provider_is_told_from_a_closed_one(stage: Stage) -> None:
    simulator = stage.simulator(credentials={"acme": "right"}, single_bind=True)
    reconnect = {"min": "50ms", "max": "200ms", "auth_failed": "200ms"}
    wrong = provider(simulator.port, system_id="beta", password="wrong", reconnect=reconnect, max_rate=5, window=3)
    idle = provider(simulator.port, system_id="idle", active=False, max_rate=7)
    daemon = stage.daemon({"p": provider(simulator.port, password="right"), "wrong": wrong, "idle": idle})
    daemon.bound("p")
    metrics = eventually(
        lambda: _at_least(daemon, 'smsd_bind_attempts_total{provider="wrong",outcome="auth_failed"}', 2)
    )
    assert metrics['smsd_bind_attempts_total{provider="p",outcome="bound"}'] == 1
    assert metrics['smsd_events_total{provider="wrong",event="auth_failed"}'] >= 2
    assert metrics['smsd_events_total{provider="smsd",event="started"}'] == 1
    shown = {
        name: [metrics[f'{metric}{{provider="{name}"}}'] for metric in ("smsd_provider_active", "smsd_bind_up")]
        for name in ("p", "wrong", "idle")
    }
    assert shown == {"p": [1, 1], "wrong": [1, 0], "idle": [0, 0]}
    assert metrics['smsd_rate_limit_configured_segments_per_second{provider="idle"}'] == 7
    assert metrics['smsd_rate_limit_segments_per_second{provider="p"}'] == float("inf")
    assert metrics['smsd_window_limit{provider="wrong"}'] == 3
    for name in ("p", "wrong", "idle"):
        assert abs(metrics[f'smsd_bind_since_timestamp_seconds{{provider="{name}"}}'] - time.time()) < 60


def _at_least(daemon: Daemon, series: str, number: float) -> dict[str, float]:
    metrics = daemon.metrics()
    return metrics if metrics[series] >= number else {}


def test_what_waits_is_shown_by_priority_and_with_its_age(stage: Stage) -> None:
    simulator = stage.simulator(no_answer=[{}])
    daemon = stage.bound(simulator, window=2)
    stage.crm.send_many(4, "p.urgent")
    stage.crm.send_many(3, "p.bulk")

    def seen() -> bool:
        metrics = daemon.metrics()
        waiting = [
            metrics[f'smsd_lane_waiting_messages{{provider="p",priority="{word}"}}'] for word in rabbit.PRIORITIES
        ]
        return waiting == [2, 0, 3] and metrics['smsd_window_used{provider="p"}'] == 2

    eventually(seen)
    oldest = daemon.metrics()['smsd_lane_oldest_message_timestamp_seconds{provider="p"}']
    assert 0 <= time.time() - oldest < 30
    stage.crm.command("pause")
    eventually(lambda: daemon.metrics()['smsd_provider_paused{provider="p"}'] == 1)
    assert 'smsd_lane_oldest_message_timestamp_seconds{provider="p"}' not in daemon.metrics()


def test_what_the_broker_does_not_take_is_counted_each_time(stage: Stage) -> None:
    simulator = stage.simulator()
    daemon = stage.bound(simulator)
    crm, seen = stage.crm, Difference(daemon)
    crm.final(crm.send("hello", properties={"reply_to": "nobody"}))
    seen.becomes("smsd_reply_copies_dropped_total", {"": 1})
    assert seen.of("smsd_broker_publishes_refused_total") == {}
    with rabbit.connect(stage.url) as connection:
        connection.channel().queue_unbind(f"{stage.prefix}.results", f"{stage.prefix}.results", "#")
        crm.send("hello")
        eventually(lambda: seen.of("smsd_broker_publishes_refused_total").get('reason="unroutable"', 0) >= 1)
        assert daemon.metrics()["smsd_outbox_waiting"] == 1
        connection.channel().queue_bind(f"{stage.prefix}.results", f"{stage.prefix}.results", "#")
    eventually(lambda: daemon.metrics()["smsd_outbox_waiting"] == 0)


def test_promtool_accepts_what_a_daemon_says(stage: Stage) -> None:
    daemon = stage.bound(stage.simulator(receipts={"delay": 0}), receipts=True)
    stage.crm.finals(stage.crm.send_many(3))
    text = daemon.web("/metrics")[1]
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    metrics = daemon.metrics()
    assert metrics["smsd_journal_disk_free_bytes"] > metrics["smsd_journal_bytes"] > 0
    assert (metrics["smsd_outbox_limit"], metrics['smsd_intake_stopped{reason="journal"}']) == (10_000, 0)
