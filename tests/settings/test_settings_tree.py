"""The file as YAML: what is no YAML, places of keys and values, anchors, and text that stays what it looks like."""

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smsd.settings.reader import SettingsError, load, read

PROVIDER = "providers:\n  acme:\n    host: a.example\n"


def acme(lines: str):
    return read(PROVIDER + "".join(f"    {line}\n" for line in lines.splitlines()), "f.yaml").settings.providers["acme"]


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "---\n", "providers:\n", "defaults:\nproviders: {}\n", "broker:\nlog:\n"]
)
def test_a_file_that_says_nothing_is_valid_and_has_no_providers(text):
    settings = read(text, "f.yaml").settings
    assert settings.providers == {}
    assert settings.broker.url == ("amqp://guest:guest@127.0.0.1:5672/%2F",)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: [1,\n", "f.yaml:2:1: yaml: did not find expected node content while parsing a flow node"),
        (
            "a: b: c\n",
            "f.yaml:1:5: yaml: mapping values are not allowed in this context; "
            "a text with ': ' or other signs of YAML's in it belongs in quotes",
        ),
        (
            "node: @x\n",
            "f.yaml:1:7: yaml: found character that cannot start any token while scanning for the next token; "
            "a text with ': ' or other signs of YAML's in it belongs in quotes",
        ),
        ("node: x\n---\nnode: y\n", "f.yaml:2:1: yaml: the file must be one document, and a second one begins here"),
        ("node: a\x07b\n", "f.yaml:1:8: yaml: the character U+0007 is not allowed"),
        ("\n\nnode: \ud800\n", "f.yaml:3:7: yaml: the character U+D800 is not allowed"),
        ("- a\n", "f.yaml:1:1: yaml: the file must be a mapping of keys to values"),
        ("node: *there\n", "f.yaml:1:7: yaml: an alias without its anchor; put a text that begins with '*' in quotes"),
        ("routes: &a [*a]\n", "f.yaml:1:13: yaml: an alias inside the very thing it stands for"),
        ("node: !x y\n", "f.yaml:1:7: node: tags are not understood; put a text that begins with '!' in quotes"),
        ("? [a]\n: b\n", "f.yaml:1:3: yaml: a key must be plain text"),
        ("<<: [a]\n", "f.yaml:1:6: '<<': must be a mapping, or a list of mappings"),
    ],
)
def test_what_is_no_plain_yaml_is_one_problem_with_its_place(problems, text, sentence):
    assert problems(text) == [sentence]


@pytest.mark.parametrize("bracket", ["[", "- ", "{a: "])
def test_a_file_nested_without_end_is_refused_and_not_fatal(problems, bracket):
    (problem,) = problems("routes:\n  " + bracket * 100_000)
    assert problem.endswith(": yaml: nested too deep")


def test_a_duplicate_key_is_refused_with_its_line(problems):
    assert problems(PROVIDER + "    window: 5\n    window: 6\n") == [
        "f.yaml:5:5: providers.acme.window: duplicate key; first in line 4"
    ]


def test_an_unknown_key_is_refused_with_the_key_it_resembles(problems):
    assert problems(PROVIDER + "    windw: 5\n    xyzzy: 1\nbrokr: {}\nlog: {levle: info}\n") == [
        "f.yaml:4:5: providers.acme.windw: unknown key; did you mean 'window'?",
        "f.yaml:5:5: providers.acme.xyzzy: unknown key",
        "f.yaml:6:1: brokr: unknown key; did you mean 'broker'?",
        "f.yaml:7:7: log.levle: unknown key; did you mean 'level'?",
    ]


def test_an_unusual_key_is_quoted_in_the_path(problems):
    assert problems('"a.b\\n": 1\n') == ["f.yaml:1:1: 'a.b\\n': unknown key"]


def test_text_that_yaml_would_change_stays_what_it_looks_like():
    provider = acme(
        "system_id: 0001\ntitle: no\ndefault_region: NO\nsenders: [+79000000000, 0123, 1e3, 22:30]\nversion: 5.0"
    )
    assert (provider.system_id, provider.title, provider.default_region) == ("0001", "no", "NO")
    assert provider.senders == ("+79000000000", "0123", "1e3", "22:30")
    assert provider.version == "5.0"


def test_a_quoted_null_is_a_text_and_a_plain_one_is_none():
    assert acme("receipt_group: 'null'").receipt_group == "null"
    assert acme("receipt_group: null").receipt_group is None
    assert acme("receipt_group: ~").receipt_group is None


@pytest.mark.parametrize("word", ["true", "yes", "on", "True"])
def test_words_for_true(word):
    assert acme(f"active: {word}\ntls: {word}").active is True
    assert acme(f"tls: {word}").tls is not None


@pytest.mark.parametrize("word", ["false", "no", "off", "False"])
def test_words_for_false(word):
    assert acme(f"active: {word}").active is False
    assert acme(f"tls: {word}").tls is None


@pytest.mark.parametrize(
    ("text", "seconds"), [("250ms", 0.25), ("30s", 30), ("1.5h", 5400), ("5m", 300), ("2d", 172800), ("0.5s", 0.5)]
)
def test_durations_are_read_in_seconds(text, seconds):
    assert acme(f"submit_timeout: {text}").submit_timeout == seconds


@pytest.mark.parametrize("text", ["30", "0", "s", "-1s", "1 s", "1e3s", "٣s", "30S", "1w", "0s", "367d"])
def test_a_duration_without_its_unit_or_out_of_bounds_is_refused(problems, text):
    assert problems(f"{PROVIDER}    submit_timeout: {text}\n") == [
        "f.yaml:4:21: providers.acme.submit_timeout: must be a duration above 0s, at most 366d: "
        f"a number and its unit (ms, s, m, h, d), such as 30s, got '{text}'"
    ]


def test_an_anchor_is_used_where_its_alias_stands():
    loaded = read("defaults: {senders: &names [ACME]}\nproviders:\n  a: {host: h, senders: *names}\n", "f.yaml")
    assert loaded.settings.providers["a"].senders == ("ACME",)


def test_a_merged_mapping_gives_the_keys_that_are_not_said():
    text = "providers:\n  a: &a {host: a.example, window: 3, title: A}\n  b:\n    <<: *a\n    host: b.example\n"
    provider = read(text, "f.yaml").settings.providers["b"]
    assert (provider.hosts[0].host, provider.window, provider.title) == ("b.example", 3, "A")


def test_of_several_merged_mappings_the_first_wins():
    text = (
        "providers:\n  a: &a {host: a, window: 3}\n  b: &b {host: b, window: 4, max_segments: 2}\n"
        "  c: {<<: [*a, *b], port: 1}\n"
    )
    provider = read(text, "f.yaml").settings.providers["c"]
    assert (provider.hosts[0].host, provider.window, provider.max_segments) == ("a", 3, 2)


def test_a_problem_in_a_merged_mapping_is_told_once_where_it_stands(problems):
    text = "providers:\n  a: &a {host: a.example, window: x}\n  b:\n    <<: *a\n    host: b.example\n"
    assert problems(text) == [
        "f.yaml:2:35: providers.a.window: must be a whole number from 1 to 10000, got 'x'",
    ]


def test_aliases_that_double_and_double_cost_nothing():
    lines = "".join(f"  - &a{n + 1} [*a{n}, *a{n}]\n" for n in range(60))
    assert read(f"routes:\n  - &a0 [x]\n{lines}", "f.yaml").settings.providers == {}


def test_a_missing_file_is_a_problem(tmp_path):
    path = str(tmp_path / "none.yaml")
    with pytest.raises(SettingsError) as caught:
        load(path)
    assert str(caught.value) == f"{path}:1:1: file: can't be read: No such file or directory"


def test_a_directory_is_a_problem(tmp_path):
    with pytest.raises(SettingsError) as caught:
        load(str(tmp_path))
    assert str(caught.value) == f"{tmp_path}:1:1: file: can't be read: Is a directory"


def test_an_impossible_name_is_a_problem():
    with pytest.raises(SettingsError) as caught:
        load("a\0b")
    assert caught.value.problems[0].sentence == "can't be read: no such name is possible"


def test_a_file_that_is_not_utf8_is_a_problem_at_its_first_bad_byte(tmp_path):
    path = tmp_path / "f.yaml"
    path.write_bytes(b"node: a\nlog:\n  level: " + "да\n".encode("cp1251"))
    with pytest.raises(SettingsError) as caught:
        load(str(path))
    assert str(caught.value) == f"{path}:3:10: file: not UTF-8 text"


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path):
    path = tmp_path / "f.yaml"
    path.write_bytes("node: here\n".encode("utf-8-sig"))
    assert load(str(path)).settings.node == "here"


WORDS = """
    broker url password tls log level providers defaults host hosts port acme name senders errors tlvs encodings
    quiet_hours from retries delays receipt_format stat_map file env window << reconnect min 0xFE
"""
KEYS = st.sampled_from(WORDS.split())
SCALARS = st.sampled_from(
    [
        "",
        "null",
        "x",
        "0",
        "-1",
        "1e999",
        "nan",
        "1s",
        "0xFE",
        "true",
        "'",
        "&a",
        "*a",
        "!x",
        "{}",
        "[]",
        "é",
        "9" * 5000,
    ]
) | st.text(max_size=8)


def flow(children):
    lists = st.lists(children, max_size=3).map(lambda items: "[" + ", ".join(items) + "]")
    maps = st.lists(st.tuples(KEYS, children), max_size=4).map(
        lambda pairs: "{" + ", ".join(f"{key}: {value}" for key, value in pairs) + "}"
    )
    return lists | maps


@given(st.text() | st.recursive(SCALARS, flow, max_leaves=12))
@example("broker: {url: 'amqp://[::1'}")
@example("providers: {a: {host: h, receipt_format: {id_regex: '(a{99999999999})'}}}")
@example("providers: {a: {host: h, window: " + "9" * 5000 + "}}")
def test_no_text_raises_anything_but_a_settings_error(text):
    with suppress(SettingsError):
        assert read(text, "f.yaml").settings.broker.url
