"""`smsd check`: what it prints, where, and its exit code."""

import json

import pytest
from click.testing import CliRunner

from smsd.cli import main


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def in_folder(text: str, *arguments: str):
        (tmp_path / "f.yaml").write_text(text)
        result = CliRunner().invoke(main, ["check", *arguments])
        return result.exit_code, result.stdout, result.stderr

    return in_folder


def test_a_good_file_is_said_to_be_good(run):
    assert run("", "--config", "f.yaml") == (0, "f.yaml: ok, 0 providers\n", "")
    assert run("providers: {a: {host: a}}", "--config", "f.yaml") == (0, "f.yaml: ok, 1 provider\n", "")
    assert run("providers: {a: {host: a}, b: {host: b}}", "f.yaml") == (0, "f.yaml: ok, 2 providers\n", "")


def test_warnings_go_to_stderr_and_the_file_is_good(run):
    assert run("providers: {a: {host: a, kind: sandbox}}", "--config", "f.yaml") == (
        0,
        "f.yaml: ok, 1 provider\n",
        "f.yaml:1:32: providers.a.kind: warning: not active yet in this version\n",
    )


def test_problems_go_to_stderr_with_exit_code_78(run):
    assert run("nod: a\nlog: {level: loud}\n", "--config", "f.yaml") == (
        78,
        "",
        "f.yaml:1:1: nod: unknown key; did you mean 'node'?\n"
        "f.yaml:2:14: log.level: must be debug, info, warning or error, got 'loud'\n",
    )


def test_a_missing_file_is_a_problem_of_configuration(run):
    assert run("", "--config", "none.yaml") == (
        78,
        "",
        "none.yaml:1:1: file: can't be read: No such file or directory\n"
        "name your configuration with --config FILE, or in SMSD_CONFIG\n",
    )


def test_json_tells_the_same_facts(run):
    code, stdout, stderr = run("providers: {a: {host: a}}", "--config", "f.yaml", "--json")
    assert (code, stderr) == (0, "")
    assert json.loads(stdout) == {"file": "f.yaml", "ok": True, "providers": ["a"], "problems": [], "warnings": []}
    code, stdout, stderr = run("nod: a", "--config", "f.yaml", "--json")
    assert (code, stderr) == (78, "")
    assert json.loads(stdout)["problems"] == [
        {
            "file": "f.yaml",
            "line": 1,
            "column": 1,
            "path": "nod",
            "sentence": "unknown key; did you mean 'node'?",
            "warning": False,
        }
    ]


@pytest.mark.parametrize("arguments", [("a", "b"), ("a", "--config", "f.yaml")])
def test_what_is_not_understood_is_a_usage_error(run, arguments):
    code, stdout, stderr = run("", *arguments)
    assert (code, stdout) == (2, "")
    assert "Error: " in stderr
