"""One machine with a SQLite ledger: its file, its clocks and its processes, all at hand."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from adapters.sqlite.ledger import SqliteLedger
from tests.fakes import FakeClock

LEASE = timedelta(seconds=30)


class Machine:
    """Its ledgers are processes that ask for nothing unless told."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.wall = FakeClock()
        self.uptime = 1000.0
        self.boot = "boot-1"
        self._ledgers: list[SqliteLedger] = []

    def process(self, lease: timedelta = LEASE) -> SqliteLedger:
        self._ledgers.append(
            SqliteLedger(
                self.path,
                self.wall,
                lease=lease,
                patience=0.1,
                monotonic=lambda: self.uptime,
                boot=self.boot,
            )
        )
        return self._ledgers[-1]

    def run(self, scenario: Callable[[], Awaitable[None]]) -> None:
        async def main() -> None:
            try:
                await scenario()
            finally:
                for ledger in self._ledgers:
                    await ledger.close()

        asyncio.run(main())

    def rows(self) -> int:
        with closing(sqlite3.connect(self.path)) as file:
            (count,) = file.execute("SELECT count(*) FROM delivery").fetchone()
        return int(count)
