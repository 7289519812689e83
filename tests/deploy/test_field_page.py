"""docs/field.md names tests and settings: they exist."""

import re
from pathlib import Path

import yaml

from smsd.settings.presets import PRESETS

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
CODE = re.findall(r"`([^`]+)`", (ROOT / "docs" / "field.md").read_text("utf-8"))


def test_every_test_that_the_page_names_is_there() -> None:
    files = list(TESTS.rglob("test_*.py"))
    there = {name for file in files for name in re.findall(r"def (test_\w+)", file.read_text("utf-8"))}
    named = {word for word in CODE if word.startswith("test_")}
    assert len(named) > 20
    assert named - there - {file.name for file in files} == set()


def test_every_preset_and_setting_that_the_page_names_is_there() -> None:
    presets = {word.removeprefix("preset: ") for word in CODE if word.startswith("preset: ")}
    assert presets == set(PRESETS)
    [sample] = yaml.safe_load((ROOT / "config" / "smsd.yaml").read_text("utf-8"))["providers"].values()
    table = re.findall(r"\| ([^|]+) \|$", (ROOT / "docs" / "field.md").read_text("utf-8"), re.MULTILINE)
    settings = {word for cell in table for word in re.findall(r"`([a-z]+(?:_[a-z]+)*)`", cell)}
    assert {word for word in settings if not word.startswith("test_")} <= set(sample)
