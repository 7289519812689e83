"""P3: systemd 257 hands the commands of ExecReload= no credentials, so a check that asks for them fails each reload."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from smsd.cli import main

ROOT = Path(__file__).parents[2]
ACME = "providers:\n  acme:\n    host: a.example\n    password: {}\n"


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)


def check(tmp_path: Path, text: str, *options: str) -> Result:
    file = tmp_path / "smsd.yaml"
    file.write_text(text)
    return CliRunner().invoke(main, ["check", *options, "--config", str(file)])


def test_fault_p3_a_check_can_do_without_credentials(tmp_path: Path) -> None:
    text = ACME.format("{credential: smsd_acme}")
    assert check(tmp_path, text).exit_code == 78
    done = check(tmp_path, text, "--without-credentials")
    assert (done.exit_code, done.stdout.endswith("ok, 1 provider\n")) == (0, True)


@pytest.mark.parametrize("password", ["{file: /no/such/file}", "{env: NO_SUCH_VARIABLE}", "{credential: [a]}"])
def test_fault_p3_all_else_is_looked_at_as_before(tmp_path: Path, password: str) -> None:
    done = check(tmp_path, ACME.format(password), "--without-credentials")
    assert done.exit_code == 78
    assert "providers.acme.password: " in done.output


def test_fault_p3_connecting_without_the_password_is_refused(tmp_path: Path) -> None:
    done = check(tmp_path, ACME.format("x"), "--connect", "--without-credentials")
    assert done.exit_code == 2


def test_fault_p3_the_unit_checks_without_them(tmp_path: Path) -> None:
    unit = (ROOT / "deploy" / "systemd" / "smsd.service").read_text()
    commands = [line.removeprefix("ExecReload=") for line in unit.splitlines() if line.startswith("ExecReload=")]
    words = [command.split() for command in commands if "smsd check" in command]
    assert words != []
    assert all("--without-credentials" in each for each in words)
    assert check(tmp_path, ACME.format("{credential: x}"), *words[0][2:-2]).exit_code == 0
