"""Spare ports on 127.0.0.1."""

import socket


def free_port() -> int:
    """A port that nobody listens on, and that the kernel will not hand out again soon."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
