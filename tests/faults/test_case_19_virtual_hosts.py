"""Case 19: what AMQP's clients cut off an address without a word is refused, and the word is said."""

import pytest

from smsd.settings.reader import SettingsError, read

SLASH = "a virtual host with a / in its name is cut off there: write %2F for it, as in amqp://host/sms%2Fprod"
QUERY = "nothing behind a ? is read: `heartbeat` and `tls` are settings beside `url`; write a ? itself as %3F"
HASH = "nothing behind a # is read: write # as %23, be it in the login or in the virtual host"
PERCENT = "a % stands before two digits in hexadecimal: write % itself as %25"


def refusal(url: str) -> str:
    with pytest.raises(SettingsError) as refused:
        read(f'broker: {{url: "{url}"}}', "f.yaml")
    (problem,) = refused.value.problems
    assert problem.path == "broker.url"
    return problem.sentence


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("amqp://guest:guest@127.0.0.1/sms/prod", SLASH),
        ("amqps://h/sms/", SLASH),
        ("amqp://h//", SLASH),
        ("amqp://h/sms?heartbeat=60", QUERY),
        ("amqp://h?heartbeat=60", QUERY),
        ("amqp://h/?", QUERY),
        ("amqp://h/sms#prod", HASH),
        ("amqp://user:pass#word@h/sms", HASH),
        ("amqp://h/100%", PERCENT),
        ("amqp://user:100%zz@h/sms", PERCENT),
    ],
)
def test_case_19_what_would_be_cut_off_is_refused(url: str, sentence: str) -> None:
    assert refusal(url) == sentence


@pytest.mark.parametrize("url", ["amqp://user:pa/ss@h/sms", "amqp://user:12/ss@h/sms", "amqp://user:p?w@h/sms"])
def test_case_19_a_password_that_was_not_encoded_is_in_no_sentence(url: str) -> None:
    said = refusal(url)
    assert "ss@" not in said
    assert "p?w" not in said


@pytest.mark.parametrize(
    "url",
    [
        "amqp://h",
        "amqp://h/",
        "amqp://h/%2F",
        "amqp://h/sms%2Fprod",
        "amqp://u%23:p%2F%3F%25@h/sms",
        "amqp://[::1]:1/a b",
    ],
)
def test_case_19_what_is_read_whole_passes(url: str) -> None:
    assert read(f'broker: {{url: "{url}"}}', "f.yaml").settings.broker.url == (url,)


def test_case_19_of_a_list_of_nodes_the_wrong_one_is_named() -> None:
    with pytest.raises(SettingsError) as refused:
        read("broker: {url: [amqp://a/sms, amqp://b/sms/prod]}", "f.yaml")
    (problem,) = refused.value.problems
    assert (problem.path, problem.sentence) == ("broker.url[1]", SLASH)
