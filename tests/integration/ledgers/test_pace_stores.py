"""The contract of a store of paces, on each of the stores."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from adapters.secret import Secret
from adapters.sqlite.ledger import SqliteLedger
from adapters.sqlite.paces import SqlitePaces
from domain.ledger import LedgerUnavailable
from domain.pace import Rate, Spacing
from tests.contracts.ledger_harness import ANN, ID
from tests.contracts.paces import Open, PaceStoreContract, Stores
from tests.fakes import FakeClock


class TestMemoryPaces(PaceStoreContract):
    @pytest.fixture
    def open_stores(self) -> Open:
        @asynccontextmanager
        async def opened() -> AsyncIterator[Stores]:
            store = SqlitePaces(None)
            yield store, store
            await store.close()

        return opened


class TestSqlitePaces(PaceStoreContract):
    @pytest.fixture
    def open_stores(self, tmp_path: Path) -> Open:
        @asynccontextmanager
        async def opened() -> AsyncIterator[Stores]:
            stores = SqlitePaces(tmp_path / "ledger.db"), SqlitePaces(tmp_path / "ledger.db")
            yield stores
            for store in stores:
                await store.close()

        return opened

    def test_a_budget_outlives_a_restart_and_leaves_the_ledger_as_it_is(
        self, tmp_path: Path
    ) -> None:
        path, spacing = tmp_path / "ledger.db", Spacing(budgets=(Rate(2, 86400),))

        async def one_process() -> list[bool]:
            ledger, paces = SqliteLedger(path, FakeClock()), SqlitePaces(path)
            taken = [(await paces.take("k", spacing, 0)).taken for _ in range(2)]
            start = await ledger.start(ID)
            await ledger.finish(start.claim, [ANN])
            await ledger.close()
            await paces.close()
            return taken

        assert asyncio.run(one_process()) == [True, True]
        assert asyncio.run(one_process()) == [False, False]

    def test_a_file_that_cannot_be_used_is_the_ledger_s_trouble(self, tmp_path: Path) -> None:
        (tmp_path / "ledger.db").mkdir()

        with pytest.raises(LedgerUnavailable, match="ledger"):
            asyncio.run(SqlitePaces(tmp_path / "ledger.db").take("k", Spacing(), 0))


class TestRedisPaces(PaceStoreContract):
    @pytest.fixture
    def open_stores(self, redis_url: str) -> Open:
        from adapters.redis.paces import RedisPaces

        @asynccontextmanager
        async def opened() -> AsyncIterator[Stores]:
            prefix = f"pace-{uuid.uuid4().hex}:"
            stores = (
                RedisPaces(Secret(redis_url), prefix=prefix),
                RedisPaces(Secret(redis_url), prefix=prefix),
            )
            yield stores
            for store in stores:
                await store.close()

        return opened

    def test_a_server_that_is_away_is_the_ledger_s_trouble(self) -> None:
        from adapters.redis.paces import RedisPaces

        async def scenario() -> None:
            paces = RedisPaces(Secret("redis://127.0.0.1:1/0"))
            with pytest.raises(LedgerUnavailable, match=r"ledger redis://127.0.0.1:1"):
                await paces.take("k", Spacing(), 0)
            await paces.close()

        asyncio.run(scenario())
