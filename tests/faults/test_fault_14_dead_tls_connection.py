"""A connection that died is not kept beside the next one, TLS or not (rule 6)."""

import ssl
from pathlib import Path
from typing import Any

import pytest
from rig.smsc import certificate
from world import eventually, in_a_loop, world

from smsd.simulator.rules import Rules
from smsd.simulator.smsc import Smsc

QUICK = {"interval": "100ms", "timeout": "200ms", "when": "always"}


class TlsSmsc(Smsc):
    """The simulator behind TLS."""

    def __init__(self, cert: Path, key: Path) -> None:
        super().__init__(Rules())
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(cert, key)

    async def start(self, *_: Any, **__: Any) -> int:
        return await super().start(ssl=self._context)


def established(port: int) -> int:
    """Connections of ours to this port that the kernel has not closed on our side."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    fields = [line.split() for line in lines]
    return sum(peer.endswith(f":{port:04X}") and state == "01" for _, _, peer, state, *_ in fields)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
@in_a_loop
async def test_fault_14_a_silent_peer_leaves_one_connection(tls: bool, tmp_path: Path) -> None:
    """The worker that has the first connection reads and says nothing more; another takes the next bind."""
    smsc: Any = TlsSmsc(*certificate(tmp_path, "localhost")) if tls else Smsc(Rules())
    settings = {"host": "localhost", "tls": {"ca_file": f"{tmp_path}/localhost.pem"}} if tls else {}
    async with world(smsc=smsc, enquire_link=QUICK, **settings) as w:
        bind = w.holding.binds[0]
        old = bind._connection
        for connection in smsc._of(None):
            connection.pause()
        await eventually(lambda: bind.open and bind._connection is not old)
        assert established(smsc.port) == 1
