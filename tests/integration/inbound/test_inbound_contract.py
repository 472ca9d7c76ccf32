"""Every inbound adapter under the one inbound contract: a broker is one line in CASES."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.clock import SystemClock
from adapters.rabbitmq.consumer import RabbitConsumer
from adapters.rabbitmq.dead_letters import RabbitDeadLetters
from adapters.rabbitmq.publisher import RabbitPublisher
from adapters.rabbitmq.settings import RabbitSettings
from adapters.secret import Secret
from adapters.sqlite.consumer import SqliteConsumer, SqliteConsumerSettings
from adapters.sqlite.queue import SqliteQueue
from tests.contracts.inbound import InboundContract
from tests.contracts.inbound_harness import InboundHarness, Run, runner
from tests.support.rabbit import Broker, delete_all

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

    def publisher(self) -> SqliteQueue:
        return self._queue()

    def consumer(
        self, *queues: str, prefetch: int = 10, grace: timedelta = timedelta(seconds=5)
    ) -> SqliteConsumer:
        settings = SqliteConsumerSettings(
            queues=queues, prefetch=prefetch, grace=grace, lease=LEASE
        )
        return SqliteConsumer(self._queue(), settings, self._clock)

    def dead_letters(self) -> SqliteQueue:
        return self._queue()

    async def close(self) -> None:
        for queue in self._open:
            await queue.close()

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
        await inbound.close()


class RabbitInbound:
    """A real broker; every queue has a name nobody else uses."""

    tier = timedelta(milliseconds=300)
    delays_exactly = False

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._prefix = f"contract-{uuid.uuid4().hex[:8]}"
        self._names = 0
        self._open: list[RabbitPublisher | RabbitDeadLetters] = []
        self.consumer_source = f"""
import sys
import structlog
from adapters.rabbitmq.consumer import RabbitConsumer
from adapters.rabbitmq.settings import RabbitSettings
from adapters.secret import Secret

def make_consumer(queue):
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    return RabbitConsumer(RabbitSettings(url=Secret({broker.url!r}), queues=(queue,)))
"""

    async def fresh_queue(self) -> str:
        self._names += 1
        return f"{self._prefix}-{self._names}"

    def publisher(self) -> RabbitPublisher:
        publisher = RabbitPublisher(self._settings())
        self._open.append(publisher)
        return publisher

    def consumer(
        self, *queues: str, prefetch: int = 10, grace: timedelta = timedelta(seconds=5)
    ) -> RabbitConsumer:
        return RabbitConsumer(self._settings(*queues, prefetch=prefetch, grace=grace))

    def dead_letters(self) -> RabbitDeadLetters:
        letters = RabbitDeadLetters(self._settings())
        self._open.append(letters)
        return letters

    async def close(self) -> None:
        for each in self._open:
            await each.close()
        await asyncio.to_thread(delete_all, self._broker, self._prefix)

    def _settings(
        self, *queues: str, prefetch: int = 10, grace: timedelta = timedelta(seconds=5)
    ) -> RabbitSettings:
        return RabbitSettings(
            url=Secret(self._broker.url),
            queues=queues,
            tiers=(self.tier,),
            prefetch=prefetch,
            grace=grace,
        )


def open_rabbitmq(
    fixture: str,
) -> Callable[[pytest.FixtureRequest], AbstractAsyncContextManager[InboundHarness]]:
    @asynccontextmanager
    async def open_case(request: pytest.FixtureRequest) -> AsyncIterator[InboundHarness]:
        inbound = RabbitInbound(request.getfixturevalue(fixture))
        try:
            yield inbound
        finally:
            await inbound.close()

    return open_case


OpenCase = Callable[[pytest.FixtureRequest], AbstractAsyncContextManager[InboundHarness]]

CASES = [
    pytest.param(open_sqlite, id="sqlite"),
    pytest.param(open_rabbitmq("rabbitmq"), id="rabbitmq"),
    pytest.param(open_rabbitmq("rabbitmq_old"), id="rabbitmq-3.10"),
]


@pytest.fixture(params=CASES)
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a scenario on each broker in turn."""
    open_case: OpenCase = request.param
    return runner(lambda: open_case(request))


class TestInboundContract(InboundContract):
    """Consumer, Publisher and DeadLetters of each adapter."""
