"""Turns and notes of one machine, in the ledger's file."""

import json
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from adapters.sqlite.database import Database
from adapters.sqlite.ledger import KIND, SCHEMA, SCHEMA_VERSION
from domain.pace import Lane, Spacing, Turn

# Made when first needed: a ledger of an older version has no such table, and may go on without.
_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS pace (key TEXT PRIMARY KEY, lane TEXT, note TEXT) WITHOUT ROWID"
)
_PATIENCE: Final = 1.0

_T = TypeVar("_T")


class SqlitePaces:
    """The PaceStore contract on the SQLite file of a ledger."""

    def __init__(self, path: Path | None, *, clock: Callable[[], float] = time.time) -> None:
        """`path` None: in memory, for this store alone. `clock`: seconds, the same for every
        process of the machine and after a restart."""
        self._database = Database(
            path, schema=SCHEMA, version=SCHEMA_VERSION, patience=_PATIENCE, kind=KIND
        )
        self._clock = clock

    async def take(self, key: str, spacing: Spacing, patience: float) -> Turn:
        return await self._lane(key, lambda lane: lane.take(spacing, self._clock(), patience))

    async def give_back(self, key: str, spacing: Spacing, turn: Turn) -> None:
        await self._lane(key, lambda lane: lane.give_back(spacing, turn))

    async def hold(self, key: str, wait: float) -> None:
        def change(lane: Lane) -> None:
            lane.next_at = self._clock() + wait

        await self._lane(key, change)

    async def note(self, key: str) -> tuple[str, float]:
        notes = await self.notes()
        return notes.get(key, ""), self._clock()

    async def swap(self, key: str, old: str, new: str) -> bool:
        def work(connection: sqlite3.Connection) -> bool:
            connection.execute(_TABLE)
            row = connection.execute("SELECT note FROM pace WHERE key = ?", (key,)).fetchone()
            if ((row and row[0]) or "") != old:
                return False
            _put(connection, key, "note", new)
            return True

        return await self._database.write(work)

    async def notes(self) -> dict[str, str]:
        def work(connection: sqlite3.Connection) -> dict[str, str]:
            sql = "SELECT 1 FROM sqlite_schema WHERE name = 'pace'"
            if connection.execute(sql).fetchone() is None:
                return {}
            rows = connection.execute("SELECT key, note FROM pace WHERE note IS NOT NULL")
            return dict(rows.fetchall())

        return await self._database.read(work) if self._database.exists() else {}

    async def close(self) -> None:
        self._database.close()

    async def _lane(self, key: str, change: Callable[[Lane], _T]) -> _T:
        def work(connection: sqlite3.Connection) -> _T:
            connection.execute(_TABLE)
            row = connection.execute("SELECT lane FROM pace WHERE key = ?", (key,)).fetchone()
            lane = _decoded(row[0]) if row and row[0] else Lane()
            result = change(lane)
            _put(connection, key, "lane", json.dumps([lane.next_at, lane.used]))
            return result

        return await self._database.write(work)


def _put(connection: sqlite3.Connection, key: str, column: str, value: str) -> None:
    connection.execute(
        f"INSERT INTO pace (key, {column}) VALUES (?, ?)"  # noqa: S608 - a column of ours
        f" ON CONFLICT (key) DO UPDATE SET {column} = excluded.{column}",
        (key, value),
    )


def _decoded(text: str) -> Lane:
    next_at, used = json.loads(text)
    return Lane(
        next_at=next_at,
        used={
            float(period): {int(part): turns for part, turns in parts.items()}
            for period, parts in used.items()
        },
    )
