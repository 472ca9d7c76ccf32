"""A dispatcher with fakes all around."""

import asyncio
from datetime import timedelta
from typing import Any

from domain.channel_sender import AttachmentRoom, ChannelSender
from domain.delivery import Delivery
from domain.dispatcher import Dispatcher
from domain.errors import DeliveryError
from domain.ledger import DeliveryLedger
from domain.ledger_access import LedgerAccess
from domain.notification import Notification
from domain.outcome import Outcome
from domain.retry_policy import RetryPolicy
from tests.fakes import (
    FakeClock,
    FakeNotifier,
    FakePauses,
    FakeTemplateRenderer,
    a_delivery,
    a_notification,
    recipients,
)
from tests.support.ledger_store import LedgerStore, MemoryLedger

ANN, BOB, CY, DEE = recipients(*(f"{name}@example.com" for name in ("ann", "bob", "cy", "dee")))
SECOND = timedelta(seconds=1)
TIERS = (10 * SECOND, 60 * SECOND)


class House:
    """One process: a dispatcher with one channel, email, and fakes all around. Its ledger is over a
    store that may outlive it. `pauses` has each pause and its end, by the name of what paused."""

    def __init__(
        self,
        *,
        clock: FakeClock | None = None,
        notifier: FakeNotifier | None = None,
        store: LedgerStore | None = None,
        ledger: DeliveryLedger | None = None,
        concurrency: int | None = None,
        room: AttachmentRoom | None = None,
        **settings: Any,
    ) -> None:
        self.clock = clock or FakeClock()
        self.renderer = FakeTemplateRenderer()
        self.notifier = notifier or FakeNotifier()
        self.ledger = ledger or (store.ledger() if store else MemoryLedger())
        self.events = FakePauses()
        sender = ChannelSender(
            "email",
            self.notifier,
            self.clock,
            self.events,
            waits=TIERS,
            concurrency=concurrency,
            room=room,
        )
        self.dispatcher = Dispatcher(
            renderer=self.renderer,
            senders={"email": sender},
            ledger=LedgerAccess(self.ledger, self.clock, self.events),
            retry_policy=RetryPolicy(TIERS),
            clock=self.clock,
            **settings,
        )

    @property
    def pauses(self) -> list[tuple[str, str | None]]:
        return self.events.pauses

    def dispatch(self, notification: Notification, **changes: Any) -> Outcome:
        """Dispatch its first appearance, but for these fields."""
        return self.deliver(a_delivery(notification, **changes))

    def deliver(self, delivery: Delivery) -> Outcome:
        return asyncio.run(self.dispatcher.dispatch(delivery))

    def acked(self, outcome: Outcome) -> None:
        """The message that had this outcome is about to be acked."""
        if outcome.kept_claim is not None:
            asyncio.run(self.ledger.acked(outcome.kept_claim))

    def fail(self, error: DeliveryError, **changes: Any) -> Outcome:
        """Dispatch to two people, with this answer of the provider."""
        self.notifier.failures = [error]
        return self.dispatch(a_notification(to=("ann@example.com", "bob@example.com")), **changes)

    def die_with(self, delivery: Delivery, *, sending: bool = False) -> None:
        """Start, perhaps let the payload leave, and be no more."""

        async def last_moments() -> None:
            start = await self.ledger.start(delivery)
            if sending:
                await self.ledger.sending(start.claim, list(start.states))
            await self.ledger.close()

        asyncio.run(last_moments())
