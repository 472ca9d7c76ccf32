"""A message handler with fakes all around."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from adapters.inbound.contract import DeadCopy, InboundMessage, RetryCopy
from adapters.inbound.handler import MessageHandler
from adapters.message_format.headers import DeliveryHeaders, iso
from adapters.message_format.rules import Properties
from domain.channel_sender import ChannelSender
from domain.content import Content
from domain.dispatcher import Dispatcher
from domain.errors import FailureReason, Permanent
from domain.events import Event, MessageMalformed, NotificationDispatched
from domain.ledger_access import LedgerAccess
from domain.ports import RenderRequest
from domain.retry_policy import RetryPolicy
from tests.fakes import NOON, FakeClock, FakeNotifier, FakeTemplateRenderer
from tests.support.decoding import rules
from tests.support.ledger_store import LedgerStore

SECOND = timedelta(seconds=1)
TIERS = (10 * SECOND, 60 * SECOND)
Copies = Sequence[RetryCopy | DeadCopy]
GOOD: dict[str, object] = {
    "to": "ann@example.com",
    "template": "welcome",
    "parameters": {"name": "Ann"},
}
FIRST: dict[str, object] = {
    **GOOD,
    "id": "n-1",
    "to": {"email": ["ann@example.com", "bob@example.com"], "slack": "#orders"},
    "fallback": ["slack", "email"],
}
REFUSED = Permanent("no such channel", reason=FailureReason.RECIPIENT_REFUSED)
LISTED = Permanent("the address is suppressed", reason=FailureReason.SUPPRESSED)


class FakeObserver:
    """An EventSink that keeps what became of each message."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, int]] = []
        self.faults: list[tuple[str, str, str]] = []
        self.waited: list[float | None] = []

    def emit(self, event: Event) -> None:
        match event:
            case NotificationDispatched(queue, notification, outcome, waited=waited):
                self.waited.append(waited)
                self.heard.append((queue, notification.id, outcome.attempt))
            case MessageMalformed(queue, key, _reason, error):
                self.faults.append((queue, key, error))


class BrokenRenderer(FakeTemplateRenderer):
    """A renderer with a bug."""

    def render(self, request: RenderRequest) -> Content:
        raise KeyError("a bug")


class Office:
    """A handler over two queues with fakes all around; `letters` is the queue of channel email."""

    def __init__(
        self, renderer: FakeTemplateRenderer | None = None, email: FakeNotifier | None = None
    ) -> None:
        self.clock = FakeClock()
        self.email = email or FakeNotifier()
        self.slack = FakeNotifier()
        self.observer = FakeObserver()
        self.renderer = renderer or FakeTemplateRenderer()
        self.store = LedgerStore()
        self.ledger = self.store.ledger()
        self.dispatcher = Dispatcher(
            renderer=self.renderer,
            senders={
                "email": ChannelSender("email", self.email, self.clock, self.observer, waits=TIERS),
                "slack": ChannelSender("slack", self.slack, self.clock, self.observer, waits=TIERS),
            },
            ledger=LedgerAccess(self.ledger, self.clock, self.observer),
            retry_policy=RetryPolicy(TIERS),
            clock=self.clock,
        )
        self.handler = MessageHandler(
            dispatcher=self.dispatcher,
            channels={"letters": "email", "slack": "slack"},
            clock=self.clock,
            events=self.observer,
            rules=rules(max_body=1_000),
        )

    def handle(
        self,
        body: Mapping[str, object] | bytes,
        headers: Mapping[str, object] | None = None,
        message_id: str | None = None,
    ) -> Copies:
        return self.handle_message(self.message(body, headers, message_id))

    def handle_message(self, message: InboundMessage) -> Copies:
        """Handle it, and ack it where it has an id."""

        async def main() -> Copies:
            settlement = await self.handler.handle(message)
            for claim in settlement.claims:
                if claim.has_id:
                    await self.ledger.acked(claim)
            return settlement.copies

        return asyncio.run(main())

    def handle_and_ack(self, body: Mapping[str, object]) -> None:
        """Handle what settles without a copy, and ack it."""

        async def main() -> None:
            settlement = await self.handler.handle(self.message(body))
            assert not settlement.copies
            for claim in settlement.claims:
                await self.ledger.acked(claim)

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


def the_retry(copies: Copies) -> RetryCopy:
    """The only copy, which waits."""
    (copy,) = copies
    assert isinstance(copy, RetryCopy)
    return copy


def past(copy: RetryCopy | DeadCopy) -> DeliveryHeaders:
    return DeliveryHeaders.parse(copy.headers)


def seen(at: datetime = NOON, **more: object) -> dict[str, object]:
    return {"x-dispatcher-first-seen": iso(at)} | {
        "x-dispatcher-" + name.replace("_", "-"): value for name, value in more.items()
    }
