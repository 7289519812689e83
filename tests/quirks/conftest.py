"""A stage for the quirks that need the whole daemon."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from rig.stage import Stage


@pytest.fixture
def stage(broker_url: str, prefix: str, tmp_path: Path) -> Iterator[Stage]:
    """Names of the test's own on the shared broker, and what it starts."""
    stage = Stage(broker_url, prefix, tmp_path)
    try:
        yield stage
    finally:
        stage.close()
