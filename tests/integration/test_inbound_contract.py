"""Every inbound adapter under the one inbound contract: a broker is one line in CASES."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.clock import SystemClock
from adapters.sqlite.consumer import SqliteConsumer, SqliteConsumerSettings
from adapters.sqlite.dead_letters import SqliteDeadLetters
from adapters.sqlite.publisher import SqlitePublisher
from adapters.sqlite.queue import SqliteQueue
from tests.contracts.inbound import InboundContract
from tests.contracts.inbound_harness import InboundHarness, Run, runner

LEASE = timedelta(seconds=1)


class SqliteInbound:
    """A queue file of its own; every part has its own connection, as in several processes."""

    tier = timedelta(milliseconds=300)
    delays_exactly = True

    def __init__(self, path: Path) -> None:
        self._path = path
        self._clock = SystemClock()
        self._open: list[SqliteQueue] = []
        self._names = 0
        self.consumer_source = f"""
from datetime import timedelta
from pathlib import Path
from adapters.clock import SystemClock
from adapters.sqlite.consumer import SqliteConsumer, SqliteConsumerSettings
from adapters.sqlite.queue import SqliteQueue

def make_consumer(queue):
    clock = SystemClock()
    settings = SqliteConsumerSettings(queues=(queue,), lease=timedelta(seconds=1))
    return SqliteConsumer(SqliteQueue(Path({str(path)!r}), clock), settings, clock)
"""

    async def fresh_queue(self) -> str:
        self._names += 1
        return f"queue-{self._names}"

    def publisher(self) -> SqlitePublisher:
        return SqlitePublisher(self._queue())

    def consumer(
        self, *queues: str, prefetch: int = 10, grace: timedelta = timedelta(seconds=5)
    ) -> SqliteConsumer:
        settings = SqliteConsumerSettings(
            queues=queues, prefetch=prefetch, grace=grace, lease=LEASE
        )
        return SqliteConsumer(self._queue(), settings, self._clock)

    def dead_letters(self) -> SqliteDeadLetters:
        return SqliteDeadLetters(self._queue())

    def close(self) -> None:
        for queue in self._open:
            queue.close()

    def _queue(self) -> SqliteQueue:
        queue = SqliteQueue(self._path, self._clock)
        self._open.append(queue)
        return queue


@asynccontextmanager
async def open_sqlite(request: pytest.FixtureRequest) -> AsyncIterator[InboundHarness]:
    folder: Path = request.getfixturevalue("tmp_path")
    inbound = SqliteInbound(folder / "home" / "queue.db")
    try:
        yield inbound
    finally:
        inbound.close()


OpenCase = Callable[[pytest.FixtureRequest], AbstractAsyncContextManager[InboundHarness]]

CASES = [
    pytest.param(open_sqlite, id="sqlite"),
]


@pytest.fixture(params=CASES)
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a scenario on each broker in turn."""
    open_case: OpenCase = request.param
    return runner(lambda: open_case(request))


class TestInboundContract(InboundContract):
    """Consumer, Publisher and DeadLetters of each adapter."""
