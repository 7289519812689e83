"""`make demo` for real: it shows what it promises, leaves nothing behind, and does not lie."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rig.patience import eventually

ROOT = Path(__file__).parents[2]
SECONDS = 120.0


def start(directory: Path, deploy: Path = ROOT / "deploy", **environment: str) -> subprocess.Popen[str]:
    """The demo as `make demo` starts it, its output to a pipe, its files in `directory`."""
    directory.mkdir(exist_ok=True)
    own = {name: value for name, value in os.environ.items() if name not in ("KEEP", "FORCE_COLOR")}
    return subprocess.Popen(
        [sys.executable, "-B", str(deploy / "demo" / "demo.py")],
        cwd=ROOT,
        env={**own, "TMPDIR": str(directory), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def ended(demo: subprocess.Popen[str]) -> str:
    try:
        return demo.communicate(timeout=SECONDS)[0]
    finally:
        demo.kill()


def left_behind(directory: Path) -> list[Path]:
    return sorted(directory.iterdir())


def processes_with(directory: Path) -> list[str]:
    """Command lines of living processes that name the directory."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(directory) in command:
            found.append(command)
    return found


@pytest.fixture
def altered(tmp_path: Path) -> Path:
    """A copy of deploy/ whose acme may send as ACME alone, so that one message can't end as the demo says."""
    copy = tmp_path / "deploy"
    for part in ("demo", "rabbitmq"):
        shutil.copytree(ROOT / "deploy" / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
    config = copy / "demo" / "smsd.yaml"
    before = config.read_text("utf-8")
    after = before.replace("senders: [ACME, Shop]", "senders: [ACME]")
    assert after != before
    config.write_text(after, "utf-8")
    return copy


def test_the_demo_shows_every_kind_of_message_and_leaves_nothing(tmp_path: Path) -> None:
    demo = start(tmp_path)
    shown = ended(demo)
    assert demo.returncode == 0, shown
    assert shown.rstrip().endswith("Everything is stopped.")
    assert "\x1b" not in shown
    table = shown.partition("What was expected, and what came")[2].splitlines()
    rows = [line.split("  ") for line in table if line.rstrip().endswith(" ok")]
    ends = {row[0]: [cell.strip() for cell in row[1:] if cell.strip()] for row in rows}
    assert len(ends) == 17
    assert ends["Cyrillic"] == ["delivered", "sent -> delivered", "1", "ok"]
    assert ends["Long"] == ["delivered", "sent -> delivered", "3", "ok"]
    assert ends["Unknown sender"] == ["rejected (sender-not-allowed)", "rejected", "0", "ok"]
    assert ends["Undelivered"] == ["undelivered (delivery-failed)", "sent -> undelivered", "1", "ok"]
    for line in ("* acme.bound", "* acme.lost", "< acme", "inbound, from 79000000031", "smsd_results_total{"):
        assert line in shown
    assert left_behind(tmp_path) == []
    assert processes_with(tmp_path) == []


def test_a_message_that_ends_otherwise_makes_the_demo_fail(tmp_path: Path, altered: Path) -> None:
    own = tmp_path / "own"
    demo = start(own, altered)
    shown = ended(demo)
    assert demo.returncode == 1, shown
    assert "wrong: Other sender: status is rejected, not delivered" in shown
    assert "All as expected" not in shown
    assert left_behind(own) == []


def test_keep_goes_on_until_it_is_interrupted_and_then_stops_in_good_order(tmp_path: Path) -> None:
    demo = start(tmp_path, KEEP="1")
    try:
        assert demo.stdout is not None
        shown = iter(demo.stdout.readline, "")
        for line in shown:
            if line.startswith("What arrives"):
                break
        assert processes_with(tmp_path) != []
        demo.send_signal(signal.SIGINT)
        rest = ended(demo)
    finally:
        demo.kill()
    assert demo.returncode == 0, rest
    assert "* smsd.stopping" in rest
    assert left_behind(tmp_path) == []
    eventually(lambda: processes_with(tmp_path) == [])
