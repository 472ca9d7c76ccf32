"""The contract of a list of suppressions, on each of the stores and on the fake."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from adapters.secret import Secret
from adapters.suppressions.file import FileSuppressions
from domain.suppressions import SuppressionStore, SuppressionsUnavailable
from entrypoints.suppressing import canonical_address
from tests.contracts.suppressions import ListStores, OpenLists, SuppressionStoreContract, an_entry
from tests.fakes import FakeSuppressions
from tests.support.redis_server import RedisServer


class TestFakeSuppressions(SuppressionStoreContract):
    @pytest.fixture
    def open_lists(self) -> OpenLists:
        @asynccontextmanager
        async def opened() -> AsyncIterator[ListStores]:
            store = FakeSuppressions()
            yield store, store

        return opened


class TestFileSuppressions(SuppressionStoreContract):
    async def seen(self, store: SuppressionStore) -> None:
        assert isinstance(store, FileSuppressions)
        await store.look()  # a worker looks twice a second

    @pytest.fixture
    def open_lists(self, tmp_path: Path) -> OpenLists:
        @asynccontextmanager
        async def opened() -> AsyncIterator[ListStores]:
            path = tmp_path / "suppressions.txt"
            stores = (
                FileSuppressions(path, canonical_address, "email"),
                FileSuppressions(path, canonical_address, "email"),
            )
            yield stores
            for store in stores:
                await store.close()

        return opened


class TestRedisSuppressions(SuppressionStoreContract):
    @pytest.fixture
    def open_lists(self, redis_url: str) -> OpenLists:
        from adapters.redis.suppressions import RedisSuppressions

        @asynccontextmanager
        async def opened() -> AsyncIterator[ListStores]:
            key = f"suppressions-{uuid.uuid4().hex}"
            stores = (
                RedisSuppressions(Secret(redis_url), key=key),
                RedisSuppressions(Secret(redis_url), key=key),
            )
            yield stores
            for store in stores:
                await store.close()

        return opened

    def test_a_server_that_is_away_is_named_with_what_is_kept_there(self) -> None:
        from adapters.redis.suppressions import RedisSuppressions

        async def scenario() -> None:
            store = RedisSuppressions(Secret("redis://:Sentinel-s3cret@127.0.0.1:1/0"))
            with pytest.raises(SuppressionsUnavailable) as away:
                await store.find("email", ["ann@example.com"])
            await store.close()
            assert str(away.value).startswith("suppressions redis://127.0.0.1:1/0: ")
            assert "s3cret" not in str(away.value)

        asyncio.run(scenario())

    def test_what_was_stored_by_hand_counts_as_an_entry(self, own_redis: RedisServer) -> None:
        from redis import Redis

        from adapters.redis.suppressions import RedisSuppressions

        with Redis.from_url(own_redis.url) as redis:
            redis.hset("dispatcher:suppressions", "email:ann@example.com", "asked by phone")

        async def scenario() -> None:
            store = RedisSuppressions(Secret(own_redis.url))
            (found,) = await store.find("email", ["ann@example.com"])
            await store.close()
            assert found == an_entry(reason="", since=None)

        asyncio.run(scenario())

    def test_a_server_that_may_drop_entries_says_so(self, own_redis: RedisServer) -> None:
        from redis import Redis

        from adapters.redis.suppressions import RedisSuppressions

        async def may_evict() -> bool:
            store = RedisSuppressions(Secret(own_redis.url))
            try:
                return await store.may_evict()
            finally:
                await store.close()

        with Redis.from_url(own_redis.url) as redis:
            redis.config_set("maxmemory-policy", "noeviction")
            assert not asyncio.run(may_evict())
            redis.config_set("maxmemory-policy", "allkeys-lru")

        assert asyncio.run(may_evict())

    def test_a_field_that_is_no_text_is_listed_with_the_others(
        self, own_redis: RedisServer
    ) -> None:
        from redis import Redis

        from adapters.redis.suppressions import RedisSuppressions

        with Redis.from_url(own_redis.url) as redis:
            redis.delete("dispatcher:suppressions")
            redis.hset("dispatcher:suppressions", b"email:\xff@example.com", "")

        async def scenario() -> None:
            store = RedisSuppressions(Secret(own_redis.url))
            (found,) = await store.entries()
            await store.close()
            assert (found.channel, found.address) == (
                "email",
                "\N{REPLACEMENT CHARACTER}@example.com",
            )

        asyncio.run(scenario())

    def test_a_list_that_is_lost_is_an_absence_and_one_without_an_address_is_not(
        self, own_redis: RedisServer
    ) -> None:
        from redis import Redis

        from adapters.redis.suppressions import RedisSuppressions

        async def scenario(redis: Redis) -> None:
            store = RedisSuppressions(Secret(own_redis.url))
            strict = RedisSuppressions(Secret(own_redis.url), may_be_absent=False)
            assert await store.find("email", ["ann@example.com"]) == [None]
            with pytest.raises(SuppressionsUnavailable, match="has no list; put it back"):
                await strict.find("email", ["ann@example.com"])
            await strict.add([an_entry()])
            await strict.remove("email", ["ann@example.com"])
            for one in (store, strict):
                assert await one.find("email", ["ann@example.com"]) == [None]
                assert list(await one.entries()) == []
            redis.flushall()
            for one in (store, strict):
                with pytest.raises(SuppressionsUnavailable, match="has no list; put it back"):
                    await one.find("email", ["ann@example.com"])
                await one.close()

        with Redis.from_url(own_redis.url) as redis:
            redis.flushall()
            asyncio.run(scenario(redis))
