"""Delivering through an SmtpNotifier as the worker does: with dispatcher, breaker and ledger."""

from adapters.channels.email.smtp import SmtpNotifier
from adapters.memory.ledger import MemoryLedger, MemoryStore
from domain.dispatcher import Dispatcher, Progress
from domain.notification import Notification
from domain.once import OnceDispatcher
from domain.outcome import Outcome
from domain.retry_policy import RetryPolicy
from tests.fakes import FakeClock, FakeTemplateRenderer
from tests.unit.domain.house import SECOND
from tests.unit.domain.recorded import a_sight


class Desk:
    """`pauses` has each pause and its end. Give the store of another desk to be its successor."""

    def __init__(self, notifier: SmtpNotifier, store: MemoryStore | None = None) -> None:
        self.pauses: list[str | None] = []
        self.ledger = MemoryLedger(store or MemoryStore())
        clock = FakeClock()
        self.once = OnceDispatcher(
            dispatcher=Dispatcher(
                renderer=FakeTemplateRenderer(),
                notifiers={"email": notifier},
                retry_policy=RetryPolicy((10 * SECOND,)),
                clock=clock,
                on_pause=lambda _channel, error: self.pauses.append(error),
            ),
            ledger=self.ledger,
            clock=clock,
        )

    async def dispatch(self, notification: Notification, *, redelivered: bool = False) -> Outcome:
        sight = a_sight(notification, redelivered=redelivered)
        outcome, _claim = await self.once.dispatch(notification, Progress(), sight)
        return outcome
