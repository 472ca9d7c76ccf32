"""The ledger on a real Redis, which is frozen, killed and emptied under it."""

import asyncio
import logging
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import settings

pytest.importorskip("redis", reason="needs the extra redis")

from adapters.redis.ledger import RedisLedger
from adapters.secret import Secret
from domain.ledger import ClaimLost, LedgerUnavailable
from tests.contracts.ledger_harness import (
    ANN,
    BUSY,
    CLEAR,
    ID,
    IN_DOUBT,
    NO_ID,
    SENT,
    again,
    changed,
    deliver,
    state_of,
)
from tests.contracts.ledger_model import LedgerMachine, Make
from tests.support.ledger_store import LedgerStore
from tests.support.redis_server import RedisServer, redis_server

SECRET = "Sentinel-s3cret"


def run(*ledgers: RedisLedger, scenario: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        try:
            await scenario()
        finally:
            for ledger in ledgers:
                await ledger.close()

    asyncio.run(main())


def test_redis_does_what_the_model_of_the_contract_does(redis_url: str) -> None:
    class RedisAndSqlite(LedgerMachine):
        def make(self) -> list[Make]:
            self.store, prefix = LedgerStore(), f"model-{uuid.uuid4().hex}:"
            return [lambda: RedisLedger(Secret(redis_url), prefix=prefix), self.store.ledger]

    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(
        RedisAndSqlite,
        settings=settings(max_examples=25, stateful_step_count=30, deadline=None, database=None),
    )


def test_calls_that_wait_for_a_connection_are_served_in_turn(redis_url: str) -> None:
    ledger = RedisLedger(Secret(redis_url), prefix=f"turns-{uuid.uuid4().hex}:")
    calls: Counter[int] = Counter()

    async def mails(stream: int) -> None:
        while max(calls.values(), default=0) < 200:
            await ledger.peek(ID)
            calls[stream] += 1

    async def scenario() -> None:
        streams = range(20)  # more than there are connections
        await asyncio.gather(*map(mails, streams))
        assert min(calls[stream] for stream in streams) > 100, calls

    run(ledger, scenario=scenario)


def test_a_lease_is_kept_while_the_process_lives_and_ends_with_it(redis_url: str) -> None:
    prefix, lease = f"lease-{uuid.uuid4().hex}:", timedelta(seconds=0.6)
    ledger = RedisLedger(Secret(redis_url), prefix=prefix, lease=lease)
    other = RedisLedger(Secret(redis_url), prefix=prefix)

    async def scenario() -> None:
        start = await ledger.start(ID)
        await ledger.sending(start.claim, [ANN])
        await asyncio.sleep(1.5)
        assert await state_of(other, ID) is BUSY
        time.sleep(1)  # as a process that is stopped
        assert await state_of(other, ID) is IN_DOUBT
        with pytest.raises(ClaimLost):
            await ledger.sending(start.claim, [ANN])

    run(ledger, other, scenario=scenario)


def test_what_is_older_than_the_retention_is_forgotten(redis_url: str) -> None:
    prefix = f"retention-{uuid.uuid4().hex}:"
    ledger = RedisLedger(Secret(redis_url), prefix=prefix, retention=timedelta(seconds=0.5))

    async def scenario() -> None:
        await deliver(ledger, ID)
        assert await state_of(ledger, ID) is SENT
        await asyncio.sleep(0.8)
        assert await state_of(ledger, ID) is CLEAR

    run(ledger, scenario=scenario)


def test_a_server_that_restarts_is_unavailable_meanwhile_and_forgets_nothing(
    own_redis: RedisServer,
) -> None:
    ledger = RedisLedger(Secret(own_redis.url))

    async def scenario() -> None:
        await deliver(ledger, ID)
        await asyncio.sleep(1.2)  # the server flushes its file once a second
        own_redis.kill()
        began = time.monotonic()
        with pytest.raises(LedgerUnavailable, match="cannot be reached"):
            await ledger.start(NO_ID)
        assert time.monotonic() - began < 10
        own_redis.start()

        assert await state_of(ledger, ID) is SENT

    run(ledger, scenario=scenario)


def test_a_server_that_freezes_is_unavailable_soon_and_what_it_had_read_is_undone(
    own_redis: RedisServer,
) -> None:
    ledger, other = RedisLedger(Secret(own_redis.url)), RedisLedger(Secret(own_redis.url))

    async def scenario() -> None:
        await deliver(ledger, ID)
        own_redis.freeze()
        began = time.monotonic()
        with pytest.raises(LedgerUnavailable, match="no answer within 2 seconds"):
            await ledger.start(NO_ID)
        with pytest.raises(LedgerUnavailable):
            await ledger.start(changed(ID, key="order-2"))
        assert time.monotonic() - began < 15
        own_redis.thaw()

        assert await state_of(ledger, ID) is SENT
        assert await state_of(other, changed(ID, key="order-2")) is CLEAR
        await ledger.session_ended(NO_ID.session)
        assert await state_of(ledger, again(NO_ID)) is CLEAR

    run(ledger, other, scenario=scenario)


def test_a_server_that_was_emptied_begins_anew(own_redis: RedisServer) -> None:
    ledger, other = RedisLedger(Secret(own_redis.url)), RedisLedger(Secret(own_redis.url))

    async def scenario() -> None:
        start = await ledger.start(ID)
        await own_flush(own_redis)

        with pytest.raises(ClaimLost):
            await ledger.sending(start.claim, [ANN])
        assert await state_of(ledger, ID) is CLEAR
        assert await state_of(other, ID) is BUSY

    run(ledger, other, scenario=scenario)


async def own_flush(server: RedisServer) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"FLUSHALL\r\nSCRIPT FLUSH\r\n")
    assert await reader.readexactly(10) == b"+OK\r\n+OK\r\n"
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("password", [SECRET, "wrong"])
def test_a_password_is_used_and_never_told(
    tmp_path: Path, password: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with redis_server(tmp_path, "--requirepass", SECRET) as server:
        url = server.url.replace("//", f"//:{password}@")
        ledger = RedisLedger(Secret(url))

        async def scenario() -> None:
            if password == SECRET:
                assert await state_of(ledger, ID) is CLEAR
                server.kill()
            with pytest.raises(LedgerUnavailable) as caught:
                await ledger.start(NO_ID)
            told = f"{caught.value!r} {caught.value.__cause__!r} {ledger!r} {caplog.text}"
            assert f"redis://127.0.0.1:{server.port}/0" in told
            assert password not in told

        run(ledger, scenario=scenario)


def test_nobody_is_named_in_the_server(own_redis: RedisServer, tmp_path: Path) -> None:
    ledger = RedisLedger(Secret(own_redis.url))

    async def scenario() -> None:
        await deliver(ledger, changed(ID, key="Sentinel-k3y"))
        await asyncio.sleep(1.2)

        stored = b"".join(f.read_bytes() for f in tmp_path.rglob("*") if f.is_file())
        assert b"dispatcher:ledger:" in stored
        assert ANN.encode() not in stored
        assert b"Sentinel" not in stored

    run(ledger, scenario=scenario)


def test_many_calls_at_once_share_few_connections(redis_url: str) -> None:
    ledger = RedisLedger(Secret(redis_url), prefix=f"many-{uuid.uuid4().hex}:")

    async def scenario() -> None:
        deliveries = [changed(ID, key=f"order-{n}") for n in range(200)]

        starts = await asyncio.gather(*(deliver(ledger, delivery) for delivery in deliveries))

        assert {start.states[ANN] for start in starts} == {CLEAR}

    run(ledger, scenario=scenario)
