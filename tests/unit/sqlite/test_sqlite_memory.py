"""SQLite in memory: `memory:` as the ledger's URL."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from adapters.inbound.contract import BrokerUnavailable
from adapters.sqlite.database import Database
from domain.ledger import LedgerUnavailable
from tests.contracts.ledger_harness import (
    ANN,
    BUSY,
    CLEAR,
    CONFLICT,
    ID,
    NO_ID,
    SENT,
    again,
    changed,
    deliver,
    state_of,
)
from tests.support.ledger_store import MemoryLedger


def test_a_ledger_in_memory_keeps_the_rules_and_shares_nothing() -> None:
    async def scenario() -> None:
        ledger, other = MemoryLedger(), MemoryLedger()
        assert await ledger.peek(ID) == {ANN: CLEAR}
        await deliver(ledger, ID)
        await deliver(ledger, NO_ID)
        await ledger.session_ended(NO_ID.session)
        await ledger.start(changed(ID, key="order-2"))

        assert await ledger.peek(ID) == {ANN: SENT}
        assert await state_of(ledger, again(NO_ID)) is SENT
        assert await state_of(ledger, changed(ID, fingerprint="f-2")) is CONFLICT
        assert await state_of(ledger, changed(ID, key="order-2")) is BUSY
        assert await state_of(other, ID) is CLEAR
        await ledger.close()
        await other.close()

    asyncio.run(scenario())


def test_a_ledger_in_memory_makes_no_file_and_is_gone_when_it_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    async def scenario() -> None:
        ledger = MemoryLedger()
        await deliver(ledger, ID)
        await ledger.close()
        with pytest.raises(LedgerUnavailable, match="ledger in memory: it is closed"):
            await ledger.start(ID)

    asyncio.run(scenario())

    assert list(tmp_path.iterdir()) == []


def test_a_fault_does_not_lose_what_is_in_memory() -> None:
    async def scenario(database: Database) -> list[str]:
        await database.write(lambda c: c.execute("INSERT INTO note VALUES ('kept')"))
        with pytest.raises(BrokerUnavailable, match="in memory: SQLite says: no such table"):
            await database.write(lambda c: c.execute("INSERT INTO absent VALUES (1)"))
        return await database.read(texts)

    def texts(connection: sqlite3.Connection) -> list[str]:
        return [text for (text,) in connection.execute("SELECT text FROM note")]

    with closing(Database(None, schema="CREATE TABLE note (text TEXT)", version=1)) as database:
        assert asyncio.run(scenario(database)) == ["kept"]
