"""Every metric of ours: its name, its HELP sentence, the closed list of its label's words, the bounds of its buckets.

docs/metrics.md shows the same table, and a test holds it to this one, as it holds the alert rules and the dashboard.
"""

from typing import NamedTuple

from smsd.core.contract import PRIORITIES
from smsd.core.results import FINAL
from smsd.core.smpp.status import NAMES

OTHER = "other"
"""Stands for every word that is not in its list."""

# Bounds lie where alerts do.
RESPONSE_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
QUEUE_SECONDS = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600)
DELIVERY_SECONDS = (1, 2, 5, 10, 30, 60, 300, 900, 3600, 14400, 86400)
SAFE_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)

_STATS = (
    *("DELIVRD", "EXPIRED", "DELETED", "UNDELIV", "ACCEPTD", "UNKNOWN", "REJECTD", "ENROUTE", "SCHEDULED", "FAILED"),
    *("DELIVERED", "UNDELIVERABLE", "ACCEPTED", "REJECTED", "BUFFERED"),
    *("unparsed", OTHER),
)
_BIND_OUTCOMES = ("bound", "bind_rejected", "auth_failed", "already_bound", "unreachable")
_EVENTS = (
    *("connecting", *_BIND_OUTCOMES[:-1], "lost", "unbound", "throttled", "throttle_ended", "paused", "resumed"),
    *("lease_acquired", "lease_lost", "check_ok", "check_failed", "campaign_progress"),
    *("started", "stopping", "config_reloaded", "config_refused", "intake_stopped", "intake_resumed", OTHER),
)


class About(NamedTuple):
    """One metric. Each provider has its own series, unless `of_daemon`; `words` are the values of its other `label`."""

    name: str
    help: str
    label: str = ""
    words: tuple[str, ...] = ("",)
    of_daemon: bool = False
    bounds: tuple[float, ...] = ()


# --- counters, by provider

REQUESTS = About(
    "smsd_requests_total",
    "Requests taken from the work queues; one that came back after a lost connection counts again.",
    "outcome",
    ("accepted", "refused", "duplicate", "expired", OTHER),
)
SEGMENTS = About(
    "smsd_segments_submitted_total",
    "Segments handed to the provider, by what came back.",
    "outcome",
    ("accepted", "throttled", "no_credit", "refused", "timeout", "lost", OTHER),
)
SUBMIT_ERRORS = About(
    "smsd_submit_errors_total",
    "Segments that the provider did not accept, by the name of the SMPP command_status.",
    "status",
    (*(name for status, name in NAMES.items() if status), OTHER),
)
RESULTS = About("smsd_results_total", "Results published.", "status", (*sorted({*FINAL, "sent"}), OTHER))
RECEIPTS_AWAITED = About("smsd_receipts_awaited_total", "Messages sent for which the provider owes a delivery receipt.")
RECEIPTS = About("smsd_receipts_total", "Delivery receipts, by their stat word.", "state", _STATS)
UNMATCHED = About("smsd_receipts_unmatched_total", "Delivery receipts that fit no message.")
INBOUND = About("smsd_inbound_messages_total", "Messages from handsets, long ones counted once.")
ATTEMPTS = About("smsd_bind_attempts_total", "Attempts to bind.", "outcome", (*_BIND_OUTCOMES, OTHER))
BAD_PDUS = About("smsd_bad_pdus_total", "PDUs that could not be read.")
EVENTS = About("smsd_events_total", "Events published; provider smsd: of the daemon itself.", "event", _EVENTS)

# --- histograms, by provider

RESPONSE = About("smsd_submit_response_seconds", "From a submit_sm to its answer.", bounds=RESPONSE_SECONDS)
QUEUED = About(
    "smsd_request_to_submit_seconds",
    "From a request's arrival, or its send_after, to its first submit_sm: queue and pacing.",
    "priority",
    PRIORITIES,
    bounds=QUEUE_SECONDS,
)
DELIVERY = About(
    "smsd_delivery_seconds", "From the first accepted segment to the final receipt.", bounds=DELIVERY_SECONDS
)

# --- gauges, by provider

ACTIVE = About("smsd_provider_active", "Whether the settings say active: only then it is to be bound.")
PAUSED = About("smsd_provider_paused", "Whether an operator has paused it.")
BIND_UP = About("smsd_bind_up", "Whether the connection to the provider is open.")
BIND_SINCE = About("smsd_bind_since_timestamp_seconds", "When that connection last opened or closed.")
WINDOW_USED = About("smsd_window_used", "Unanswered submit_sm.")
WINDOW_LIMIT = About("smsd_window_limit", "Unanswered submit_sm at most.")
RATE = About("smsd_rate_limit_segments_per_second", "Effective limit, after throttling; +Inf for none.")
RATE_CONFIGURED = About("smsd_rate_limit_configured_segments_per_second", "The setting max_rate; +Inf for none.")
WAITING = About(
    "smsd_lane_waiting_messages", "Messages waiting in memory; the rest wait in RabbitMQ.", "priority", PRIORITIES
)
OLDEST = About(
    "smsd_lane_oldest_message_timestamp_seconds",
    "When the oldest message whose turn could come now arrived; none while there is none.",
)
UNCERTAIN = About("smsd_messages_uncertain", "Messages reported uncertain since the start, and not corrected since.")

# --- the daemon

CONFIG_OK = About(
    "smsd_config_last_reload_successful", "Whether the last (re)load of the settings was.", of_daemon=True
)
CONFIG_AT = About(
    "smsd_config_last_reload_success_timestamp_seconds", "When settings were last loaded successfully.", of_daemon=True
)
INTAKE_STOPPED = About(
    "smsd_intake_stopped",
    "Whether requests are left in RabbitMQ for now: the journal can not be written, or the outbox is full.",
    "reason",
    ("journal", "outbox"),
    of_daemon=True,
)
DEAD_LETTERS = About(
    "smsd_dead_letters_total",
    "Requests put into the dead queue, since nobody could be answered about them.",
    "reason",
    ("not-json", "not-utf8", "internal-error", OTHER),
    of_daemon=True,
)
BROKER_UP = About("smsd_broker_up", "Whether the broker is connected.", of_daemon=True)
BROKER_BLOCKED = About("smsd_broker_blocked", "Whether the broker takes no publishes for now.", of_daemon=True)
CONFIRM = About(
    "smsd_broker_publish_confirm_seconds", "From a publish to its confirm.", of_daemon=True, bounds=SAFE_SECONDS
)
NOT_TAKEN = About(
    "smsd_broker_publishes_refused_total",
    "Publishes that the broker did not take, each kept and tried again.",
    "reason",
    ("unroutable", "refused"),
    of_daemon=True,
)
COPIES_DROPPED = About(
    "smsd_reply_copies_dropped_total",
    "Copies for a reply_to whose queue does not exist, or that the broker refused; of direct replies nothing is known.",
    of_daemon=True,
)
EVENTS_DROPPED = About(
    "smsd_events_dropped_total",
    "Events that gave way to newer ones, since more than 10 000 waited for the broker.",
    of_daemon=True,
)
OUTBOX = About("smsd_outbox_waiting", "Publications that the broker has not confirmed.", of_daemon=True)
OUTBOX_LIMIT = About("smsd_outbox_limit", "Results and receipts waiting at which intake stops.", of_daemon=True)
JOURNAL_BYTES = About("smsd_journal_bytes", "Size of the journal.", of_daemon=True)
JOURNAL_FREE = About("smsd_journal_disk_free_bytes", "Room on the journal's disk.", of_daemon=True)
JOURNAL_RECORDS = About("smsd_journal_records_total", "Records committed.", of_daemon=True)
JOURNAL_ERRORS = About("smsd_journal_errors_total", "Times that the journal could not be written.", of_daemon=True)
FSYNC = About("smsd_journal_fsync_seconds", "Duration of a commit.", of_daemon=True, bounds=SAFE_SECONDS)
LOOP_LAG = About("smsd_loop_lag_seconds", "How late the event loop is.", of_daemon=True)
