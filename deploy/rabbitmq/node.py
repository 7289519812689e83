"""A private RabbitMQ node for the demo, the benches and the tests.

Owns one directory with everything such a node has: data, log, cookie, configuration, and `node.json` (ports and pids).
AMQP, the Erlang distribution and epmd all listen on loopback only, on spare ports; the system's own broker, if there
is one, is neither used nor touched.  Only processes that were started from here are ever signalled: a pid is trusted
only together with its start time.

    with Node() as node:
        pika.BlockingConnection(pika.URLParameters(node.url))

    python deploy/rabbitmq/node.py start --dir D [--port P]      # prints the url; stays up until `stop --dir D`

It runs the machine's own RabbitMQ, or the one of another Debian whose files are in a directory (`root`): /usr of that
one lies over the machine's, for the node's processes only (a mount namespace, for which one has to be root); all else,
network, /proc, /tmp and the node's directory, is the machine's.

Only the standard library, since it must run before there is a venv.
"""

import argparse
import atexit
import contextlib
import json
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

# The system's /usr/sbin/rabbitmq-server is Debian's wrapper for the system's node; these are the real scripts.
RABBITMQ_BIN = Path("/usr/lib/rabbitmq/bin")

START_SECONDS = 90.0  # about 4 s on an idle machine, much more on a loaded one
STOP_SECONDS = 30.0
RUN_SECONDS = 240.0  # a script of ours calls rabbitmqctl seven times: 2 s each on an idle machine, 15 were seen

CONFIGURATION = """\
listeners.tcp.local = 127.0.0.1:{amqp}
log.console = false
log.file.level = warning
disk_free_limit.absolute = 50MB
# A node that lives for minutes needs no write-ahead log of 512 MB, kept in memory as well.
raft.wal_max_size_bytes = 64000000
"""

# For every Erlang VM of ours, rabbitmqctl's too: without it the distribution listens on all interfaces.
LOOPBACK_DISTRIBUTION = "-kernel inet_dist_use_interface {127,0,0,1}"


EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
LOWEST_PORT = 10_240
"""Spare ports are taken from here up to the ephemeral ones: from those, any connection that somebody opens while a
node is down could take its port, and a connection to a port where nobody listens can even be to itself."""


@dataclass(frozen=True)
class Service:
    """What makes sure that the one who answers on a port is the one we wait for: a greeting, how the answer begins."""

    greeting: bytes
    answer: bytes


AMQP = Service(b"AMQP\x00\x00\x09\x01", b"\x01\x00\x00")  # AMQP 0-9-1 §4.2.2: Connection.Start on channel 0


def epmd(port: int) -> Service:
    """NAMES_REQ of Erlang's distribution protocol, its length before it; the answer begins with epmd's own port."""
    return Service(b"\x00\x01n", port.to_bytes(4, "big"))


class NodeError(Exception):
    """The node could not be started or asked; the message says why and what to do."""


@dataclass(frozen=True)
class Child:
    """A process that we started, told by its start time from a later one that got the same number."""

    pid: int
    started: int  # clock ticks since boot: field 22 of proc(5)'s /proc/PID/stat

    @classmethod
    def spawn(cls, argv: list[str], env: dict[str, str], log: Path) -> Self:
        """Start `argv` in a session of its own, so that a Ctrl-C in the terminal is not meant for it."""
        to_log = (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        from_nothing = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
        streams = [from_nothing, to_log, (os.POSIX_SPAWN_DUP2, 1, 2)]
        # Python ignores SIGPIPE, and a child would inherit that.
        pid = os.posix_spawnp(argv[0], argv, env, file_actions=streams, setsid=True, setsigdef=[signal.SIGPIPE])
        return cls(pid, _stat(pid)[1])

    def alive(self) -> bool:
        state, started = _stat(self.pid)
        if started != self.started:
            return False
        try:
            return os.waitpid(self.pid, os.WNOHANG) == (0, 0)  # reaps it when it has ended
        except ChildProcessError:  # started by an earlier run of the command line
            return state != "Z"

    def end(self, how: signal.Signals, seconds: float) -> None:
        """Signal it and wait until it is gone; after `seconds` it is killed."""
        for sign, patience in ((how, seconds), (signal.SIGKILL, STOP_SECONDS)):
            if self.alive():
                os.kill(self.pid, sign)
                _wait_until(lambda: not self.alive(), patience)


def within(root: Path | None, argv: list[str]) -> list[str]:
    """The command that runs `argv` with the programs of the Debian under `root`, in the same process."""
    if root is None:
        return argv
    over = 'mount --bind "$0/usr" /usr && exec "$@"'
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", over, str(root), *argv]


@dataclass(frozen=True)
class Ports:
    amqp: int
    distribution: int
    epmd: int


class Node:
    """One RabbitMQ node in `directory` (by default a temporary one, removed by `close`).

    It ends with the Python process that started it, however that ends; a `detached` one stays until `stop`.
    Start it from the main thread: its life is tied to the thread that starts it (prctl(2), PR_SET_PDEATHSIG).
    `root` is another Debian's, see above; `settings` are more lines of rabbitmq.conf, `plugins` what it runs besides.
    """

    def __init__(
        self,
        directory: Path | str | None = None,
        *,
        port: int | None = None,
        detached: bool = False,
        root: Path | None = None,
        settings: str = "",
        plugins: Sequence[str] = (),
    ) -> None:
        self._root = root
        self._settings = settings
        self._plugins = plugins
        self._temporary = directory is None
        self.directory = Path(tempfile.mkdtemp(prefix="smsd-rabbit-") if directory is None else directory).resolve()
        self._record = self.directory / "node.json"
        self._detached = detached
        self._epmd: Child | None = None
        self._beam: Child | None = None
        self._ports = self._recall() or Ports(*spare_ports(3))
        if port is not None:
            self._ports = Ports(port, self._ports.distribution, self._ports.epmd)
        if not detached:
            atexit.register(self.close)

    def __repr__(self) -> str:
        return f"<Node {self.url} {'running' if self.running else 'stopped'}>"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def port(self) -> int:
        return self._ports.amqp

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}/%2F"

    @property
    def running(self) -> bool:
        return self._beam is not None and self._beam.alive()

    @property
    def pids(self) -> list[int]:
        """The processes that listen: epmd, and the node itself."""
        return [child.pid for child in (self._epmd, self._beam) if child is not None and child.alive()]

    def start(self) -> None:
        """Bring the node up, with the data and the ports it had before, and return once it speaks AMQP.

        Raises NodeError when RabbitMQ is not installed or does not come up within START_SECONDS.
        """
        if self.running:
            return
        if not Path(f"{self._root or ''}{RABBITMQ_BIN}/rabbitmq-server").exists():
            raise NodeError("RabbitMQ is not installed: run deploy/setup.sh, or apt-get install rabbitmq-server")
        self._check_ports()
        self._prepare()
        try:
            self._start_epmd()
            self._start_beam()
        except BaseException:  # an interrupt too must leave no process
            self.stop()
            raise

    def stop(self) -> None:
        """Shut the node down cleanly, then its epmd.  The data stay."""
        self._end_beam(signal.SIGTERM)
        if self._epmd is not None:
            self._epmd.end(signal.SIGTERM, STOP_SECONDS)
        self._epmd = None
        self._remember()

    def kill(self) -> None:
        """End the node as a crash would: kill -9.  `start` brings it back with its durable data.

        RabbitMQ 3.10 writes the name of a new quorum queue to disk half a second after it has confirmed the declaration
        (names.dets): after a crash in that time the queue is there by name, but lost, and asking it takes a minute.
        """
        self._end_beam(signal.SIGKILL)
        self._remember()

    def close(self) -> None:
        """Stop the node and remove its directory, if that was a temporary one."""
        atexit.unregister(self.close)
        self.stop()
        if self._temporary:
            shutil.rmtree(self.directory, ignore_errors=True)

    def rabbitmqctl(self, *args: str) -> str:
        """Run `rabbitmqctl` against this node (a second or two each time) and return what it prints.

        Raises NodeError with rabbitmqctl's own words.
        """
        done = self.run(str(RABBITMQ_BIN / "rabbitmqctl"), "--quiet", *args)
        if done.returncode != 0:
            raise NodeError(f"rabbitmqctl {' '.join(args)}: {(done.stderr or done.stdout).strip()}")
        return done.stdout

    def run(self, *argv: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run a program to which `rabbitmqctl` is that of this node, whatever comes of it."""
        own = self._environment()
        env = {**own, "PATH": f"{RABBITMQ_BIN}:{own['PATH']}", **environment}
        command, quiet = within(self._root, [*argv]), subprocess.DEVNULL
        return subprocess.run(
            command, env=env, stdin=quiet, capture_output=True, text=True, check=False, timeout=RUN_SECONDS
        )

    def _check_ports(self) -> None:
        """Otherwise the stranger on the port would be taken for the node."""
        epmd_runs = self._epmd is not None and self._epmd.alive()
        for port in (self._ports.amqp, self._ports.distribution, *(() if epmd_runs else (self._ports.epmd,))):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as RabbitMQ does after a crash
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError as error:
                    raise NodeError(f"127.0.0.1:{port} can't be used: {error.strerror}") from error

    def _prepare(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "rabbitmq.conf").write_text(CONFIGURATION.format(amqp=self.port) + self._settings)
        (self.directory / "enabled_plugins").write_text(f"[{','.join(self._plugins)}].\n")
        cookie = self.directory / ".erlang.cookie"
        if not cookie.exists():
            cookie.touch(mode=0o600)
            cookie.write_text(secrets.token_hex(16))
            cookie.chmod(0o400)

    def _environment(self) -> dict[str, str]:
        """The whole environment: nothing of the caller's, whose RABBITMQ_* or NOTIFY_SOCKET mean another node."""
        home = str(self.directory)
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "HOME": home,
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._ports.epmd),
            "ERL_AFLAGS": LOOPBACK_DISTRIBUTION,
            "RABBITMQ_NODENAME": "smsd@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._ports.distribution),
            "RABBITMQ_MNESIA_BASE": f"{home}/mnesia",
            "RABBITMQ_LOG_BASE": f"{home}/log",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{home}/enabled_plugins",
            "RABBITMQ_CONFIG_FILE": f"{home}/rabbitmq",
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            # exec instead of a shell that waits, so that the pid we get is the VM's own
            "RABBITMQ_ALLOW_INPUT": "1",
            # two cores at most, and no spinning while idle
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-noinput +S 2:2 +sbwt none",
        }

    def _spawn(self, *argv: str) -> Child:
        tied = [] if self._detached else ["setpriv", "--pdeathsig", "TERM"]
        return Child.spawn([*tied, *within(self._root, [*argv])], self._environment(), self.directory / "output.log")

    def _start_epmd(self) -> None:
        """An epmd of our own, started first: otherwise the node starts a daemon whose pid nobody knows."""
        if self._epmd is None or not self._epmd.alive():
            self._epmd = self._spawn("epmd", "-address", "127.0.0.1", "-port", str(self._ports.epmd))
        self._await_service(self._epmd, self._ports.epmd, epmd(self._ports.epmd))

    def _start_beam(self) -> None:
        self._beam = self._spawn(str(RABBITMQ_BIN / "rabbitmq-server"))
        self._remember()
        self._await_service(self._beam, self.port, AMQP)

    def _await_service(self, child: Child, port: int, service: Service) -> None:
        if not _wait_until(lambda: not child.alive() or _answers(port, service), START_SECONDS):
            raise NodeError(f"nothing answers on 127.0.0.1:{port} after {START_SECONDS:.0f} s\n{self.last_words()}")
        if not child.alive():
            raise NodeError(f"it ended while starting\n{self.last_words()}")

    def last_words(self) -> str:
        """The ends of its logs."""
        logs = [self.directory / "output.log", *sorted(self.directory.glob("log/smsd@localhost.log"))]
        lines = [line for log in logs if log.exists() for line in log.read_text(errors="replace").splitlines()[-15:]]
        return "\n".join(lines)

    def _end_beam(self, how: signal.Signals) -> None:
        if self._beam is not None:
            self._beam.end(how, STOP_SECONDS)
        self._beam = None

    def _recall(self) -> Ports | None:
        """Take up the processes and the ports of an earlier run in the same directory."""
        if not self._record.exists():
            return None
        record = json.loads(self._record.read_text())
        self._epmd, self._beam = (Child(**record[name]) if record[name] else None for name in ("epmd", "beam"))
        return Ports(**record["ports"])

    def _remember(self) -> None:
        if self.directory.exists():
            children = {"epmd": self._epmd and asdict(self._epmd), "beam": self._beam and asdict(self._beam)}
            record = {"url": self.url, "ports": asdict(self._ports), **children}
            self._record.write_text(json.dumps(record, indent=2) + "\n")


def _stat(pid: int) -> tuple[str, int]:
    """State and start time of a process, see proc(5); a start time that none has when it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return "X", -1
    fields = stat.rpartition(")")[2].split()  # the name before it may hold blanks and brackets
    return fields[0], int(fields[19])


def spare_ports(number: int) -> list[int]:
    """Ports on 127.0.0.1 that nobody uses, below those that the kernel hands out by itself."""
    first_ephemeral = int(EPHEMERAL.read_text().split()[0])
    found: list[int] = []
    with contextlib.ExitStack() as held:  # all at once, so that they differ
        while len(found) < number:
            port = random.SystemRandom().randrange(LOWEST_PORT, first_ephemeral)
            probe = held.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                found.append(port)
    return found


def _answers(port: int, service: Service) -> bool:
    """Whether what listens on the port is the service: to accept is not yet to serve."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(service.greeting)
            return connection.recv(len(service.answer), socket.MSG_WAITALL) == service.answer
    except OSError:
        return False


def _wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Look every 20 ms; False when it has not come true within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description="A private RabbitMQ node on 127.0.0.1.")
    parser.add_argument("verb", choices=("start", "stop", "kill"))
    parser.add_argument("--dir", required=True, type=Path, help="everything the node has is kept here")
    parser.add_argument("--port", type=int, help="AMQP port (default: the one it had, or a spare one)")
    options = parser.parse_args()
    node = Node(options.dir, port=options.port, detached=True)
    try:
        {"start": node.start, "stop": node.stop, "kill": node.kill}[options.verb]()
    except NodeError as error:
        print(error, file=sys.stderr)
        return 1
    if options.verb == "start":
        print(node.url)
    return 0


if __name__ == "__main__":
    sys.exit(main())
