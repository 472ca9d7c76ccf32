"""The inbound contract: what an adapter of a broker must do, and the values that it takes and
returns."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol

from adapters.message_format.rules import NO_PROPERTIES, Properties
from domain.errors import DispatcherError
from domain.ledger import Claim
from domain.value_object import value_object


class BrokerUnavailable(DispatcherError):
    """The broker cannot be reached or refuses our login; try again later."""


class MayNotLook(BrokerUnavailable):
    """Our user may not see a queue, which may be absent."""


class PublishRefused(DispatcherError):
    """The broker did not take a message (unroutable, full, no permission); it was not stored."""


class TopologyMismatch(DispatcherError):
    """A queue or exchange exists with other arguments than this worker must insist on."""


@value_object(kw_only=True)
class InboundMessage:
    """One message as a broker gives it. `delivery_count` is how often the broker has delivered it
    before; 0 where it does not count. `session` names the broker channel it came over, unique
    across processes and reconnects, and `tag` the delivery in it."""

    queue: str
    body: bytes = field(repr=False)
    headers: Mapping[str, object] = field(default_factory=dict)
    properties: Properties = NO_PROPERTIES
    redelivered: bool = False
    delivery_count: int = 0
    session: str = ""
    tag: int = 0

    def with_priority(self, priority: int | None) -> "InboundMessage":
        """The same message, with `priority` where it came without one."""
        if priority is None or self.properties.priority is not None:
            return self
        return replace(self, properties=replace(self.properties, priority=priority))


@value_object(kw_only=True)
class RetryCopy:
    """Put a copy back for later, body unchanged, with exactly these headers.

    Not `exact`: `delay` is one of the configured tiers. `exact`: `delay` is any wait. The headers
    have the due time. A broker that only has tiers may deliver the copy early; then it is put back.
    `priority` is the copy's where the message came without one.
    """

    delay: timedelta
    headers: Mapping[str, str | int]
    exact: bool = False
    priority: int | None = None


@value_object(kw_only=True)
class DeadCopy:
    """Put a copy into `<queue>.dead`, body unchanged, with exactly these headers. `priority` is the
    copy's where the message came without one."""

    headers: Mapping[str, str | int]
    priority: int | None = None


@value_object()
class Settlement:
    """How a message ends: the `copies` are stored and confirmed by the broker, then the ledger gets
    the `claims` that it keeps until the ack, then the message is acked."""

    copies: Sequence[RetryCopy | DeadCopy] = ()
    claims: Sequence[Claim] = ()


Handler = Callable[[InboundMessage], Awaitable[Settlement]]
"""Handles one message. Raises nothing but CancelledError: then the message is handed back."""


BeforeAck = Callable[[Claim], Awaitable[None]]
"""Called with each claim just before the message is acked. See DeliveryLedger.acked."""

SessionEnded = Callable[[str], Awaitable[None]]
"""Called with a session that has ended, before what it did not ack is handed out again."""


async def not_kept(_: object) -> None:
    """Do nothing: there is no ledger."""


class Consumer(Protocol):
    """Takes messages from the work queues, runs the handler and settles.

    A message is acked only after every copy of its settlement is stored for good and its claims are
    given to `before_ack`. If a copy cannot be stored, the message stays unacked, and the copy is
    stored later. Messages are handled concurrently, up to the prefetch. A handler that never
    returns does not hold up the others.
    """

    async def run(
        self,
        handler: Handler,
        *,
        drain: bool = False,
        before_ack: BeforeAck = not_kept,
        session_ended: SessionEnded = not_kept,
    ) -> None:
        """Consume until `stop`. With `drain`, also end when the work queues are empty and nothing
        is in hand; delayed copies do not hold it. Never gives up on an unreachable broker.
        Raises TopologyMismatch where the configuration insists and the broker differs.
        """

    def stop(self) -> None:
        """Take no more; `run` returns once what is in hand has ended or the grace is over.
        What has not ended by then is cancelled and handed back. May be called twice."""

    @property
    def is_ready(self) -> bool:
        """Whether every work queue is being consumed at this moment."""


class Publisher(Protocol):
    """Stores messages in work queues, and dead letters that were kept elsewhere."""

    async def publish(
        self, queue: str, body: bytes, *, properties: Properties, headers: Mapping[str, str | int]
    ) -> None:
        """Return once the broker has confirmed it durably. Raises BrokerUnavailable or
        PublishRefused."""

    async def bury(
        self, queue: str, body: bytes, *, properties: Properties, headers: Mapping[str, str | int]
    ) -> None:
        """The same into `<queue>.dead`; `queue` is the work queue's name."""

    async def close(self) -> None:
        """Let go of the connection. May be called twice."""


class Keep(Enum):
    """The decision to leave a dead letter where it is."""

    KEEP = "keep"


class Remove(Enum):
    """The decision to delete a dead letter for good."""

    REMOVE = "remove"


@value_object(kw_only=True)
class Release:
    """The decision to move a dead letter back to its work queue, with exactly these headers and,
    where it was changed, another body with properties of its own."""

    headers: Mapping[str, str | int]
    body: bytes | None = field(default=None, repr=False)
    properties: Properties | None = None


Decision = Keep | Remove | Release

Decide = Callable[[InboundMessage], Awaitable[Decision]]
"""Decides about one dead letter. It may take long: only the next dead letter waits for it."""


def ignored(message: InboundMessage) -> None:
    """Do nothing with a dead letter that was released or removed."""


class DeadLetters(Protocol):
    """What is in `<queue>.dead`; dead letters live in the broker and nowhere else."""

    async def count(self, queue: str) -> int:
        """Return how many dead letters are there, without those a consumer holds; 0 where the queue
        does not exist. Cheap: none is fetched. Raises BrokerUnavailable."""

    async def visit(
        self, queue: str, decide: Decide, done: Callable[[InboundMessage], None] = ignored
    ) -> int:
        """Call `decide` with each dead letter of `<queue>.dead`, the oldest first, one after the
        other, and carry out each decision at once. `done` is called with each one released or
        removed.

        Those kept stay, in their order. One is deleted only after its release is confirmed, so an
        interruption may at worst leave both. Returns how many were visited; 0 where the queue does
        not exist. The message's `queue` is the work queue's name. Raises BrokerUnavailable or
        PublishRefused (that one stays, as do those not yet visited), and what `decide` raises.
        """

    async def close(self) -> None:
        """Let go of the connection. May be called twice."""


@value_object(kw_only=True)
class Waiting:
    """Messages that wait: in the tier of this `delay`, or (None) each until its own time."""

    delay: timedelta | None
    messages: int


@value_object(kw_only=True)
class QueueState:
    """A work queue with its retry and dead letter queues. None: this broker does not show it.

    `exists` is about the work queue alone. `waiting` has no tier that was not made yet. `dead` is
    None where `<queue>.dead` does not exist. `unseen` names the queues that this user may not look
    at; they may well be there. `oldest`: since when the oldest
    ready message may be taken. `problem`: why the work queue cannot be used, whoever asks.
    """

    queue: str
    exists: bool
    ready: int | None
    unacked: int | None
    consumers: int | None
    waiting: tuple[Waiting, ...]
    dead: int | None
    dead_by_reason: Mapping[str, int] | None
    oldest: datetime | None = None
    unseen: tuple[str, ...] = ()
    problem: str | None = None
