"""What a status means: the table of the field research, a provider's own overrides, and the words of results."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsd.core.verdict import BindVerdict, Verdict, bind_verdict, explain, explain_bind, reason, verdict

TABLE = {
    Verdict.ACCEPTED: [0x00],
    Verdict.BIND_FAULT: [0x04, 0x05],
    Verdict.RETRY: [0x08, 0x45, 0x64, 0xFE, 0xFF],
    Verdict.THROTTLE: [0x14, 0x58],
    Verdict.NO_CREDIT: [0x40B],
    Verdict.PERMANENT: [
        *[0x01, 0x02, 0x03, 0x0A, 0x0B, 0x0C, 0x0D, 0x15, 0x33, 0x43, 0x48, 0x51, 0x61, 0x62, 0x65, 0x66, 0xC0, 0xC4],
        *[0x100, 0x104, 0x400, 0x410, 0x4FF, 0x12345678, 0xFFFFFFFF],
    ],
}


@pytest.mark.parametrize(
    ("status", "kind"), [(status, kind) for kind, statuses in TABLE.items() for status in statuses], ids=str
)
def test_each_status_has_the_class_of_the_table(status: int, kind: Verdict) -> None:
    assert verdict(status) is kind


@pytest.mark.parametrize("kind", ["permanent", "retry", "throttle", "bind_fault", "no_credit"])
def test_a_providers_own_word_counts_more_than_the_table(kind: str) -> None:
    assert verdict(0xFE, {0xFE: kind}) is Verdict(kind)
    assert verdict(0x410, {0x410: kind}) is Verdict(kind)
    assert verdict(0x08, {0xFE: kind}) is Verdict.RETRY


def test_accepted_stays_accepted_whatever_a_provider_says() -> None:
    assert verdict(0, {0: "permanent"}) is Verdict.ACCEPTED


@given(st.integers(0x01, 0xFFFFFFFF))
def test_only_zero_is_accepted(status: int) -> None:
    assert verdict(status) is not Verdict.ACCEPTED


@pytest.mark.parametrize(
    ("status", "overrides", "slug"),
    [
        (0x58, None, "throttled"),
        (0x14, None, "throttled"),
        (0x40B, None, "no-credit"),
        (0x0B, None, "refused-by-provider"),
        (0xFE, None, "refused-by-provider"),
        (0x999, None, "refused-by-provider"),
        (0x410, {0x410: "no_credit"}, "no-credit"),
        (0x58, {0x58: "permanent"}, "refused-by-provider"),
    ],
)
def test_the_reason_of_a_result_is_a_slug_of_the_contract(
    status: int, overrides: dict[int, str] | None, slug: str
) -> None:
    assert reason(status, overrides) == slug


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (0x05, BindVerdict.ALREADY_BOUND),
        (0x0E, BindVerdict.AUTH_FAILED),
        (0x0F, BindVerdict.AUTH_FAILED),
        (0x53, BindVerdict.AUTH_FAILED),
        (0x0D, BindVerdict.REFUSED),
        (0x08, BindVerdict.REFUSED),
        (0x499, BindVerdict.REFUSED),
        (None, BindVerdict.REFUSED),
    ],
)
def test_why_a_bind_was_refused(status: int | None, kind: BindVerdict) -> None:
    assert bind_verdict(status) is kind


def test_the_words_of_bind_verdicts_are_events_of_the_contract() -> None:
    assert {str(kind) for kind in BindVerdict} == {"bind_rejected", "auth_failed", "already_bound"}


def test_a_status_is_explained_with_its_name_and_silence_as_such() -> None:
    assert explain(0x0E) == "ESME_RINVPASWD: the password is wrong: correct `password`"
    assert explain(None) == "the provider did not answer"


@pytest.mark.parametrize(
    ("status", "setting"),
    [
        (0x03, "`version`"),
        (0x04, "`split`"),
        (0x05, "`reconnect.already_bound`"),
        (0x0D, "`password`"),
        (0x0E, "`password`"),
        (0x0F, "`system_id`"),
        (0x53, "`system_type`"),
        (0x58, "`reconnect.min`"),
    ],
)
def test_a_refused_bind_is_explained_by_the_setting_to_look_at(status: int, setting: str) -> None:
    assert setting in explain_bind(status)


def test_of_a_submit_the_same_status_means_something_else() -> None:
    assert "`max_rate`" in explain(0x58)
    assert "`max_rate`" not in explain_bind(0x58)


def test_a_bind_refused_with_a_status_of_the_providers_own_is_explained_as_such() -> None:
    assert explain_bind(0x410) == explain(0x410)
    assert explain_bind(None) == "the provider did not answer"
