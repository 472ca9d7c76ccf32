"""What is written down around an ack is repeated until the ledger has it."""

import asyncio

from domain.ledger import Claim, LedgerUnavailable
from domain.ledger_access import LedgerAccess
from tests.fakes import FakeClock, FakePauses
from tests.support.ledger_store import MemoryLedger


class Forgetful(MemoryLedger):
    """Away for the first call of each."""

    def __init__(self) -> None:
        super().__init__()
        self.acks: list[Claim] = []
        self.ended: list[str] = []

    async def acked(self, claim: Claim) -> None:
        self.acks.append(claim)
        if len(self.acks) == 1:
            raise LedgerUnavailable("disk full")

    async def session_ended(self, session: str) -> None:
        self.ended.append(session)
        if len(self.ended) == 1:
            raise LedgerUnavailable("disk full")


def test_an_ack_and_the_end_of_a_session_are_written_down_once_the_ledger_is_back() -> None:
    ledger, events = Forgetful(), FakePauses()
    claim = Claim("c-1", has_id=False)

    async def main() -> None:
        access = LedgerAccess(ledger, FakeClock(), events)
        await access.acked(claim)
        await access.session_ended("s-1")

    asyncio.run(main())
    assert (ledger.acks, ledger.ended) == ([claim, claim], ["s-1", "s-1"])
    assert events.pauses == [("ledger", "disk full"), ("ledger", None)] * 2
