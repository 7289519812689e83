"""Spare ports on 127.0.0.1."""

from rig.rabbit import private_node


def free_port() -> int:
    """A port that nobody uses, and that the kernel hands out to nobody by itself."""
    [port] = private_node.spare_ports(1)
    return int(port)
