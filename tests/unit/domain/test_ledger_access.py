"""What is written down around an ack is repeated until the ledger has it."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from domain.errors import DeliveryError, InDoubt, Unavailable
from domain.ledger import Claim, LedgerUnavailable, RecipientState, Start
from domain.ledger_access import LedgerAccess, SendRecord
from tests.fakes import FakeClock, FakePauses, recipients
from tests.support.ledger_store import MemoryLedger

ANN, BOB = recipients("ann@example.com", "bob@example.com")
CLAIM = Claim("c-1", has_id=True)
START = Start(
    claim=CLAIM,
    states={ANN.address: RecipientState.IN_DOUBT, BOB.address: RecipientState.CLEAR},
)


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


class Recording(MemoryLedger):
    """Each call is noted, and fails where there is an error."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self.error = error
        self.calls: list[tuple[str, Claim, tuple[str, ...], tuple[str, ...]]] = []

    async def finish(self, claim: Claim, sent: Sequence[str], in_doubt: Sequence[str] = ()) -> None:
        self.calls.append(("finish", claim, tuple(sent), tuple(in_doubt)))
        self._fail()

    async def sending(self, claim: Claim, recipients: Sequence[str]) -> None:
        self.calls.append(("sending", claim, tuple(recipients), ()))
        self._fail()

    async def sent(self, claim: Claim, recipients: Sequence[str]) -> None:
        self.calls.append(("sent", claim, tuple(recipients), ()))
        self._fail()

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error


def test_a_start_that_a_fault_has_ended_is_finished_as_soon_as_the_ledger_is_there() -> None:
    ledger = Recording()
    access = LedgerAccess(ledger, FakeClock(), FakePauses())
    asyncio.run(access.abandon(START, ValueError("ours"), is_sending=True))

    assert ledger.calls == [("finish", CLAIM, (), (ANN.address,))]


def test_a_stop_does_not_wait_for_a_ledger_that_is_away() -> None:
    ledger = Recording(LedgerUnavailable("disk full"))
    access = LedgerAccess(ledger, FakeClock(), FakePauses())

    async def main() -> None:
        await access.abandon(START, asyncio.CancelledError(), is_sending=True)
        assert ledger.calls == []
        await access.abandon(START, asyncio.CancelledError(), is_sending=False)

    asyncio.run(main())
    assert ledger.calls == [("finish", CLAIM, (), (ANN.address,))]


def a_record(ledger: MemoryLedger, check: Callable[[], object] = lambda: None) -> SendRecord:
    return SendRecord(ledger, CLAIM, check, may_wait=True)


def test_what_was_sent_half_way_needs_no_ledger_to_go_on() -> None:
    ledger = Recording(LedgerUnavailable("disk full"))

    asyncio.run(a_record(ledger).sent([ANN, BOB]))

    assert ledger.calls == [("sent", CLAIM, ("ann@example.com", "bob@example.com"), ())]


def test_a_fault_of_the_program_in_a_ledger_is_an_absence_that_names_its_place() -> None:
    ledger = Recording(KeyError("secret"))

    with pytest.raises(Unavailable) as caught:
        asyncio.run(a_record(ledger).about_to_send([ANN]))

    assert str(caught.value).startswith(
        "nothing is sent without the ledger: internal error in the ledger: KeyError at"
        " test_ledger_access.py:"
    )
    assert isinstance(caught.value.__cause__, LedgerUnavailable)
    assert caught.value.__cause__.__cause__ is ledger.error


@pytest.mark.parametrize(
    ("answers", "is_sending"),
    [
        (None, True),
        ([None], True),
        ([InDoubt("cut")], True),
        ([DeliveryError("no"), InDoubt("cut")], True),
        ([DeliveryError("no")], False),
        ([], False),
    ],
)
def test_what_was_sent_to_nobody_stays_in_doubt_while_others_are_sent(
    answers: Sequence[DeliveryError | None] | None, is_sending: bool
) -> None:
    async def main() -> None:
        record = a_record(MemoryLedger())
        record.answers = answers
        assert record.is_sending is is_sending
        await record.sent([])
        assert record.is_sending is is_sending
        await record.sent([])
        assert record.is_sending is is_sending

    asyncio.run(main())


def test_what_was_accepted_and_is_written_down_is_not_on_its_way() -> None:
    async def main() -> None:
        record = a_record(MemoryLedger())
        record.answers = [None]
        await record.sent([ANN])
        assert not record.is_sending

    asyncio.run(main())


def test_a_record_keeps_which_mail_left_for_whom() -> None:
    record = a_record(Recording())

    asyncio.run(record.about_to_send([ANN, BOB], None, "<all@x>"))
    asyncio.run(record.about_to_send([ANN, BOB], [BOB], "<bob@x>"))
    asyncio.run(record.about_to_send([ANN, BOB]))

    assert record.message_ids == {"ann@example.com": "<all@x>", "bob@example.com": "<bob@x>"}
