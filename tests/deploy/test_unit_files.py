"""What systemd itself says of deploy/systemd, without being PID 1."""

import subprocess
from pathlib import Path

import pytest

SYSTEMD = Path(__file__).parents[2] / "deploy" / "systemd"
EXPOSURE = 1.5
"""Of 10; `systemd-analyze security` says what it consists of."""


def told(*command: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit, its programs replaced by one that every machine has: verify wants to find them."""
    unit = tmp_path / "smsd.service"
    text = (SYSTEMD / "smsd.service").read_text()
    assert text.count("/opt/smsd/bin/smsd") == 2
    unit.write_text(text.replace("/opt/smsd/bin/smsd", "/bin/true"))
    return unit


def test_systemd_has_nothing_to_say_against_the_unit(unit: Path) -> None:
    verified = told("systemd-analyze", "verify", "--man=no", unit)
    assert (verified.returncode, verified.stdout) == (0, "")


def test_systemd_would_have_said_what_it_does_not_know(unit: Path) -> None:
    """Its exit code is 0 all the same: so the test above looks at what it prints."""
    unit.write_text(unit.read_text().replace("WatchdogSec=", "WatchdogSecs="))
    assert "WatchdogSecs" in told("systemd-analyze", "verify", "--man=no", unit).stdout


def test_the_exposure_is_low(unit: Path) -> None:
    judged = ["systemd-analyze", "security", "--offline=yes", "--no-pager"]
    found = told(*judged, f"--threshold={round(EXPOSURE * 10)}", unit)
    assert found.returncode == 0, found.stdout
    assert told(*judged, "--threshold=1", unit).returncode != 0  # a limit that could be missed


def test_user_and_directories_are_made_as_the_files_say(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    config = tmp_path / "etc" / "smsd" / "smsd.yaml"
    config.parent.mkdir(mode=0o700)
    config.touch(mode=0o600)
    users = told("systemd-sysusers", f"--root={tmp_path}", SYSTEMD / "smsd.sysusers")
    assert users.returncode == 0, users.stdout
    made = told("systemd-tmpfiles", "--create", f"--root={tmp_path}", SYSTEMD / "smsd.tmpfiles")
    assert (made.returncode, made.stdout) == (0, "")
    group = next(line for line in (tmp_path / "etc" / "group").read_text().splitlines() if line.startswith("smsd:"))
    secrets = config.with_name("secrets")
    for path, mode in ((secrets, "0o40750"), (config, "0o100640")):
        assert (oct(path.stat().st_mode), path.stat().st_uid) == (mode, 0)
        assert path.stat().st_gid == int(group.split(":")[2])
