"""A dispatcher with fakes all around."""

import asyncio
from datetime import timedelta
from typing import Any

from domain.dispatcher import Dispatcher, Progress
from domain.errors import (
    DeliveryError,
)
from domain.notification import Notification
from domain.outcome import Outcome
from domain.retry_policy import RetryPolicy
from tests.fakes import (
    FakeClock,
    FakeNotifier,
    FakeTemplateRenderer,
    a_notification,
    recipients,
)

SECOND = timedelta(seconds=1)
ANN, BOB, CY, DEE = recipients(*(f"{name}@example.com" for name in ("ann", "bob", "cy", "dee")))


class House:
    """A dispatcher with one channel, email, and fakes all around."""

    def __init__(
        self,
        *,
        clock: FakeClock | None = None,
        notifier: FakeNotifier | None = None,
        **settings: Any,
    ) -> None:
        self.clock = clock or FakeClock()
        self.renderer = FakeTemplateRenderer()
        self.notifier = notifier or FakeNotifier()
        self.pauses: list[tuple[str, str | None]] = []
        self.dispatcher = Dispatcher(
            renderer=self.renderer,
            notifiers={"email": self.notifier},
            retry_policy=RetryPolicy((10 * SECOND, 60 * SECOND)),
            clock=self.clock,
            on_pause=lambda channel, error: self.pauses.append((channel, error)),
            **settings,
        )

    def dispatch(self, notification: Notification, **progress: Any) -> Outcome:
        return asyncio.run(self.dispatcher.dispatch(notification, Progress(**progress)))

    def fail(self, error: DeliveryError, **progress: Any) -> Outcome:
        self.notifier.failures = [error]
        return self.dispatch(a_notification(to=("ann@example.com", "bob@example.com")), **progress)
