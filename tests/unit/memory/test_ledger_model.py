"""The ledgers that need no server do what the model of their contract does."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings

from adapters.clock import SystemClock
from adapters.memory.ledger import MemoryLedger, MemoryStore
from adapters.sqlite.ledger import SqliteLedger
from tests.contracts.ledger_model import LedgerMachine, Make


class MemoryAndSqlite(LedgerMachine):
    """Both at once, so that a difference between them is a difference to the model."""

    def make(self) -> list[Make]:
        store = MemoryStore()
        self.folder = Path(tempfile.mkdtemp())
        path, clock = self.folder / "ledger.db", SystemClock()
        return [lambda: MemoryLedger(store), lambda: SqliteLedger(path, clock)]

    def teardown(self) -> None:
        super().teardown()
        shutil.rmtree(self.folder)


MemoryAndSqlite.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestMemoryAndSqlite = MemoryAndSqlite.TestCase
