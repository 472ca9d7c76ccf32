"""Every ledger under the one contract: a ledger is one line in CASES."""

import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from adapters.clock import SystemClock
from adapters.secret import Secret
from adapters.sqlite.ledger import SqliteLedger
from domain.ledger import DeliveryLedger
from tests.contracts.ledger import LedgerContract
from tests.contracts.ledger_calls import CallsContract
from tests.contracts.ledger_crashes import CrashesContract
from tests.contracts.ledger_equal import EqualMessagesContract
from tests.contracts.ledger_harness import Run, Storage, runner


class Processes:
    """Makes ledgers and closes them all at the end."""

    def __init__(self, make: Callable[[], DeliveryLedger]) -> None:
        self._make = make
        self._made: list[DeliveryLedger] = []

    def process(self) -> DeliveryLedger:
        self._made.append(self._make())
        return self._made[-1]

    async def close(self) -> None:
        for ledger in self._made:
            await ledger.close()


def on_sqlite(request: pytest.FixtureRequest) -> Callable[[], DeliveryLedger]:
    path = request.getfixturevalue("tmp_path") / "home" / "ledger.db"
    return lambda: SqliteLedger(path, SystemClock())


def on_redis(request: pytest.FixtureRequest) -> Callable[[], DeliveryLedger]:
    from adapters.redis.ledger import RedisLedger

    url, prefix = request.getfixturevalue("redis_url"), f"contract-{uuid.uuid4().hex}:"
    return lambda: RedisLedger(Secret(url), prefix=prefix)


CASES = [
    pytest.param(on_sqlite, id="sqlite"),
    pytest.param(on_redis, id="redis"),
]


@pytest.fixture(params=CASES)
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a scenario on each ledger in turn."""

    @asynccontextmanager
    async def storage() -> AsyncIterator[Storage]:
        processes = Processes(request.param(request))
        try:
            yield processes
        finally:
            await processes.close()

    open_storage: Callable[[], AbstractAsyncContextManager[Storage]] = storage
    return runner(open_storage)


class TestLedgerContract(LedgerContract, EqualMessagesContract, CrashesContract, CallsContract):
    """Sqlite for one machine, Redis for a fleet."""
