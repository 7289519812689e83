"""A Debian with a real systemd as its PID 1, on a machine whose own PID 1 is something else.

Its files are those of a debootstrapped root, what it changes is in memory, and it lives in namespaces of its own: when
its systemd is killed, its processes and mounts are gone, and nothing was ever to be seen of them outside.
The network is the machine's own, so that a broker or a simulator on 127.0.0.1 can be reached, unless `network=False`.
"""

import contextlib
import os
import platform
import secrets
import subprocess
from pathlib import Path
from typing import Any, Self

from rig import debian
from rig.patience import eventually

BOOT = Path(__file__).with_name("boot.sh")
BOOT_SECONDS = 60.0
PACKAGES = "systemd,systemd-sysv,python3"
"""What the root has besides Debian's essential packages: nothing that smsd's package does not depend on."""


def debian_root() -> Path:
    """A root of this machine's release, made by debootstrap unless an earlier run has (half a minute).

    The package is for the release that built it, so that another one is tried on another machine: `make test-debian13`.
    """
    release = platform.freedesktop_os_release()["VERSION_CODENAME"]
    made = debian.root(release, PACKAGES, f"debian-{release}")
    getty = made / "etc/systemd/system/console-getty.service"  # there is no console to log in at
    with contextlib.suppress(FileExistsError):
        getty.symlink_to("/dev/null")
    return made


# Two machines in one cgroup would have their services' cgroups in common, and kill each other's.
OWN_CGROUP = """
set -e
mount -t cgroup2 cgroup2 "$0" && mkdir "$0/$1" && echo $$ > "$0/$1/cgroup.procs" && umount "$0"
shift
exec "$@"
"""
NO_CGROUP = """
mount -t cgroup2 cgroup2 "$0"
for each in 1 2 3 4 5; do find "$0/$1" -depth -type d -exec rmdir {} + && break; sleep 0.2; done
"""


class Machine:
    """A booted machine; `close` ends it. `place` is an empty directory that it may have, and leaves empty."""

    def __init__(self, root: Path, place: Path, *, network: bool = True) -> None:
        place.mkdir()
        kinds = ["--pid", "--mount", "--uts", "--ipc", "--cgroup", *([] if network else ["--net"])]
        dying_with_us = ["setpriv", "--pdeathsig", "KILL"]  # when a test takes too long, nobody closes anything
        self._apart = ["unshare", "--mount", "sh", "-c"]
        self._own = [place, f"smsd-machine-{secrets.token_hex(4)}"]
        alone = [*self._apart, OWN_CGROUP, *self._own]
        boot = [*dying_with_us, *alone, "unshare", "--fork", "--kill-child", *kinds, "bash", BOOT, root, place]
        self._log = place.with_suffix(".log")
        with self._log.open("wb") as log:
            self._unshare = subprocess.Popen(boot, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self.pid = eventually(self._booted, BOOT_SECONDS)
            """Of its systemd, as seen from outside."""
            self.attempt("systemctl", "is-system-running", "--wait")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Kills its systemd, and with it, says the kernel, all of its processes."""
        self._unshare.kill()
        self._unshare.wait()
        subprocess.run([*self._apart, NO_CGROUP, *self._own], check=False, capture_output=True)

    def _booted(self) -> int | None:
        """The PID, outside, of its systemd, once that can be talked to."""
        pid = self._unshare.pid
        assert self._unshare.poll() is None, self._log.read_text(errors="replace")
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            with contextlib.suppress(OSError):
                if Path(f"/proc/{child}/root/run/systemd/private").is_socket():
                    return int(child)
        return None

    def run(self, *command: str, check: bool = True, timeout: float = 120.0, **more: Any) -> str:
        """Runs a command inside as root; stdout and stderr as they came. AssertionError if it fails, unless told."""
        done = self.attempt(*command, timeout=timeout, **more)
        assert not check or done.returncode == 0, f"{' '.join(command)}: exit {done.returncode}: {done.stdout}"
        return done.stdout

    def attempt(self, *command: str, timeout: float = 120.0, **more: Any) -> "subprocess.CompletedProcess[str]":
        """Runs a command inside as root, whatever comes of it."""
        path = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
        into = ["nsenter", "--target", str(self.pid), "--all", "--", *command]
        out = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "stdin": subprocess.DEVNULL}
        return subprocess.run(into, env=path, text=True, timeout=timeout, **{**out, **more})

    def write(self, path: str, text: str, mode: int | None = None) -> None:
        """Writes a file inside; one that is there keeps its owner and mode."""
        file = self.path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        if mode is not None:
            os.chmod(file, mode)

    def path(self, path: str) -> Path:
        """A path inside, for the outside; not across absolute links."""
        return Path(f"/proc/{self.pid}/root") / path.lstrip("/")
