"""What becomes of a delivery when its ledger fails it, or its worker is told to stop."""

import asyncio
from collections.abc import Sequence

from domain.content import Content
from domain.delivery import Delivery
from domain.errors import Unavailable
from domain.ledger import Claim, ClaimLost, LedgerUnavailable, RecipientState, Start
from domain.notification import Notification, Recipient
from domain.ports import AboutToSend, Answers, proceed
from tests.fakes import EndlessClock, FakeNotifier, a_delivery, a_notification, eventually
from tests.support.ledger_store import LedgerStore, MemoryLedger
from tests.unit.domain.house import House


class FailingLedger(MemoryLedger):
    """Unavailable for the next calls of some methods."""

    def __init__(self) -> None:
        super().__init__()
        self.failing: dict[str, int] = {}

    def _fail(self, method: str) -> None:
        if self.failing.get(method, 0):
            self.failing[method] -= 1
            raise LedgerUnavailable("disk full")

    async def start(self, delivery: Delivery) -> Start:
        self._fail("start")
        return await super().start(delivery)

    async def sending(self, claim: Claim, recipients: Sequence[str]) -> None:
        self._fail("sending")
        await super().sending(claim, recipients)

    async def finish(self, claim: Claim, sent: Sequence[str], in_doubt: Sequence[str] = ()) -> None:
        self._fail("finish")
        await super().finish(claim, sent, in_doubt)


class HangingNotifier(FakeNotifier):
    """Never ends."""

    is_asked = False

    async def notify(
        self,
        notification: Notification,
        content: Content,
        recipients: Sequence[Recipient],
        about_to_send: AboutToSend = proceed,
    ) -> Answers:
        self.is_asked = True
        await asyncio.Event().wait()
        return {}


class RefusingNotifier(FakeNotifier):
    """Refuses once the payload has left."""

    async def notify(
        self,
        notification: Notification,
        content: Content,
        recipients: Sequence[Recipient],
        about_to_send: AboutToSend = proceed,
    ) -> Answers:
        await about_to_send()
        raise Unavailable("421 after the mail")


def test_without_the_ledger_nothing_is_sent_and_it_goes_on_by_itself() -> None:
    ledger = FailingLedger()
    worker = House(ledger=ledger)
    ledger.failing = {"start": 3, "sending": 2, "finish": 2}
    worker.notifier.calls = 0

    outcome = worker.dispatch(a_notification())

    assert len(outcome.sent) == 1
    assert (outcome.attempt, len(worker.notifier.delivered)) == (1, 1)
    assert worker.pauses[0] == ("ledger", "disk full")
    assert worker.pauses[-1] == ("ledger", None)


def test_cancelled_before_the_payload_left_no_trace_remains() -> None:
    store = LedgerStore()
    notifier = HangingNotifier()
    worker = House(store=store, notifier=notifier)
    notification = a_notification()

    async def cancelled() -> None:
        delivery = a_delivery(notification)
        task = asyncio.create_task(worker.dispatcher.dispatch(delivery))
        await eventually(lambda: notifier.is_asked)
        task.cancel()
        await asyncio.wait([task])
        await worker.ledger.close()

    asyncio.run(cancelled())
    start = asyncio.run(store.ledger().start(a_delivery(notification)))

    assert not start.is_recovered


def test_a_claim_that_was_lost_meanwhile_is_asked_for_again() -> None:
    class Stalled(MemoryLedger):
        stalls = 1

        async def sending(self, claim: Claim, recipients: Sequence[str]) -> None:
            if self.stalls:
                self.stalls -= 1
                await super().finish(claim, ())  # somebody else took it over and has let go of it
                raise ClaimLost("the lease ran out")
            await super().sending(claim, recipients)

    worker = House(ledger=Stalled())

    outcome = worker.dispatch(a_notification())

    assert len(outcome.sent) == len(worker.notifier.delivered) == 1
    assert worker.pauses == []


def test_stopped_while_its_channel_is_paused_after_a_refusal_nothing_is_in_doubt() -> None:
    store = LedgerStore()
    worker = House(store=store, clock=EndlessClock(), notifier=RefusingNotifier())
    notification = a_notification()

    async def stopped() -> None:
        delivery = a_delivery(notification)
        task = asyncio.create_task(worker.dispatcher.dispatch(delivery))
        await eventually(lambda: worker.pauses)
        task.cancel()
        await asyncio.wait([task])
        await worker.ledger.close()

    asyncio.run(stopped())
    start = asyncio.run(store.ledger().start(a_delivery(notification)))

    assert set(start.states.values()) == {RecipientState.CLEAR}
    assert not start.is_recovered


class BrokenLedger(FailingLedger):
    """Fails with an error of the program's own."""

    def _fail(self, method: str) -> None:
        if self.failing.get(method, 0):
            self.failing[method] -= 1
            raise TypeError("got an unexpected keyword argument 'Sentinel-s3cret'")


def test_field_7_11_a_fault_of_the_program_in_the_ledger_pauses_and_spends_no_attempt() -> None:
    ledger = BrokenLedger()
    worker = House(ledger=ledger)
    ledger.failing = {"start": 40, "sending": 2, "finish": 2}

    outcome = worker.dispatch(a_notification())

    assert len(outcome.sent) == 1
    assert outcome.attempt == 1
    name, cause = worker.pauses[0]
    assert (name, worker.pauses[-1]) == ("ledger", ("ledger", None))
    assert cause is not None
    assert cause.startswith("internal error in the ledger: TypeError at test_dispatcher_")
    assert "Sentinel-s3cret" not in cause
