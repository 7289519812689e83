"""What each key may say: one sentence per rule, where it is written."""

import pytest

P = "providers:\n  acme:\n    host: a.example\n"


@pytest.mark.parametrize(
    ("line", "column", "path", "sentence"),
    [
        ("port: 27a75", 11, "port", "must be a whole number from 1 to 65535, got '27a75'"),
        ("port: 0", 11, "port", "must be a whole number from 1 to 65535, got '0'"),
        ("port:", 10, "port", "must be a whole number from 1 to 65535, got null"),
        ("window: 10001", 13, "window", "must be a whole number from 1 to 10000, got '10001'"),
        ("window: [1]", 13, "window", "must be a whole number from 1 to 10000, got a list"),
        ("max_rate: 0", 15, "max_rate", "must be a number above 0, at most 100000, or null, got '0'"),
        ("max_rate: nan", 15, "max_rate", "must be a number above 0, at most 100000, or null, got 'nan'"),
        ("source_ton: 7", 17, "source_ton", "must be a whole number from 0 to 6, or auto, got '7'"),
        ("dest_npi: auto", 15, "dest_npi", "must be a whole number from 0 to 18, got 'auto'"),
        ("active: maybe", 13, "active", "must be true or false, got 'maybe'"),
        ("tls: maybe", 10, "tls", "must be true or false, or a mapping, got 'maybe'"),
        ("tls: {verifi: no}", 11, "tls.verifi", "unknown key; did you mean 'verify'?"),
        ("bind: both", 11, "bind", "must be transceiver, transmitter, receiver or split, got 'both'"),
        ("version: 3.5", 14, "version", "must be 3.3, 3.4 or 5.0, got '3.5'"),
        ("system_id: abcdefghijklmnop", 16, "system_id", "must be at most 15 ASCII characters, got 'abcdefghijklmnop'"),
        ("system_type: Билайн", 18, "system_type", "must be at most 12 ASCII characters, got 'Билайн'"),
        ("service_type: ABCDEF", 19, "service_type", "must be at most 5 ASCII characters, got 'ABCDEF'"),
        ("errors: {0xZZ: retry}", 14, "errors.0xZZ", "the key must be a number such as 254 or 0xFE"),
        (
            "errors: {0xFE: maybe}",
            20,
            "errors.0xFE",
            "must be permanent, retry, throttle, bind_fault or no_credit, got 'maybe'",
        ),
        ("errors: {0xFE: retry, 254: retry}", 32, "errors.254", "the same number as 0xFE"),
        ("tlvs: {0x1401: abc}", 20, "tlvs.0x1401", "must be bytes in hexadecimal, two digits each, got 'abc'"),
        (
            "deliver_fail_status: 0",
            26,
            "deliver_fail_status",
            "must be a number from 1 to 4294967295 (0xFFFFFFFF), got '0'",
        ),
        ("protocol_id: 0x100", 18, "protocol_id", "must be a number from 0 to 255 (0xFF), got '0x100'"),
        ("encodings: []", 16, "encodings", "must be a list with at least one item, got an empty list"),
        ("encodings: [{name: gsm7}]", 17, "encodings[0].data_coding", "required"),
        (
            "encodings: [{name: base64, data_coding: 1}]",
            24,
            "encodings[0].name",
            "must be gsm7, ucs2, latin1, gsm7-tr or another encoding that Python knows, got 'base64'",
        ),
        (
            "encodings: [{name: gsm7, data_coding: 1}, {name: gsm7, data_coding: 2}]",
            54,
            "encodings[1].name",
            "'gsm7' is taken",
        ),
        ("encoding: latin1", 15, "encoding", "must be one of encodings (auto, gsm7, ucs2), got 'latin1'"),
        (
            "default_region: UK",
            21,
            "default_region",
            "must be a country's code of two capital letters, here GB, got 'UK'",
        ),
        ("senders: ACME", 14, "senders", "must be a list, got text"),
        ("senders: ['']", 15, "senders[0]", "must be ASCII characters, at least one, got ''"),
        (
            "senders: [ACME, TWELVE-CHARS]",
            21,
            "senders[1]",
            "a sender's name has at most 11 characters, got 'TWELVE-CHARS'",
        ),
        (
            "senders: [7900000000000000]",
            15,
            "senders[0]",
            "a sender's number has at most 15 digits, got '7900000000000000'",
        ),
        (
            "senders: [+7900000000000000]",
            15,
            "senders[0]",
            "a sender's number has at most 15 digits, got '+7900000000000000'",
        ),
        ("senders: [ACME, B, ACME]", 24, "senders[2]", "'ACME' is listed twice"),
        ("retries: {delays: []}", 23, "retries.delays", "must be a list with at least one item, got an empty list"),
        ("retries: 5", 14, "retries", "must be a mapping, got text"),
        ("reconnect: {min: 2m}", 22, "reconnect.min", "must not be above max, which is 60s"),
        ("reconnect: {max: 500ms}", 16, "reconnect.min", "must not be above max, which is 0.5s"),
        (
            "receipt_format: {id_regex: '('}",
            32,
            "receipt_format.id_regex",
            "must be a regular expression, but missing ), unterminated subpattern at position 0",
        ),
        (
            "receipt_format: {stat_regex: abc}",
            34,
            "receipt_format.stat_regex",
            "must have exactly one group, (…), and has 0",
        ),
        (
            "receipt_format: {err_regex: '(a)(b)'}",
            33,
            "receipt_format.err_regex",
            "must have exactly one group, (…), and has 2",
        ),
        (
            "receipt_format: {stat_map: {OK: fine}}",
            37,
            "receipt_format.stat_map.OK",
            "must be delivered, undelivered, expired or sent, got 'fine'",
        ),
        (
            "quiet_hours: {from: 9 am, to: 08:00, timezone: UTC}",
            25,
            "quiet_hours.from",
            "must be a time of day, HH:MM, got '9 am'",
        ),
        (
            "quiet_hours: {from: 24:00, to: 08:00, timezone: UTC}",
            25,
            "quiet_hours.from",
            "must be a time of day, HH:MM, got '24:00'",
        ),
        ("quiet_hours: {from: 08:00, to: 08:00, timezone: UTC}", 36, "quiet_hours.to", "must differ from `from`"),
        (
            "quiet_hours: {from: 22:00, to: 08:00, timezone: Mars}",
            53,
            "quiet_hours.timezone",
            "must be a time zone such as Europe/Moscow, got 'Mars'",
        ),
        ("quiet_hours: {from: 22:00, to: 08:00}", 18, "quiet_hours.timezone", "required"),
        ("quiet_hours: {start: 22:00, to: 08:00, timezone: UTC, from: 21:00}", 19, "quiet_hours.start", "unknown key"),
        ("name: other", 5, "name", "unknown key"),
        ("hosts: [{host: b.example}]", 5, "hosts", "give either host or hosts, not both"),
    ],
)
def test_a_provider_key_out_of_bounds_is_refused(problems, line, column, path, sentence):
    assert problems(f"{P}    {line}\n") == [f"f.yaml:4:{column}: providers.acme.{path}: {sentence}"]


@pytest.mark.parametrize(
    ("text", "place", "sentence"),
    [
        (
            "broker: {heartbeat: 500ms}",
            "1:21: broker.heartbeat",
            "must be a duration from 1s to 1h: a number and its unit (ms, s, m, h, d), such as 30s, got '500ms'",
        ),
        ("broker: {queue_type: mirrored}", "1:22: broker.queue_type", "must be quorum or classic, got 'mirrored'"),
        (
            "broker: {prefix: .sms}",
            "1:18: broker.prefix",
            "must be 1 to 64 of A-Z a-z 0-9 . _ - and not begin with a dot, got '.sms'",
        ),
        ("broker: {url: []}", "1:15: broker.url", "must be amqp://… or amqps://… with a host"),
        ("broker: {url: http://a.example/}", "1:15: broker.url", "must be amqp://… or amqps://… with a host"),
        (
            "broker: {url: [amqp://a.example, amqp://]}",
            "1:34: broker.url[1]",
            "must be amqp://… or amqps://… with a host",
        ),
        ("broker: {url: amqp://a.example:99999}", "1:15: broker.url", "must be amqp://… or amqps://… with a host"),
        ("journal: {path: ''}", "1:17: journal.path", "must be text, not empty, got ''"),
        ("journal: {durability: disk}", "1:23: journal.durability", "must be process or power, got 'disk'"),
        (
            "http: {listen: 9108}",
            "1:16: http.listen",
            "must be HOST:PORT, such as 127.0.0.1:9108, or empty for none, got '9108'",
        ),
        (
            "http: {listen: 127.0.0.1:99999}",
            "1:16: http.listen",
            "must be HOST:PORT, such as 127.0.0.1:9108, or empty for none, got '127.0.0.1:99999'",
        ),
        ("log: {level: loud}", "1:14: log.level", "must be debug, info, warning or error, got 'loud'"),
        ("node: ''", "1:7: node", "must be text of 1 to 128 characters, or null, got ''"),
        ("log: []", "1:6: log", "must be a mapping, got an empty list"),
        ("providers: [a]", "1:12: providers", "must be a mapping, got a list"),
        ("defaults: a", "1:11: defaults", "must be a mapping, got text"),
        ("providers: {acme: a.example}", "1:19: providers.acme", "must be a mapping, got text"),
        ("providers:\n  acme:\n    port: 2775", "2:3: providers.acme.host", "required: host, or hosts"),
        ("providers: {acme: }", "1:13: providers.acme.host", "required: host, or hosts"),
        (
            "providers: {a: {hosts: []}}",
            "1:24: providers.a.hosts",
            "must be a list with at least one item, got an empty list",
        ),
        ("providers: {a: {hosts: [{port: 1}]}}", "1:25: providers.a.hosts[0].host", "required"),
        ("providers: {a: {hosts: [b]}}", "1:25: providers.a.hosts[0]", "must be a mapping, got text"),
        (
            "providers: {a: {hosts: [{host: b, port: x}]}}",
            "1:41: providers.a.hosts[0].port",
            "must be a whole number from 1 to 65535, got 'x'",
        ),
        (
            "providers: {a: {hosts: [{host: b}], port: x}}",
            "1:43: providers.a.port",
            "must be a whole number from 1 to 65535, got 'x'",
        ),
        (
            "providers: {a: {host: 'b:1'}}",
            "1:23: providers.a.host",
            "must be a host name or an address, without scheme and port, got 'b:1'",
        ),
        (
            "providers: {A.b: {host: a}}",
            "1:13: providers.'A.b'",
            "a provider's name is 1 to 32 of the characters a-z, 0-9 and '-'",
        ),
    ],
)
def test_what_the_top_level_can_not_say_is_refused(problems, text, place, sentence):
    assert problems(text) == [f"f.yaml:{place}: {sentence}"]


@pytest.mark.parametrize("name", ["smsd", "all", "unknown", "default"])
def test_a_reserved_name_is_refused(problems, name):
    assert problems(f"providers: {{{name}: {{host: a}}}}") == [
        f"f.yaml:1:13: providers.{name}: {name!r} is reserved; choose another name"
    ]
