"""`smsd preview`, as it is called."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from smsd.cli import main

CONFIG = """\
providers:
  acme:
    host: 127.0.0.1
    encodings: [{name: latin1, data_coding: 3}, {name: ucs2, data_coding: 8}]
    long_messages: udh16
    max_segments: 2
"""


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["preview", *arguments])


def facts(*arguments: str) -> Any:
    shown = run(*arguments, "--json")
    assert shown.exit_code == 0
    return json.loads(shown.stdout)


def test_a_short_gsm7_text() -> None:
    assert facts("Price: 5 €") == {
        "encoding": "gsm7",
        "data_coding": 0,
        "segments": 1,
        "unit": "septets",
        "used": 11,
        "left": 149,
        "lengths": [11],
        "octets": 10,
        "text_changed": False,
        "forced_by": None,
        "typography": None,
        "national": None,
        "plain": None,
    }


def test_the_character_that_forced_ucs_2_and_what_its_replacement_saves() -> None:
    text = "Order — " * 10
    assert facts(text) == {
        "encoding": "ucs2",
        "data_coding": 8,
        "segments": 2,
        "unit": "UTF-16 units",
        "used": 80,
        "left": 54,
        "lengths": [67, 13],
        "octets": 172,
        "text_changed": False,
        "typography": {"encoding": "gsm7", "saves": 1},
        "national": None,
        "forced_by": {"position": 7, "character": "—", "name": "U+2014 EM DASH «—»"},
        "plain": {"replace": {"—": "-"}, "text": "Order - " * 10, "encoding": "gsm7", "saves": 1},
    }


@pytest.mark.parametrize(
    ("characters", "octets"), [("x" * 160, 140), ("x" * 306, 280), ("x" * 307, 287), ("ж" * 70, 140), ("ж" * 134, 280)]
)
def test_full_segments_have_140_octets(characters: str, octets: int) -> None:
    assert facts(characters)["octets"] == octets


def test_the_same_for_people() -> None:
    assert run("Order — " * 10).stdout == (
        "encoding   ucs2, data_coding 8\n"
        "segments   2\n"
        "used       80 UTF-16 units, 54 left in the last segment\n"
        "octets     172 on the air, headers included; a segment has 140\n"
        "forced by  U+2014 EM DASH «—», character 7\n"
        "simplify   typography: simplify would save segments: 1, in gsm7\n"
        "instead    «—» → «-»: gsm7, saves segments: 1\n"
    )


@pytest.mark.parametrize(
    ("text", "national"),
    [
        ("Bugün açılışa geliyor musunuz? " * 3, {"encoding": "gsm7-tr", "saves": 1}),
        ("नमस्ते, आपका कोड 4815 है। " * 4, {"encoding": "gsm7-hi", "saves": 1}),
        ("açılış", None),
        ("Привет " * 20, None),
    ],
)
def test_what_national_tables_would_save_is_told(text: str, national: object) -> None:
    assert facts(text)["national"] == national


def test_cyrillic_has_no_plain_replacement() -> None:
    assert facts("Привет — мир")["plain"] is None


def test_a_plain_replacement_that_would_be_too_long_is_none() -> None:
    assert facts("…" * 17_085)["segments"] == 255
    assert facts("…" * 17_085)["plain"] is None


def test_a_providers_typography_encodings_and_septets_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "smsd.yaml"
    path.write_text(
        "providers:\n  acme:\n    host: smpp.example.net\n    typography: simplify\n    encodings:\n"
        "      - {name: latin1, data_coding: 3, septets: true}\n"
        "      - {name: gsm7-tr, data_coding: 0}\n      - {name: ucs2, data_coding: 8}\n"
    )
    given = ("--provider", "acme", "--config", str(path))
    found = facts("Order [5] — " * 14, *given)
    assert (found["encoding"], found["unit"], found["lengths"]) == ("latin1", "septets", [153, 43])
    assert (found["text_changed"], found["typography"]) == (True, None)
    found = facts("ş" * 156, *given)
    assert (found["encoding"], found["unit"], found["lengths"], found["octets"]) == (
        "gsm7-tr",
        "septets",
        [149, 7],
        156,
    )


def test_a_providers_own_settings_are_taken(tmp_path: Path) -> None:
    config = tmp_path / "smsd.yaml"
    config.write_text(CONFIG, "utf-8")
    shown = facts("ü" * 150, "--provider", "acme", "--config", str(config))
    assert (shown["encoding"], shown["data_coding"], shown["unit"]) == ("latin1", 3, "octets")
    assert (shown["lengths"], shown["left"]) == ([133, 17], 116)


def test_a_text_that_cannot_be_sent_exits_1_and_says_why(tmp_path: Path) -> None:
    config = tmp_path / "smsd.yaml"
    config.write_text(CONFIG, "utf-8")
    shown = run("ж" * 200, "--provider", "acme", "--config", str(config))
    assert (shown.exit_code, shown.stdout) == (1, "")
    assert shown.stderr == "text: takes 4 segments in ucs2; max_segments is 2\n"


def test_a_provider_that_is_not_in_the_file_is_a_usage_error(tmp_path: Path) -> None:
    config = tmp_path / "smsd.yaml"
    config.write_text(CONFIG, "utf-8")
    shown = run("text", "--provider", "other", "--config", str(config))
    assert shown.exit_code == 2
    assert "there is no provider 'other'; there is: acme" in shown.stderr


def test_a_file_that_cannot_be_used_exits_78_with_its_problems(tmp_path: Path) -> None:
    config = tmp_path / "smsd.yaml"
    config.write_text("providers: 7\n", "utf-8")
    shown = run("text", "--provider", "acme", "--config", str(config))
    assert shown.exit_code == 78
    assert shown.stderr.startswith(f"{config}:1:")
