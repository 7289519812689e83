"""What differs between versions of RabbitMQ. Which one it is: SMSD_TEST_DEBIAN, see rig.debian; `make test-brokers`.

The tests state what has to hold on all of them, with the queues of production.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from rig.stage import Stage


@pytest.fixture
def quorum(broker_url: str, prefix: str, tmp_path: Path) -> Iterator[Stage]:
    """A stage on the shared broker whose queues are quorum queues, whatever the others are."""
    stage = Stage(broker_url, prefix, tmp_path, queue_type="quorum")
    try:
        yield stage
    finally:
        stage.close()
