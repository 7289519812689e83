"""The Debian package: installed, upgraded, removed and purged where a real systemd runs; and the wheel."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rig.daemon import provider
from rig.machine import Machine
from rig.patience import eventually
from rig.service import CONFIG, Service, install
from rig.stage import Stage
from rig.web import ask

from smsd import __version__

ROOT = Path(__file__).parents[2]
NEXT = "9.9.9"

pytestmark = pytest.mark.timeout(900)  # the first to ask makes the Debian and the package


@pytest.fixture(scope="module")
def next_package(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same package under a higher version."""
    tree = tmp_path_factory.mktemp("next") / "tree"
    subprocess.run(["dpkg-deb", "--raw-extract", package, tree], check=True)
    for file in (tree / "DEBIAN" / "control", *tree.glob("opt/smsd/lib/python3*/site-packages/smsd/__init__.py")):
        before = file.read_text()
        assert __version__ in before
        file.write_text(before.replace(__version__, NEXT))
    higher = tree.with_suffix(".deb")
    subprocess.run(["dpkg-deb", "-Zgzip", "-z1", "--root-owner-group", "--build", tree, higher], check=True)
    return higher


def modes(machine: Machine, *paths: str) -> list[str]:
    return machine.run("stat", "--format=%A %U:%G %n", *paths).splitlines()


def test_a_first_installation_needs_no_network_runs_and_leaves_only_what_it_should(
    debian: Path, package: Path, tmp_path: Path
) -> None:
    with Machine(debian, tmp_path / "machine", network=False) as machine:
        service = Service(machine)
        install(machine, package, start=True)
        assert machine.run("systemctl", "is-enabled", "smsd").strip() == "enabled"
        eventually(lambda: service.state() == "active running")
        assert f"smsd {__version__}, providers: none" in service.journal()
        assert "Connection refused: is RabbitMQ running there?" in eventually(
            lambda: service.journal("--priority=warning")
        )
        assert machine.run("smsd", "check") == f"{CONFIG}: ok, 0 providers\n"
        assert __version__ in machine.run("smsd", "--version")
        assert machine.run("smsd", "status", "--json").startswith("{")
        assert modes(machine, CONFIG, "/etc/smsd/secrets", "/var/lib/smsd", "/var/lib/smsd/journal.db") == [
            f"-rw-r----- root:smsd {CONFIG}",
            "drwxr-x--- root:smsd /etc/smsd/secrets",
            "drwxr-x--- smsd:smsd /var/lib/smsd",
            "-rw-r----- smsd:smsd /var/lib/smsd/journal.db",
        ]
        assert service.ask("reload").returncode == 0
        assert machine.run("dpkg", "--verify", "smsd") == ""
        assert machine.run("find", "/opt/smsd", "-type", "f", "-newer", CONFIG) == ""  # no byte code was missing

        machine.run("dpkg", "--remove", "smsd")
        assert service.state() == "inactive dead"
        assert not machine.path("/opt/smsd").exists()
        assert machine.path(CONFIG).exists()
        assert machine.path("/var/lib/smsd/journal.db").exists()
        machine.run("dpkg", "--purge", "smsd")
        assert machine.run("find", "/etc", "/lib", "/usr", "/var/lib", "-name", "*smsd*") == ""


def test_an_upgrade_while_messages_flow_loses_and_repeats_none_and_keeps_file_and_journal(
    debian: Path, package: Path, next_package: Path, stage: Stage, tmp_path: Path
) -> None:
    simulator = stage.simulator(latency=0.2)
    with Machine(debian, tmp_path / "machine") as machine:
        service = Service(machine)
        install(machine, package, start=False)
        service.configure(stage.settings({"p": provider(simulator.port, max_rate=30)}))
        before = machine.path(CONFIG).read_text()
        service.start("p")
        ids = stage.crm.send_many(150)
        simulator.sent(20)
        install(machine, next_package, start=True)
        assert simulator.count() < 150  # it really was under way
        assert {result["status"] for result in stage.crm.finals(ids)} == {"sent"}
        assert sorted(simulator.texts()) == sorted({f"message {id[1:]}" for id in ids})
        assert machine.path(CONFIG).read_text() == before
        assert f'"version": "{NEXT}"' in re.sub(r'":"', '": "', ask(service.port, "GET", "/status")[1])
        assert f"{ids[0]} by p" in machine.run("smsd", "trace", ids[0])
        assert service.show("Result") == "success"


def test_who_disabled_the_service_does_not_get_it_started_by_an_upgrade(
    debian: Path, package: Path, next_package: Path, tmp_path: Path
) -> None:
    with Machine(debian, tmp_path / "machine", network=False) as machine:
        install(machine, package, start=True)
        machine.run("systemctl", "disable", "--now", "smsd")
        install(machine, next_package, start=True)
        assert Service(machine).state() == "inactive dead"
        assert machine.attempt("systemctl", "is-enabled", "smsd").stdout.strip() == "disabled"


def test_nothing_of_the_machine_that_built_it_is_in_the_package(package: Path, tmp_path: Path) -> None:
    subprocess.run(["dpkg-deb", "--raw-extract", package, tmp_path / "tree"], check=True)
    found = subprocess.run(["grep", "-rlF", f"{ROOT}/", tmp_path / "tree"], capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (1, "")
    assert f"Version: {__version__}\n" in (tmp_path / "tree" / "DEBIAN" / "control").read_text()


def test_nothing_of_a_machine_is_left_when_it_ends(debian: Path, tmp_path: Path) -> None:
    place = tmp_path / "machine"
    with Machine(debian, place) as machine:
        machine.write("/root/mark", "here")
        systemd = Path(f"/proc/{machine.pid}")
        assert systemd.exists()
    assert list(place.iterdir()) == []
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()
    eventually(lambda: not systemd.exists())


def test_the_wheel_runs_in_a_clean_environment_and_misses_no_file(wheel: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    pip = [sys.executable, "-m", "pip", "--python", tmp_path / "venv", "install", "-qq", "--disable-pip-version-check"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    subprocess.run([*pip, "--constraint", ROOT / "deploy" / "debian" / "constraints.txt", wheel], env=clean, check=True)
    smsd = tmp_path / "venv" / "bin" / "smsd"

    def run(*arguments: str) -> str:
        return subprocess.run(
            [smsd, *arguments], cwd=tmp_path, env=clean, check=True, stdout=subprocess.PIPE, text=True
        ).stdout

    assert run("--version") == f"smsd, version {__version__}\n"
    sample = ROOT / "deploy" / "debian" / "smsd.yaml"
    assert run("check", "--config", str(sample)) == f"{sample}: ok, 0 providers\n"
    command = [smsd, "simulator", "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"]
    with subprocess.Popen(command, cwd=tmp_path, env=clean, stdout=subprocess.PIPE, text=True) as simulator:
        assert simulator.stdout is not None
        assert simulator.stdout.readline().startswith("listening on 127.0.0.1:")
        simulator.terminate()
    assert simulator.returncode == 0
    installed = next((tmp_path / "venv" / "lib").glob("python3*")) / "site-packages" / "smsd"
    assert files(installed) == files(ROOT / "smsd")


def files(package: Path) -> set[Path]:
    return {path.relative_to(package) for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc"}


def test_fault_p1_a_package_that_does_not_start_is_not_built(tmp_path: Path) -> None:
    """As on a Python that is too new for it: its settings can't be imported."""
    tree = tmp_path / "tree"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tree / name)
    (tree / ".venv").symlink_to(ROOT / ".venv")
    scalars = tree / "smsd" / "settings" / "scalars.py"
    scalars.write_text(scalars.read_text() + "\nint.no_such_attribute\n")
    subprocess.run([tree / "deploy" / "wheel.sh"], check=True, stdout=subprocess.DEVNULL)
    build = subprocess.run([tree / "deploy" / "debian" / "build.sh"], capture_output=True, text=True, check=False)
    assert build.returncode == 1, build.stdout
    assert "the packaged smsd does not run" in build.stderr
    assert list(tree.glob("dist/*.deb")) == []
