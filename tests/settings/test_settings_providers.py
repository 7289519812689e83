"""How providers are put together: defaults under each, hosts, numbers, and no two on the same connection data."""

import pytest

from smsd.settings.model import Encoding, Host, Retries
from smsd.settings.reader import SettingsError, read

P = "providers:\n  acme:\n    host: a.example\n"


def acme(*lines: str):
    return read(P + "".join(f"    {line}\n" for line in lines), "f.yaml").settings.providers["acme"]


def test_all_problems_are_told_at_once_in_the_order_of_their_lines(problems):
    text = (
        "log: {level: loud}\n"
        "providers:\n"
        "  acme:\n"
        "    window: 0\n"
        "    retries: {max_age: 5}\n"
        "  b: {host: same.example}\n"
        "  c: {host: SAME.example}\n"
        "stop_timeout: soon\n"
    )
    assert [line.split(": ")[1] + " " + line.split(":")[1] for line in problems(text)] == [
        "log.level 1",
        "providers.acme.host 3",
        "providers.acme.window 4",
        "providers.acme.retries.max_age 5",
        "providers.c 7",
        "stop_timeout 8",
    ]


def test_a_problem_in_defaults_is_told_once_where_it_stands(problems):
    text = "defaults:\n  window: 0\n  windw: 1\nproviders:\n  a: {host: a}\n  b: {host: b}\n  c: {host: c, window: 5}\n"
    assert problems(text) == [
        "f.yaml:2:11: defaults.window: must be a whole number from 1 to 10000, got '0'",
        "f.yaml:3:3: defaults.windw: unknown key; did you mean 'window'?",
    ]


def test_a_problem_in_defaults_is_told_without_any_provider(problems):
    assert problems("defaults: {window: 0, port: 0}\n") == [
        "f.yaml:1:20: defaults.window: must be a whole number from 1 to 10000, got '0'",
        "f.yaml:1:29: defaults.port: must be a whole number from 1 to 65535, got '0'",
    ]


def test_defaults_lie_under_each_provider_section_by_section():
    text = (
        "defaults: {window: 5, port: 3550, retries: {max_age: 2h}, senders: [A, B]}\n"
        "providers:\n  a: {host: a, retries: {delays: [1s]}, senders: [C]}\n  b: {host: b, port: 1, window: 6}\n"
    )
    providers = read(text, "f.yaml").settings.providers
    assert providers["a"].retries == Retries(max_age=7200.0, delays=(1.0,))
    assert (providers["a"].window, providers["a"].senders, providers["a"].hosts) == (
        5,
        ("C",),
        (Host(host="a", port=3550),),
    )
    assert (providers["b"].window, providers["b"].senders, providers["b"].hosts) == (
        6,
        ("A", "B"),
        (Host(host="b", port=1),),
    )


def test_hosts_of_a_provider_replace_the_host_of_defaults():
    text = "defaults: {host: a, port: 5}\nproviders:\n  p: {hosts: [{host: b}, {host: c, port: 6}]}\n  q: {}\n"
    providers = read(text, "f.yaml").settings.providers
    assert providers["p"].hosts == (Host(host="b", port=5), Host(host="c", port=6))
    assert providers["q"].hosts == (Host(host="a", port=5),)


def test_numbers_are_read_in_decimal_and_in_hexadecimal():
    provider = acme(
        "errors: {0xFE: permanent, 1040: no_credit}",
        "deliver_fail_status: 0x8",
        "encodings: [{name: ucs2, data_coding: 0x08, flash_data_coding: 24}]",
        'tlvs: {0x1401: 0aFF, 5122: ""}',
    )
    assert provider.errors == {0xFE: "permanent", 0x410: "no_credit"}
    assert provider.deliver_fail_status == 8
    assert provider.encodings == (Encoding(name="ucs2", data_coding=8, flash_data_coding=24),)
    assert provider.tlvs == {0x1401: b"\x0a\xff", 0x1402: b""}


def test_a_usual_stat_word_stands_for_its_status_in_a_stat_map():
    assert acme("receipt_format: {stat_map: {OK: DELIVRD, NO: undelivered}}").receipt_format.stat_map == {
        "OK": "delivered",
        "NO": "undelivered",
    }


def test_an_address_may_be_ipv6():
    assert acme("tls: false").hosts == (Host(host="a.example", port=2775),)
    hosts = read("providers: {a: {host: '2001:db8::1'}}\nhttp: {listen: '[::1]:80'}\n", "f.yaml").settings
    assert hosts.providers["a"].hosts[0].host == "2001:db8::1"
    assert hosts.http.address == ("::1", 80)


@pytest.mark.parametrize("value", ["", "''", "null"])
def test_an_empty_listen_turns_the_web_side_off(value):
    assert read(f"http: {{listen: {value}}}", "f.yaml").settings.http.address is None


def test_keys_of_later_work_are_accepted_and_warned_about(warnings):
    later = "per_recipient: {max: 5, every: 1d}, block_list: /f, prefer: [1, 2], kind: sandbox"
    text = f"providers:\n  acme: {{host: a, {later}}}\nroutes: [{{to: '+7', via: acme}}]\n"
    assert [line.split(": ", 1)[1] for line in warnings(text)] == [
        f"{path}: warning: not active yet in this version"
        for path in (
            *(f"providers.acme.{key}" for key in ("per_recipient", "block_list", "prefer", "kind")),
            "routes",
        )
    ]


BINDS = ("transceiver", "transmitter", "receiver", "split")


@pytest.mark.parametrize("one", BINDS)
@pytest.mark.parametrize("other", BINDS)
def test_only_a_transmitter_and_a_receiver_can_share_connection_data(one, other):
    text = (
        f"providers:\n  a: {{hosts: [{{host: x}}, {{host: y.Example, port: 5}}], system_id: acme, bind: {one}}}\n"
        f"  b: {{host: Y.example, port: 5, system_id: acme, bind: {other}}}\n"
    )
    if {one, other} == {"transmitter", "receiver"}:
        assert len(read(text, "f.yaml").settings.providers) == 2
        return
    with pytest.raises(SettingsError) as caught:
        read(text, "f.yaml")
    assert str(caught.value) == (
        "f.yaml:3:3: providers.b: same connection data as a (y.example:5, system_id 'acme'): "
        "only one of them can be active"
    )


@pytest.mark.parametrize(
    "difference", ["active: false", "port: 1", "system_id: other", "system_type: other", "host: b"]
)
def test_providers_that_differ_in_connection_data_or_are_not_active_do_not_clash(difference):
    text = f"defaults: {{host: a, system_id: acme}}\nproviders:\n  a: {{}}\n  b: {{{difference}}}\n"
    assert len(read(text, "f.yaml").settings.providers) == 2
