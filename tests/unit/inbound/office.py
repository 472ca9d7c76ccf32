"""A message handler with fakes all around."""

import asyncio
import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from adapters.inbound.contract import DeadCopy, InboundMessage, RetryCopy, Settlement
from adapters.inbound.handler import MessageHandler
from adapters.memory.ledger import MemoryLedger, MemoryStore
from adapters.message_format.headers import DeliveryHeaders, iso
from adapters.message_format.properties import Properties
from domain.content import Content
from domain.dispatcher import Dispatcher
from domain.errors import MalformedMessage
from domain.notification import Notification
from domain.once import OnceDispatcher
from domain.outcome import Outcome
from domain.ports import RenderRequest
from domain.retry_policy import RetryPolicy
from tests.fakes import NOON, FakeClock, FakeNotifier, FakeTemplateRenderer

SECOND = timedelta(seconds=1)
GOOD: dict[str, object] = {
    "to": "ann@example.com",
    "template": "welcome",
    "parameters": {"name": "Ann"},
}


class FakeObserver:
    """Keeps what it heard."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, int]] = []
        self.faults: list[tuple[str, str, str]] = []

    def delivered(self, queue: str, notification: Notification, outcome: Outcome) -> None:
        self.heard.append((queue, notification.id, outcome.attempt))

    def malformed(self, queue: str, key: str, error: MalformedMessage) -> None:
        self.faults.append((queue, key, str(error)))


class BrokenRenderer(FakeTemplateRenderer):
    """A renderer with a bug."""

    def render(self, request: RenderRequest) -> Content:
        raise KeyError("a bug")


class Office:
    """A handler over two queues with fakes all around; `letters` is the queue of channel email."""

    def __init__(self, renderer: FakeTemplateRenderer | None = None) -> None:
        self.clock = FakeClock()
        self.email = FakeNotifier()
        self.slack = FakeNotifier()
        self.observer = FakeObserver()
        self.renderer = renderer or FakeTemplateRenderer()
        self.dispatcher = Dispatcher(
            renderer=self.renderer,
            notifiers={"email": self.email, "slack": self.slack},
            retry_policy=RetryPolicy((10 * SECOND, 60 * SECOND)),
            clock=self.clock,
        )
        self.store = MemoryStore()
        self.ledger = MemoryLedger(self.store)
        self.handler = MessageHandler(
            dispatcher=OnceDispatcher(
                dispatcher=self.dispatcher, ledger=self.ledger, clock=self.clock
            ),
            channels={"letters": "email", "slack": "slack"},
            clock=self.clock,
            observer=self.observer,
            max_body=1_000,
        )

    def handle(
        self,
        body: Mapping[str, object] | bytes,
        headers: Mapping[str, object] | None = None,
        message_id: str | None = None,
    ) -> Settlement:
        return self.handle_message(self.message(body, headers, message_id))

    def handle_message(self, message: InboundMessage) -> Settlement:
        return asyncio.run(self.handler.handle(message))

    def handle_and_ack(self, body: Mapping[str, object]) -> None:
        """Handle what settles without a copy, and ack it."""

        async def main() -> None:
            message = self.message(body)
            assert await self.handler.handle(message) == []
            await self.handler.acking(message)

        asyncio.run(main())

    def message(
        self,
        body: Mapping[str, object] | bytes,
        headers: Mapping[str, object] | None = None,
        message_id: str | None = None,
    ) -> InboundMessage:
        """The message as the broker would hand it over."""
        return InboundMessage(
            queue="letters",
            body=body if isinstance(body, bytes) else json.dumps(body).encode(),
            headers=headers or {},
            properties=Properties(message_id=message_id),
        )


def the_retry(settlement: Settlement) -> RetryCopy:
    """The only copy, which waits."""
    (copy,) = settlement
    assert isinstance(copy, RetryCopy)
    return copy


def past(copy: RetryCopy | DeadCopy) -> DeliveryHeaders:
    return DeliveryHeaders.parse(copy.headers)


def seen(at: datetime = NOON, **more: object) -> dict[str, object]:
    return {"x-dispatcher-first-seen": iso(at)} | {
        "x-dispatcher-" + name.replace("_", "-"): value for name, value in more.items()
    }
