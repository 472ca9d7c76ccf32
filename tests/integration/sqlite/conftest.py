"""The embedded queue in a file of its own."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.clock import SystemClock
from adapters.sqlite.queue import SqliteQueue


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "queue.db"


@pytest.fixture
def queue(path: Path) -> Iterator[SqliteQueue]:
    queue = SqliteQueue(path, SystemClock())
    yield queue
    asyncio.run(queue.close())
