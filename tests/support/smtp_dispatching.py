"""Delivering through a notifier of mail as the worker does: with dispatcher, breaker and ledger."""

from domain.channel_sender import ChannelSender
from domain.dispatcher import Dispatcher
from domain.ledger_access import LedgerAccess
from domain.notification import Notification
from domain.outcome import Outcome
from domain.ports import Notifier
from domain.retry_policy import RetryPolicy
from tests.fakes import FakeClock, FakePauses, FakeTemplateRenderer, a_delivery
from tests.support.ledger_store import LedgerStore, MemoryLedger
from tests.unit.domain.house import SECOND

TIERS = (10 * SECOND,)


class Desk:
    """`pauses` has each pause and its end. Give the store of another desk to be its successor."""

    def __init__(self, notifier: Notifier, store: LedgerStore | None = None) -> None:
        self.events = FakePauses()
        self.ledger = store.ledger() if store else MemoryLedger()
        clock = FakeClock()
        sender = ChannelSender("email", notifier, clock, self.events, waits=TIERS)
        self.dispatcher = Dispatcher(
            renderer=FakeTemplateRenderer(),
            senders={"email": sender},
            ledger=LedgerAccess(self.ledger, clock, self.events),
            retry_policy=RetryPolicy(TIERS),
            clock=clock,
        )

    @property
    def pauses(self) -> list[str | None]:
        return self.events.errors

    async def dispatch(self, notification: Notification, *, redelivered: bool = False) -> Outcome:
        return await self.dispatcher.dispatch(a_delivery(notification, redelivered=redelivered))
