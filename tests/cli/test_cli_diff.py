"""`smsd diff`: what a reload with another file would do."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from smsd.cli import main

OLD = """
providers:
  acme: {host: smpp1, password: alpha}
  beta: {host: smpp1, system_id: b, max_rate: 10}
"""
NEW = """
journal: {path: elsewhere.db}
providers:
  acme: {host: smpp2, password: bravo}
  beta: {host: smpp1, system_id: b, max_rate: 20}
"""


@pytest.fixture
def run(tmp_path: Path) -> Any:
    (tmp_path / "old.yaml").write_text(OLD)

    def diff(new: str, *options: str) -> Result:
        (tmp_path / "new.yaml").write_text(new)
        files = [str(tmp_path / "new.yaml"), "--config", str(tmp_path / "old.yaml")]
        return CliRunner().invoke(main, ["diff", *files, *options])

    return diff


def test_each_step_is_a_line_and_no_secret_is_in_it(run: Any) -> None:
    result = run(NEW)
    assert (result.exit_code, result.stdout.splitlines()) == (
        0,
        [
            "rebind acme: host smpp1 -> smpp2, password (changed)",
            "in place beta: max_rate 10 -> 20",
            "needs a restart: journal.path /var/lib/smsd/journal.db -> elsewhere.db",
        ],
    )
    assert "bravo" not in result.output


def test_no_change_is_said_so(run: Any) -> None:
    result = run(OLD)
    assert (result.exit_code, result.stdout) == (0, "nothing would change\n")


def test_as_json_each_step_has_its_keys_with_both_values(run: Any) -> None:
    result = run(NEW, "--json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["ok"]) == (0, True)
    assert told["changes"][0] == "rebind acme: host smpp1 -> smpp2, password (changed)"
    assert told["providers"][1] == {
        "name": "beta",
        "step": "in place",
        "detail": "max_rate 10 -> 20",
        "differences": [{"key": "max_rate", "old": "10", "new": "20"}],
    }
    assert [one["key"] for one in told["restart"]] == ["journal.path"]


def test_a_bad_file_is_told_as_check_does(run: Any, tmp_path: Path) -> None:
    result = run("providers: {acme: {host: x, windw: 5}}")
    problem = f"{tmp_path}/new.yaml:1:29: providers.acme.windw: unknown key; did you mean 'window'?"
    assert (result.exit_code, result.stderr, result.stdout) == (os.EX_CONFIG, problem + "\n", "")
    told = json.loads(run("providers: {acme: {host: x, windw: 5}}", "--json").stdout)
    assert (told["file"], told["ok"], told["problems"][0]["line"]) == (f"{tmp_path}/new.yaml", False, 1)
    assert told["problems"][0]["sentence"] == "unknown key; did you mean 'window'?"


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "old.yaml").write_text(OLD)
    result = CliRunner().invoke(main, ["diff", str(tmp_path / "none.yaml"), "--config", str(tmp_path / "old.yaml")])
    assert result.exit_code == os.EX_CONFIG
    assert result.stderr.startswith(f"{tmp_path}/none.yaml:1:1: file: can't be read: No such file or directory\n")
