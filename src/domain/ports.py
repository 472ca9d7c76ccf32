"""The ports: what the domain needs from outside. Adapters implement them; tests use fakes."""

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from typing import Protocol

from domain.content import Content, Envelope
from domain.errors import DeliveryError
from domain.events import Event
from domain.notification import JsonValue, Notification, Recipient
from domain.value_object import value_object


class Clock(Protocol):
    """Wall time and waiting."""

    def now(self) -> datetime:
        """The current time, aware, in UTC."""

    async def sleep(self, seconds: float) -> None:
        """Wait; other work goes on meanwhile."""


class EventSink(Protocol):
    """Takes what happened."""

    def emit(self, event: Event) -> None:
        """Take one event. Returns at once: never waits for input or output."""


class NoObserver:
    """An EventSink that drops what it gets."""

    def emit(self, event: Event) -> None:
        """See EventSink."""


@value_object(kw_only=True)
class RenderRequest:
    """What to render. `recipient` is the address in a mail to one person, None in a wider one."""

    template: str
    channel: str
    parameters: Mapping[str, JsonValue] = field(repr=False)
    subject: str | None = None
    recipient: str | None = None
    locale: str | None = None
    timezone: str | None = None
    now: datetime


class TemplateRenderer(Protocol):
    """Turns a template and its context into finished parts."""

    def render(self, request: RenderRequest) -> Content:
        """Render every part of the template that the channel uses, from one template set.

        Never does input or output on the way and ends within a deadline. Raises Permanent with
        reason TEMPLATE_MISSING (no such template or no part for this channel), TEMPLATE_UNDEFINED
        (the message names the variable), TEMPLATE_ERROR or TEMPLATE_LIMIT (deadline or size).
        """

    def envelope_of(self, template: str) -> Envelope:
        """What the template itself asks for; nothing where there is no such template."""


class AboutToSend(Protocol):
    """Awaited before the payload leaves for `recipients`; None: for all of the call's.
    `message_id`: the Message-ID of a mail, with its angle brackets."""

    def __call__(
        self, recipients: Sequence[Recipient] | None = None, message_id: str = "", /
    ) -> Awaitable[None]: ...


async def proceed(_recipients: Sequence[Recipient] | None = None, _message_id: str = "", /) -> None:
    """Nothing needs to be written down before the payload leaves."""


Answers = Mapping[Recipient, DeliveryError | None]
"""What became of each recipient; None: the provider has accepted."""


class AskAgain(Exception):
    """Nothing has left yet, and before it does the list of suppressions must be asked again. It
    comes out of `AboutToSend`. `answers`: of those who were served before."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: Answers = {}


class Notifier(Protocol):
    """Sends to people on one channel.

    `one_by_one`: each recipient gets a message of their own, rendered for them alone; `notify` is
    then called with one recipient at a time. Else one message may serve many, as a mail does.
    """

    @property
    def one_by_one(self) -> bool: ...

    async def notify(
        self,
        notification: Notification,
        content: Content,
        recipients: Sequence[Recipient],
        about_to_send: AboutToSend = proceed,
    ) -> Mapping[Recipient, DeliveryError | None]:
        """Send one message to `recipients`, a part of the notification's own (the rest has it).

        Returns exactly one entry for each of `recipients`: None once the provider has accepted for
        good, else the error that concerns this recipient alone. Raises DeliveryError, and nothing
        else, when it concerns them all; then no recipient has it (unless it is InDoubt). NotYet are
        those that the provider takes in a further message only; not all of `recipients` may be.
        They are asked for at once in another call, once it is written down who has got it. Awaits
        `about_to_send` at the last moment at which certainly nothing has been sent; what that
        raises is let through, and nothing is sent. Safe to call concurrently. No secret is ever in
        an error. A try that got half way may leave `resume` on its error, and finds it in the
        recipient the next time, if the content is still the same.
        """

    async def check(
        self, notification: Notification, content: Content, recipients: Sequence[Recipient]
    ) -> Mapping[Recipient, DeliveryError | None]:
        """What `notify` would answer if the provider took all that it is asked to take.

        Never asks the provider, and sends and stores nothing. Answers and raises as `notify` does:
        the error of whoever would be refused without the provider being asked, None for the others.
        """

    async def close(self) -> None:
        """Let go of connections. Called once nothing is in hand; may be called twice."""
