"""What stands around renderer, notifier and ledger, and says how long each call took."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from time import perf_counter
from typing import Any

from domain.content import Content, Envelope
from domain.delivery import Delivery
from domain.ledger import Claim, DeliveryLedger, RecipientState, Start
from domain.notification import Notification, Recipient
from domain.ports import AboutToSend, Answers, Notifier, RenderRequest, TemplateRenderer, proceed

Observe = Callable[[float], None]
"""Takes the seconds that a call took, also one that failed."""


class TimedRenderer:
    """A TemplateRenderer whose renderings are timed."""

    def __init__(self, renderer: TemplateRenderer, observe: Observe) -> None:
        self._render = renderer.render
        self._observe = observe
        self.envelope_of: Callable[[str], Envelope] = renderer.envelope_of

    def render(self, request: RenderRequest) -> Content:
        """See TemplateRenderer."""
        began = perf_counter()
        try:
            return self._render(request)
        finally:
            self._observe(perf_counter() - began)


class TimedNotifier:
    """A Notifier whose messages are timed, with all that they wait for in it."""

    def __init__(self, notifier: Notifier, observe: Observe) -> None:
        self._notify = notifier.notify
        self._observe = observe
        self.one_by_one = notifier.one_by_one
        self.check, self.close = notifier.check, notifier.close

    async def notify(
        self,
        notification: Notification,
        content: Content,
        recipients: Sequence[Recipient],
        about_to_send: AboutToSend = proceed,
    ) -> Answers:
        """See Notifier."""
        began = perf_counter()
        try:
            return await self._notify(notification, content, recipients, about_to_send)
        finally:
            self._observe(perf_counter() - began)


class TimedLedger:
    """A DeliveryLedger whose calls for each message are timed."""

    def __init__(self, ledger: DeliveryLedger, observe: Mapping[str, Observe]) -> None:
        """`observe`: name of the call -> what takes its seconds."""
        self._ledger = ledger
        self._observe = observe
        self.peek: Callable[[Delivery], Coroutine[Any, Any, Mapping[str, RecipientState]]] = (
            ledger.peek
        )
        self.session_ended, self.close = ledger.session_ended, ledger.close

    async def start(self, delivery: Delivery) -> Start:
        """See DeliveryLedger, as the others."""
        began = perf_counter()
        try:
            return await self._ledger.start(delivery)
        finally:
            self._observe["start"](perf_counter() - began)

    async def sending(self, claim: Claim, recipients: Sequence[str]) -> None:
        began = perf_counter()
        try:
            await self._ledger.sending(claim, recipients)
        finally:
            self._observe["sending"](perf_counter() - began)

    async def sent(self, claim: Claim, recipients: Sequence[str]) -> None:
        began = perf_counter()
        try:
            await self._ledger.sent(claim, recipients)
        finally:
            self._observe["sent"](perf_counter() - began)

    async def finish(self, claim: Claim, sent: Sequence[str], in_doubt: Sequence[str] = ()) -> None:
        began = perf_counter()
        try:
            await self._ledger.finish(claim, sent, in_doubt)
        finally:
            self._observe["finish"](perf_counter() - began)

    async def acked(self, claim: Claim) -> None:
        began = perf_counter()
        try:
            await self._ledger.acked(claim)
        finally:
            self._observe["acked"](perf_counter() - began)
