"""Ledgers for tests that are about what uses them: in memory, or on a file that several share."""

import shutil
import sqlite3
import tempfile
import time
import weakref
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from adapters.sqlite.ledger import SqliteLedger
from adapters.sqlite.paces import SqlitePaces
from tests.fakes import FakeClock

_LEASE = timedelta(days=1)
"""Longer than a test: in virtual time a ledger that renews a short one wakes all the time."""


class MemoryLedger(SqliteLedger):
    """A ledger of its own, in memory."""

    def __init__(self) -> None:
        super().__init__(None, FakeClock(), lease=_LEASE)
        weakref.finalize(self, self._database.close)


class _ProcessLedger(SqliteLedger):
    """A process's, on a file: when it is gone, the file is let go of."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, FakeClock(), lease=_LEASE)
        weakref.finalize(self, self._database.close)


class LedgerStore:
    """A file of its own. Its ledgers know of each other as processes of one machine do; to close
    one is its process's end."""

    def __init__(self) -> None:
        folder = tempfile.mkdtemp(prefix="ledger-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._path = Path(folder) / "ledger.db"

    def ledger(self) -> SqliteLedger:
        """A new process's."""
        return _ProcessLedger(self._path)

    def rows(self) -> int:
        """How many recipients of deliveries it knows."""
        with closing(sqlite3.connect(self._path)) as file:
            (count,) = file.execute("SELECT count(*) FROM delivery").fetchone()
        return int(count)


class MemoryPaces(SqlitePaces):
    """A store of paces of its own, in memory. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        super().__init__(None, clock=clock)
        weakref.finalize(self, self._database.close)
