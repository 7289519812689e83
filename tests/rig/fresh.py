"""make's targets in a clone of this checkout, on a fresh Debian of a release: `python fresh.py trixie demo test`.

It is the machine of a newcomer: what Debian calls essential, git, make and python3, and this commit in /root/smsd; all
else deploy/setup.sh has to bring. Files are in `.run/fresh-RELEASE`, made anew each time and left to be looked at;
processes and mounts end with the run. ARGS and the other variables of the Makefile are handed on. So is what apt and
pip of this machine are told about the way out: proxies, certificates, other indexes.

Only the standard library, since it must run before there is a venv.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from rig import debian

ROOT = Path(__file__).parents[2]
ENTER = Path(__file__).with_name("enter.sh")
PACKAGES = "ca-certificates,git,make,python3"
HANDED_ON = re.compile(
    r"ARGS|KEEP|CI|TERM|PIP_\w+|npm_config_\w+|NODE_EXTRA_CA_CERTS|SSL_CERT_\w+|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE"
    r"|(http|https|ftp|no|all)_proxy|(HTTP|HTTPS|FTP|NO|ALL)_PROXY"
)
CERTIFICATES = Path("/usr/local/share/ca-certificates")
"""Of authorities that the machine's owner trusts besides Debian's."""


def fresh(release: str) -> Path:
    """A root of the release as it is when new, with the clone in it."""
    bare = debian.root(release, PACKAGES, f"bare-{release}")
    made = debian.PLACE / f"fresh-{release}"
    for command in (
        ["rm", "-rf", "--one-file-system", made],
        ["cp", "--archive", bare, made],
        ["git", "clone", "--quiet", "--no-hardlinks", ROOT, made / "root/smsd"],
    ):
        subprocess.run(command, check=True)
    _way_out(made)
    return made


def _way_out(made: Path) -> None:
    """What apt and pip are told by files of this machine."""
    told = subprocess.run(["apt-config", "dump"], check=True, capture_output=True, text=True).stdout
    lines = re.findall(r"^Acquire::(?:https?::|Check|Retries).*\n", told, re.MULTILINE)
    (made / "etc/apt/apt.conf.d/90machine").write_text("".join(lines))
    for file in (Path("/etc/resolv.conf"), Path("/etc/pip.conf"), *CERTIFICATES.glob("*.crt")):
        _copy(file, made)
    subprocess.run(["chroot", made, "update-ca-certificates"], check=True, capture_output=True)


def _copy(file: Path, made: Path) -> None:
    copy = made / file.relative_to("/")
    if file.is_file() and not copy.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)


def environment(made: Path) -> Iterator[tuple[str, str]]:
    """What is handed on. A file that it names comes along; a directory only if the release has it too."""
    yield from {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8"}.items()
    for name, value in os.environ.items():
        if HANDED_ON.fullmatch(name):
            if value.startswith("/"):
                _copy(Path(value), made)
            if not value.startswith("/") or (made / value.lstrip("/")).exists():
                yield name, value


def run(made: Path, *command: str) -> int:
    """Runs the command in the clone; its exit code."""
    apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "bash", ENTER, made]
    return subprocess.run([*apart, *command], env=dict(environment(made)), check=False).returncode


def main(release: str, *targets: str) -> int:
    """Each target in turn, up to the first that fails; its exit code."""
    debian.PLACE.mkdir(exist_ok=True)
    with (debian.PLACE / f"fresh-{release}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        commit = subprocess.run(["git", "log", "-1", "--format=%h %s"], cwd=ROOT, capture_output=True, text=True)
        print(f"A fresh Debian {release} gets a clone of {commit.stdout.strip()}; whatever is not committed stays out.")
        made = fresh(release)
        for target in targets:
            print(f"Debian {release}: make {target}", flush=True)
            if code := run(made, "make", target):
                print(f"Debian {release}: make {target} failed, exit code {code}. Its files are in {made}.")
                return code
    print(f"Debian {release}: {' and '.join(f'make {target}' for target in targets)} succeeded.")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
