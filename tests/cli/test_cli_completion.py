"""Completion as a shell asks for it: the script is sourced, and the function called that it registers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from smsd.cli import COMMANDS, main

CONFIG = "providers: {acme: {host: a, title: Акме}, beeline: {host: b}, beta: {host: c}}\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "smsd.yaml"
    path.write_text(CONFIG)
    return path


def completed(config: Path, line: str, folder: Path) -> list[str]:
    """What bash offers for the last word of a line."""
    smsd = folder / "smsd"
    smsd.write_text(f'#!/bin/sh\nexec {sys.executable} -m smsd "$@"\n')
    smsd.chmod(0o755)
    script = """
        . <(smsd completion bash)
        read -r function < <(complete -p smsd | sed -E 's/.*-F ([^ ]+).*/\\1/')
        COMP_WORDS=($LINE) COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        [[ $LINE == *' ' ]] && COMP_WORDS+=('') && COMP_CWORD=$((COMP_CWORD + 1))
        $function smsd
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "LINE": line, "SMSD_CONFIG": str(config)}
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.split()


def test_commands_are_completed(config: Path, tmp_path: Path) -> None:
    assert completed(config, "smsd ", tmp_path) == list(COMMANDS)
    assert completed(config, "smsd st", tmp_path) == ["status", "stats"]


def test_providers_are_completed_from_the_file(config: Path, tmp_path: Path) -> None:
    assert completed(config, "smsd pause b", tmp_path) == ["beeline", "beta"]
    assert completed(config, "smsd check --connect a", tmp_path) == ["acme"]
    other = tmp_path / "other.yaml"
    other.write_text("providers: {bolt: {host: b}}\n")
    assert completed(config, f"smsd log --config {other} b", tmp_path) == ["bolt"]


def test_options_and_their_choices_are_completed(config: Path, tmp_path: Path) -> None:
    assert completed(config, "smsd stats --ca", tmp_path) == ["--campaign"]
    assert completed(config, "smsd send --priority ", tmp_path) == ["urgent", "normal", "bulk"]
    assert completed(config, "smsd stats --campaign ", tmp_path) == []


def test_a_file_that_can_not_be_read_offers_no_provider_and_says_nothing(tmp_path: Path) -> None:
    for text in ("providers: [a]\n", "providers:\n", "- a\n", "a: [\n", "\x00"):
        config = tmp_path / "smsd.yaml"
        config.write_text(text)
        asked = {"_SMSD_COMPLETE": "bash_complete", "COMP_WORDS": "smsd pause ", "COMP_CWORD": "2"}
        told = CliRunner().invoke(main, prog_name="smsd", env={**asked, "SMSD_CONFIG": str(config)})
        assert (told.exit_code, told.output.strip()) == (0, "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(shell: str) -> None:
    told = CliRunner().invoke(main, ["completion", shell])
    assert told.exit_code == 0
    assert f"_SMSD_COMPLETE={shell}_complete" in told.stdout


def test_another_shell_is_a_usage_error() -> None:
    assert CliRunner().invoke(main, ["completion", "tcsh"]).exit_code == 2


@pytest.mark.parametrize("words", ["smsd ", "smsd pause ", "smsd stats --"])
def test_little_is_loaded_for_it(config: Path, words: str) -> None:
    script = (
        "import sys; from smsd.cli import main\n"
        "try: main(prog_name='smsd')\n"
        "except SystemExit: print(*sys.modules, file=sys.stderr)"
    )
    asked = {"_SMSD_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **asked, "SMSD_CONFIG": str(config)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout
    assert not {"pydantic", "rich", "pika", "aiohttp", "asyncio", "sqlite3"} & set(done.stderr.split())
