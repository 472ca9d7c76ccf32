"""The scene of a fault test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.faults.scene import Scene
from tests.support.rabbit import Broker


@pytest.fixture
def scene(tmp_path: Path, rabbitmq: Broker, queue: str) -> Iterator[Scene]:
    """A shop of its own on the current broker."""
    with Scene(tmp_path, rabbitmq, queue).playing() as playing:
        yield playing
