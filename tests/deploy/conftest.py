"""The package as `make deb` builds it, and machines with a real systemd to install it on."""

import fcntl
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from rig.machine import Machine, debian_root
from rig.service import Service, install
from rig.stage import Stage

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """The wheel, the Debian package and the root of a Debian, made at once, and once for all workers of a run."""
    run = tmp_path_factory.getbasetemp()
    run = run.parent if run.name.startswith("popen-") else run
    with (run / "built.lock").open("w") as lock, ThreadPoolExecutor(1) as aside:
        fcntl.flock(lock, fcntl.LOCK_EX)
        root = aside.submit(debian_root)
        paths = run / "built"
        if not paths.exists():
            wheel = _told("deploy/wheel.sh")
            paths.write_text(f"{wheel}\n{_told('deploy/debian/build.sh')}")
        wheel, package = paths.read_text().split()
        return ROOT / wheel, ROOT / package, root.result()


def _told(script: str) -> str:
    """What the script made, which it says on its last line."""
    done = subprocess.run([ROOT / script], stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 0, done.stdout
    return done.stdout.split()[-1]


@pytest.fixture(scope="session")
def wheel(built: tuple[Path, Path, Path]) -> Path:
    return built[0]


@pytest.fixture(scope="session")
def package(built: tuple[Path, Path, Path]) -> Path:
    return built[1]


@pytest.fixture(scope="session")
def debian(built: tuple[Path, Path, Path]) -> Path:
    return built[2]


@pytest.fixture(scope="session")
def shared_machine(debian: Path, package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine with the package installed."""
    with Machine(debian, tmp_path_factory.mktemp("shared") / "machine") as machine:
        install(machine, package, start=False)
        yield machine


@pytest.fixture
def service(shared_machine: Machine, stage: Stage) -> Iterator[Service]:  # noqa: ARG001 - ends before its broker's names
    """smsd installed on a machine, not configured yet."""
    service = Service(shared_machine)
    try:
        yield service
    finally:
        print(service.journal("--lines=60"), file=sys.stderr)  # pytest shows it when the test fails
        service.clear()
