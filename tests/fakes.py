"""Hand-written stand-ins for each port. They run under the same contract suites as the adapters."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.content import Content, Envelope
from domain.delivery import Delivery, still_to_send
from domain.errors import DeliveryError, FailureReason, NotYet, Permanent
from domain.events import Event, TroubleBegan, TroubleEnded
from domain.notification import Notification, Recipient
from domain.ports import AboutToSend, RenderRequest, proceed
from domain.suppressions import Suppression

NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


class FakeClock:
    """A clock that stands still until somebody sleeps; sleeping moves it on at once."""

    def __init__(self, now: datetime = NOON) -> None:
        self.time = now
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)
        await asyncio.sleep(0)


class FakeEvents:
    """An EventSink that keeps what it gets."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)


class EndlessClock(FakeClock):
    """A clock on which a pause never ends."""

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.Event().wait()


class FakePauses:
    """An EventSink that keeps each pause by its name: the error as it begins, None at its end.
    `errors` has the same without the names."""

    def __init__(self, errors: list[str | None] | None = None) -> None:
        self.pauses: list[tuple[str, str | None]] = []
        self.errors = [] if errors is None else errors

    def emit(self, event: Event) -> None:
        if isinstance(event, TroubleBegan | TroubleEnded):
            error = event.error if isinstance(event, TroubleBegan) else None
            self.pauses.append((str(event.trouble), error))
            self.errors.append(error)


@dataclass(frozen=True)
class Delivered:
    """One call that a FakeNotifier accepted, for at least one recipient."""

    notification: Notification
    content: Content
    recipients: tuple[Recipient, ...]


@dataclass
class FakeNotifier:
    """Accepts everything and records it, unless told to fail.

    `failures`: errors raised by the next calls, one each (None: that call succeeds).
    `refusals`: errors by address, returned for that recipient alone, every time.
    `invalid`: the same for `check`.
    `most`: recipients of one call that are tried; the others are NotYet.
    """

    failures: list[DeliveryError | None] = field(default_factory=list)
    refusals: dict[str, DeliveryError] = field(default_factory=dict)
    invalid: dict[str, DeliveryError] = field(default_factory=dict)
    checked: int = 0
    delivered: list[Delivered] = field(default_factory=list)
    calls: int = 0
    closed: bool = False
    one_by_one: bool = False
    most: int | None = None

    async def notify(
        self,
        notification: Notification,
        content: Content,
        recipients: Sequence[Recipient],
        about_to_send: AboutToSend = proceed,
    ) -> Mapping[Recipient, DeliveryError | None]:
        self.calls += 1
        await asyncio.sleep(0)
        if self.failures and (error := self.failures.pop(0)) is not None:
            raise error
        tried = recipients[: self.most]
        await (about_to_send() if len(tried) == len(recipients) else about_to_send(tried))
        rest = NotYet(f"{self.most} at once")
        answers = {r: self.refusals.get(r.address) if r in tried else rest for r in recipients}
        accepted = tuple(r for r, error in answers.items() if error is None)
        if accepted:
            self.delivered.append(Delivered(notification, content, accepted))
        return answers

    async def check(
        self, notification: Notification, content: Content, recipients: Sequence[Recipient]
    ) -> Mapping[Recipient, DeliveryError | None]:
        self.checked += 1
        return {r: self.invalid.get(r.address) for r in recipients}

    async def close(self) -> None:
        self.closed = True

    @property
    def addresses(self) -> list[str]:
        """Every address that accepted, in order, once for each time."""
        return [r.address for one in self.delivered for r in one.recipients]


@dataclass
class FakeSuppressions:
    """A SuppressionStore in memory. `failures`: errors raised by the next calls, one each."""

    listed: dict[tuple[str, str], Suppression] = field(default_factory=dict)
    failures: list[Exception] = field(default_factory=list)
    asked: list[tuple[str, ...]] = field(default_factory=list)
    keeps_for: timedelta = timedelta(seconds=1)

    async def find(self, channel: str, addresses: Sequence[str]) -> list[Suppression | None]:
        self.asked.append(tuple(addresses))
        await self._answer()
        return [self.listed.get((channel, address)) for address in addresses]

    async def add(self, entries: Sequence[Suppression]) -> list[bool]:
        await self._answer()
        return [self.listed.setdefault(entry.key, entry) is entry for entry in entries]

    async def remove(self, channel: str, addresses: Sequence[str]) -> list[bool]:
        await self._answer()
        return [self.listed.pop((channel, one), None) is not None for one in addresses]

    async def may_evict(self) -> bool:
        return False

    async def entries(self) -> list[Suppression]:
        await self._answer()
        return list(self.listed.values())

    async def close(self) -> None:
        pass

    async def _answer(self) -> None:
        await asyncio.sleep(0)
        if self.failures:
            raise self.failures.pop(0)


@dataclass
class FakeTemplateRenderer:
    """Renders `str.format`-like texts from a dict: template name -> text with {variable} fields."""

    templates: dict[str, str] = field(default_factory=lambda: {"welcome": "Hello {name}"})
    envelope: Envelope = field(default_factory=Envelope)
    requests: list[RenderRequest] = field(default_factory=list)

    def envelope_of(self, template: str) -> Envelope:
        return self.envelope if template in self.templates else Envelope()

    def render(self, request: RenderRequest) -> Content:
        self.requests.append(request)
        source = self.templates.get(request.template)
        if source is None:
            reason = FailureReason.TEMPLATE_MISSING
            raise Permanent(f"template {request.template!r} does not exist", reason=reason)
        context = {
            "subject": request.subject,
            "altro": request.subject,
            "recipient": request.recipient or "",
            "locale": request.locale or "",
            "now": request.now,
            **request.parameters,
        }
        try:
            text = source.format_map(context)
        except KeyError as error:
            reason = FailureReason.TEMPLATE_UNDEFINED
            message = f"template {request.template!r}: variable {error} is undefined"
            raise Permanent(message, reason=reason) from None
        return Content(
            subject=request.subject,
            parts={"text": text},
            envelope=self.envelope,
            version="fake",
        )


def a_notification(**changes: Any) -> Notification:
    """A valid notification; name only what the test is about. `to` may be plain strings."""
    to = changes.pop("to", "ann@example.com")
    addresses = [to] if isinstance(to, str) else to
    values: dict[str, Any] = {
        "id": "n-1",
        "channel": "email",
        "template": "welcome",
        "to": tuple(a if isinstance(a, Recipient) else Recipient.parse(a) for a in addresses),
        "parameters": {"name": "Ann"},
        "subject": "Hello",
        "sender": Recipient(address="shop@example.com"),
    }
    return Notification(**{**values, **changes})


def a_delivery(notification: Notification, **changes: Any) -> Delivery:
    """The first appearance of this notification, under its own id, but for these fields.
    `remaining` may be what the headers name, or None."""
    named = changes.pop("remaining", None)
    values: dict[str, Any] = {
        "key": notification.id,
        "fingerprint": "body",
        "has_id": True,
        "session": "s-1",
        "remaining": notification.recipients
        if named is None
        else still_to_send(notification, named),
    }
    return Delivery(notification=notification, **{**values, **changes})


def recipients(*addresses: str) -> tuple[Recipient, ...]:
    return tuple(Recipient.parse(address) for address in addresses)


def reason_of(error: DeliveryError | None) -> FailureReason:
    assert isinstance(error, Permanent), error
    return error.reason


async def eventually(predicate: Callable[[], object], *, seconds: float = 60.0) -> None:
    """Wait until `predicate` holds; fail when it has not after `seconds`."""
    async with asyncio.timeout(seconds):
        while not predicate():
            await asyncio.sleep(0.01)
