"""A disk without room at the start is exit 75 and a sentence, wherever in the start it shows."""

import resource
import subprocess
import sys
from pathlib import Path

import yaml
from journals import opened

UNIT = 4096


def started(config: Path, octets: int) -> tuple[int | None, str]:
    """`smsd run` where no file may have more octets: its exit code, or None if it got to work, and what it said."""
    process = subprocess.Popen(
        [sys.executable, "-m", "smsd", "run", "--config", str(config)],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (octets, octets)),
    )
    told = ""
    with process:
        assert process.stderr is not None
        for line in process.stderr:
            told += line
            if "event=started" in line or '"event":"started"' in line or " started " in line:
                process.kill()
                return None, told
    return process.returncode, told


def test_fault_s7_no_room_at_the_start_is_exit_75_with_a_sentence(tmp_path: Path) -> None:
    path, config = tmp_path / "journal.db", tmp_path / "smsd.yaml"
    settings = {
        "broker": {"url": "amqp://127.0.0.1:1"},
        "journal": {"path": str(path)},
        "http": {"listen": ""},
        "log": {"format": "json"},
    }
    config.write_text(yaml.safe_dump(settings))
    with opened(path):
        pass  # it is made, and has no partition yet: that is the next step of the start
    codes = []
    for pages in range(2, 60, 3):
        code, told = started(config, pages * UNIT)
        codes.append(code)
        if code is None:
            break
        assert code == 75, f"with {pages} pages: {told}"
        assert f"journal {path}" in told
    assert codes[-1] is None, codes
    assert len(codes) > 3, "too little was refused to have met every step"
