"""A delivery that is cancelled half way: what the next process finds in the ledger."""

import asyncio
from collections.abc import Sequence

import pytest

from domain.content import Content
from domain.errors import DeliveryError, FailureReason, InDoubt, Permanent
from domain.ledger import RecipientState
from domain.notification import Notification, Recipient
from domain.ports import AboutToSend, Answers, proceed
from tests.fakes import FakeNotifier, a_delivery, a_notification, eventually
from tests.support.ledger_store import LedgerStore
from tests.unit.domain.house import House

BOTH = a_notification(to=("ann@example.com", "bob@example.com"))
CLEAR, SENT, IN_DOUBT = RecipientState.CLEAR, RecipientState.SENT, RecipientState.IN_DOUBT
REFUSED = Permanent("no such user", reason=FailureReason.RECIPIENT_REFUSED)


class HangsAtTheSecond(FakeNotifier):
    """The first payload leaves and gets this answer; the second call never ends."""

    def __init__(self, answer: DeliveryError | None, *, leaves: bool) -> None:
        super().__init__(one_by_one=True)
        self.answer = answer
        self.leaves = leaves

    async def notify(
        self,
        notification: Notification,
        content: Content,
        recipients: Sequence[Recipient],
        about_to_send: AboutToSend = proceed,
    ) -> Answers:
        self.calls += 1
        if self.calls == 1 or self.leaves:
            await about_to_send()
        if self.calls > 1:
            await asyncio.Event().wait()
        if isinstance(self.answer, InDoubt):
            raise self.answer
        return dict.fromkeys(recipients, self.answer)


@pytest.mark.parametrize(
    ("answer", "leaves", "found"),
    [
        (None, False, [SENT, CLEAR]),
        (None, True, [SENT, IN_DOUBT]),
        (REFUSED, False, [CLEAR, CLEAR]),
        (InDoubt("cut"), False, [IN_DOUBT, CLEAR]),
        (InDoubt("cut"), True, [IN_DOUBT, IN_DOUBT]),
    ],
)
def test_stopped_between_two_mails_the_ledger_knows_which_may_have_been_sent(
    answer: DeliveryError | None, leaves: bool, found: list[RecipientState]
) -> None:
    store = LedgerStore()
    notifier = HangsAtTheSecond(answer, leaves=leaves)
    house = House(store=store, notifier=notifier)

    async def main() -> None:
        task = asyncio.create_task(house.dispatcher.dispatch(a_delivery(BOTH)))
        await eventually(lambda: notifier.calls == 2)
        await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.wait([task])
        await house.ledger.close()

    asyncio.run(main())
    start = asyncio.run(store.ledger().start(a_delivery(BOTH)))

    assert list(start.states.values()) == found
