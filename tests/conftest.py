"""Fixtures that every tier may ask for; a broker is started only once a test does."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from rig import rabbit
from rig.stage import Stage

# A machine that does much else is slow at times, which says nothing of the code.
settings.register_profile("facts", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("facts")


@pytest.fixture(scope="session")
def broker_url() -> Iterator[str]:
    """The broker that the tests of this run share: SMSD_TEST_AMQP_URL, or else a private node, started here."""
    given = os.environ.get("SMSD_TEST_AMQP_URL")
    if given:
        yield given
        return
    with rabbit.Node() as node:
        yield node.url


@pytest.fixture
def prefix() -> str:
    """A `broker.prefix` of the test's own, see rig.rabbit."""
    return rabbit.unique_prefix()


@pytest.fixture
def stage(broker_url: str, prefix: str, tmp_path: Path) -> Iterator[Stage]:
    """Names of the test's own on the shared broker, and what it starts."""
    stage = Stage(broker_url, prefix, tmp_path)
    try:
        yield stage
    finally:
        stage.close()


@pytest.fixture
def own_node() -> Iterator[Any]:
    """A running node for this test alone, to be stopped and killed at will (about 5 s to start)."""
    with rabbit.Node() as node:
        yield node
        print(f"{node!r}\n{node.last_words()}", file=sys.stderr)  # pytest shows it when the test fails


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB."""
    directory = tmp_path / "small"
    directory.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", directory], check=True)
    try:
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", directory], check=True)
