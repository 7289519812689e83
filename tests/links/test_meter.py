"""The metrics as Prometheus reads them: names, closed labels, every series there from the start."""

import math
import re
import subprocess
from typing import Any

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from smsd.flow.ports import Meter
from smsd.links.meter import CONTENT_TYPE, RESPONSE_SECONDS, PrometheusMeter, table
from smsd.links.meter.table import About

ABOUT = [about for about in vars(table).values() if isinstance(about, About)]


@pytest.fixture
def meter() -> PrometheusMeter:
    return PrometheusMeter(["acme", "beta"], version="1.2.3")


def families(meter: PrometheusMeter) -> list[Metric]:
    return list(text_string_to_metric_families(meter.render().decode()))


def value(meter: PrometheusMeter, name: str, **labels: str) -> float | None:
    """The value of one series; None where there is none."""
    samples = [sample for family in families(meter) for sample in family.samples]
    found = [sample.value for sample in samples if sample.name == name and sample.labels == labels]
    assert len(found) <= 1
    return found[0] if found else None


def observe(meter: PrometheusMeter, name: str = "acme", **changed: Any) -> None:
    seen: dict[str, Any] = {
        "active": True,
        "paused": False,
        "bind_up": True,
        "since": 1_767_268_800.0,
        "window_used": 3,
        "window_limit": 10,
        "rate": 15.0,
        "rate_configured": 30.0,
        "waiting": {"urgent": 0, "normal": 5, "bulk": 7},
        "oldest": 1_767_268_700.0,
    }
    meter.observe_provider(name, **(seen | changed))


def observe_daemon(meter: PrometheusMeter, **changed: Any) -> None:
    seen: dict[str, Any] = {
        "broker_up": True,
        "broker_blocked": False,
        "outbox_waiting": 4,
        "outbox_limit": 10_000,
        "outbox_full": False,
        "journal_trouble": False,
        "journal_bytes": 4096,
        "journal_free": 1 << 40,
        "loop_lag": 0.002,
        "config_ok": True,
        "config_at": 1_767_268_800.0,
        "uncertain": {},
    }
    meter.observe_daemon(**(seen | changed))


def test_every_metric_of_the_table_is_there_from_the_start(meter: PrometheusMeter) -> None:
    typed = set(re.findall(r"^# TYPE (\S+)", meter.render().decode(), re.MULTILINE))
    assert {about.name for about in ABOUT} - typed == set()
    assert {"smsd_build_info", "process_resident_memory_bytes", "process_start_time_seconds"} - typed == set()


def test_every_series_is_there_once_somebody_has_looked(meter: PrometheusMeter) -> None:
    observe(meter, "acme")
    observe(meter, "beta")
    observe_daemon(meter)
    samples = [sample for family in families(meter) for sample in family.samples]
    for about in ABOUT:
        end = "_count" if about.bounds else ""
        shown = [sample.labels for sample in samples if sample.name == about.name + end]
        for provider in ("",) if about.of_daemon else ("acme", "beta"):
            of_provider = {"provider": provider} if provider else {}
            expected = [of_provider | ({about.label: word} if about.label else {}) for word in about.words]
            assert [labels for labels in expected if labels not in shown] == [], about.name


def test_every_name_is_in_the_table_once() -> None:
    names = [about.name for about in ABOUT]
    assert len(names) == len(set(names))


def test_promtool_has_nothing_to_say(meter: PrometheusMeter) -> None:
    observe(meter, rate=None)
    observe_daemon(meter)
    done = subprocess.run(["promtool", "check", "metrics"], input=meter.render(), capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_every_family_has_its_help_and_counters_end_in_total(meter: PrometheusMeter) -> None:
    text = meter.render().decode()
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    helps = dict(re.findall(r"^# HELP (\S+) (\S.*)$", text, re.MULTILINE))
    assert types.keys() == helps.keys()
    assert {name for name, kind in types.items() if kind == "counter"} == {
        name for name in types if name.endswith("_total")
    }
    assert not any(name.endswith("_created") for name in types)


def test_every_label_combination_of_a_counter_starts_at_zero(meter: PrometheusMeter) -> None:
    assert value(meter, "smsd_requests_total", provider="acme", outcome="duplicate") == 0
    assert value(meter, "smsd_segments_submitted_total", provider="beta", outcome="lost") == 0
    assert value(meter, "smsd_submit_errors_total", provider="acme", status="ESME_RTHROTTLED") == 0
    assert value(meter, "smsd_results_total", provider="unknown", status="rejected") == 0
    assert value(meter, "smsd_receipts_total", provider="acme", state="DELIVRD") == 0
    assert value(meter, "smsd_events_total", provider="smsd", event="config_refused") == 0
    assert value(meter, "smsd_submit_response_seconds_count", provider="acme") == 0


def test_nothing_that_callers_or_providers_send_becomes_a_label(meter: PrometheusMeter) -> None:
    before = {(sample.name, *sample.labels.values()) for family in families(meter) for sample in family.samples}
    flow: Meter = meter
    for provider in ("acme", "79000000000"):
        flow.request(provider, "strange")
        flow.submitted(provider, 1, 1)
        flow.answered(provider, "strange", 1)
        flow.submit_error(provider, "0x0410")
        flow.segment(provider, "strange")
        flow.result(provider, "strange")
        flow.receipt(provider, "INVALID-SUB")
        flow.delivered_after(provider, 1)
        flow.unmatched_receipt(provider)
        flow.inbound(provider)
        flow.bind_attempt(provider, "strange")
        flow.bad_pdu(provider)
        flow.event(provider, "strange")
        flow.receipt_awaited(provider)
        flow.dead_letter("strange")
    after = {(sample.name, *sample.labels.values()) for family in families(meter) for sample in family.samples}
    assert after == before
    assert value(meter, "smsd_submit_errors_total", provider="acme", status="other") == 1
    assert value(meter, "smsd_receipts_total", provider="unknown", state="other") == 1
    assert value(meter, "smsd_inbound_messages_total", provider="unknown") == 1


def test_an_answer_counts_the_segment_and_its_time(meter: PrometheusMeter) -> None:
    meter.answered("acme", "accepted", 0.03)
    meter.segment("acme", "timeout")
    assert value(meter, "smsd_segments_submitted_total", provider="acme", outcome="accepted") == 1
    assert value(meter, "smsd_segments_submitted_total", provider="acme", outcome="timeout") == 1
    assert value(meter, "smsd_submit_response_seconds_bucket", provider="acme", le="0.025") == 0
    assert value(meter, "smsd_submit_response_seconds_bucket", provider="acme", le="0.05") == 1
    assert value(meter, "smsd_submit_response_seconds_count", provider="acme") == 1


def test_answers_are_told_to_the_status_page_in_numbers(meter: PrometheusMeter) -> None:
    meter.answered("acme", "accepted", 0.03)
    meter.answered("acme", "refused", 60)
    told = {provider: (accepted, buckets) for provider, accepted, buckets in meter.answers()}
    assert told["acme"] == (1, [0, 0, 1, *[0] * 8, 1])
    assert told["beta"][0] == 0
    assert len(told["beta"][1]) == len(RESPONSE_SECONDS) + 1


def test_a_clock_that_was_set_back_takes_nothing_from_a_sum(meter: PrometheusMeter) -> None:
    meter.delivered_after("acme", -3600)
    assert value(meter, "smsd_delivery_seconds_sum", provider="acme") == 0


def test_a_provider_is_shown_as_it_was_seen(meter: PrometheusMeter) -> None:
    observe(meter)
    assert value(meter, "smsd_bind_up", provider="acme") == 1
    assert value(meter, "smsd_bind_since_timestamp_seconds", provider="acme") == 1_767_268_800
    assert value(meter, "smsd_window_used", provider="acme") == 3
    assert value(meter, "smsd_window_limit", provider="acme") == 10
    assert value(meter, "smsd_rate_limit_segments_per_second", provider="acme") == 15
    assert value(meter, "smsd_rate_limit_configured_segments_per_second", provider="acme") == 30
    assert value(meter, "smsd_lane_waiting_messages", provider="acme", priority="bulk") == 7
    assert value(meter, "smsd_lane_oldest_message_timestamp_seconds", provider="acme") == 1_767_268_700


def test_no_limit_is_infinity(meter: PrometheusMeter) -> None:
    observe(meter, rate=None, rate_configured=None)
    assert value(meter, "smsd_rate_limit_segments_per_second", provider="acme") == math.inf


def test_while_nothing_waits_there_is_no_oldest_message(meter: PrometheusMeter) -> None:
    observe(meter)
    observe(meter, oldest=None)
    assert value(meter, "smsd_lane_oldest_message_timestamp_seconds", provider="acme") is None


def test_the_daemon_is_shown_as_it_was_seen(meter: PrometheusMeter) -> None:
    observe_daemon(meter, uncertain={"acme": 2}, journal_trouble=True)
    meter.publish_confirmed(0.004)
    meter.journal_committed(12, 0.002)
    meter.journal_failed()
    assert value(meter, "smsd_broker_up") == 1
    assert value(meter, "smsd_outbox_waiting") == 4
    assert value(meter, "smsd_loop_lag_seconds") == 0.002
    assert value(meter, "smsd_config_last_reload_successful") == 1
    assert value(meter, "smsd_messages_uncertain", provider="acme") == 2
    assert value(meter, "smsd_messages_uncertain", provider="beta") == 0
    assert value(meter, "smsd_broker_publish_confirm_seconds_bucket", le="0.005") == 1
    assert value(meter, "smsd_journal_bytes") == 4096
    assert value(meter, "smsd_journal_disk_free_bytes") == 1 << 40
    assert value(meter, "smsd_outbox_limit") == 10_000
    assert value(meter, "smsd_intake_stopped", reason="journal") == 1
    assert value(meter, "smsd_intake_stopped", reason="outbox") == 0
    assert value(meter, "smsd_journal_records_total") == 12
    assert value(meter, "smsd_journal_fsync_seconds_count") == 1
    assert value(meter, "smsd_journal_errors_total") == 1


def test_a_reload_keeps_counts_adds_new_providers_and_drops_gone_ones(meter: PrometheusMeter) -> None:
    meter.inbound("acme")
    observe(meter, "beta")
    meter.set_providers(["acme", "gamma"])
    assert value(meter, "smsd_inbound_messages_total", provider="acme") == 1
    assert value(meter, "smsd_inbound_messages_total", provider="gamma") == 0
    assert b'"beta"' not in meter.render()


def test_late_news_of_a_dropped_provider_brings_no_series_back(meter: PrometheusMeter) -> None:
    meter.set_providers(["acme"])
    meter.result("beta", "delivered")
    meter.submitted("beta", 1, 1)
    observe(meter, "beta")
    observe_daemon(meter, uncertain={"beta": 1})
    assert b'"beta"' not in meter.render()
    assert value(meter, "smsd_results_total", provider="unknown", status="delivered") == 1


def test_the_status_pages_counters_go_on_over_a_scrape(meter: PrometheusMeter) -> None:
    for seconds, outcome in ((0.02, "accepted"), (60.0, "throttled"), (0.02, "accepted")):
        meter.answered("acme", outcome, seconds)
        meter.render()
    acme = {name: (accepted, list(answers)) for name, accepted, answers in meter.answers()}["acme"]
    assert acme == (2, [0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
    meter.set_providers(["beta"])
    meter.set_providers(["acme"])
    assert [(name, accepted, sum(answers)) for name, accepted, answers in meter.answers()] == [("acme", 0, 0)]


def test_versions_are_told(meter: PrometheusMeter) -> None:
    (info,) = [family for family in families(meter) if family.name == "smsd_build_info"]
    labels = info.samples[0].labels
    assert labels["version"] == "1.2.3"
    assert labels.keys() == {"version", "python", "smpplib", "pika"}


def test_two_meters_do_not_meet(meter: PrometheusMeter) -> None:
    other = PrometheusMeter(["acme"], version="1")
    other.inbound("acme")
    assert value(meter, "smsd_inbound_messages_total", provider="acme") == 0


def test_the_content_type_names_the_text_format() -> None:
    assert CONTENT_TYPE.startswith("text/plain; version=0.0.4")
