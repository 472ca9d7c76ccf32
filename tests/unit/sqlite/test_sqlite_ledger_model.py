"""The ledger on SQLite does what the model of the contract does."""

from hypothesis import settings

from tests.contracts.ledger_model import LedgerMachine, Make
from tests.support.ledger_store import LedgerStore


class Sqlite(LedgerMachine):
    """Redis is compared with both: tests/integration/redis/test_ledger.py."""

    def make(self) -> list[Make]:
        self.store = LedgerStore()
        return [self.store.ledger]


Sqlite.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestSqlite = Sqlite.TestCase
