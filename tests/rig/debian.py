"""Debian releases as directories, made by debootstrap once, outside of what git knows; and the one to test against.

`SMSD_TEST_DEBIAN=trixie` runs the programs that tests meet (RabbitMQ, promtool) as that release has them, and smsd and
the tests with the Python of the machine. `python tests/rig/debian.py trixie` makes it ready and says what it has.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

PLACE = Path(__file__).parents[2] / ".run"
PROGRAMS = "ca-certificates,rabbitmq-server,prometheus"
SCRIPTS = Path("/usr/share/debootstrap/scripts")


def root(release: str, packages: str, name: str) -> Path:
    """The release with what is essential and `packages` in `.run/NAME`, made unless it is there (a minute or two)."""
    PLACE.mkdir(exist_ok=True)
    found = PLACE / name
    with found.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not found.exists():
            _debootstrap(release, packages, found)
    return found


def programs() -> Path | None:
    """The root whose programs the tests meet; None is the machine itself."""
    release = os.environ.get("SMSD_TEST_DEBIAN")
    return root(release, PROGRAMS, f"programs-{release}") if release else None


def _debootstrap(release: str, packages: str, found: Path) -> None:
    begun = found.with_suffix(".begun")
    shutil.rmtree(begun, ignore_errors=True)
    ours = ["Identifier: Packages", "Label: Debian", "Component: main"]
    look = ["apt-get", "indextargets", "--format", "$(REPO_URI)", *ours]
    mirrors = subprocess.run(look, check=True, capture_output=True, text=True).stdout.split()
    assert mirrors, "apt-get knows no mirror of Debian: run apt-get update first"
    script = [] if (SCRIPTS / release).exists() else ["sid"]  # a release that this debootstrap is too old to know
    make = ["debootstrap", "--variant=minbase", f"--include={packages}", release, str(begun), mirrors[0], *script]
    made = subprocess.run(["unshare", "--mount", *make], capture_output=True, text=True)
    assert made.returncode == 0, made.stdout[-2000:] + made.stderr
    for package in begun.glob("var/cache/apt/archives/*.deb"):
        package.unlink()
    begun.rename(found)


def _versions(found: Path) -> str:
    wanted = [name for name in PROGRAMS.split(",") if name != "ca-certificates"]
    ask = ["dpkg-query", "--root", str(found), "--show", "--showformat=${Package} ${Version}\n", *wanted]
    return ", ".join(subprocess.run(ask, check=True, capture_output=True, text=True).stdout.splitlines())


if __name__ == "__main__":
    os.environ["SMSD_TEST_DEBIAN"] = sys.argv[1]
    made = programs()
    assert made is not None
    print(f"Debian {sys.argv[1]}: {_versions(made)}")
