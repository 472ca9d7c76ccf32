"""Puts exchanges, queues and bindings in place, as far as the mode allows. A declaration may be
refused, and the broker closes the channel on every refusal, so each has a channel of its own."""

from collections.abc import Awaitable, Callable

import structlog

from adapters.inbound.contract import TopologyMismatch
from adapters.rabbitmq.amqp_channel import (
    ACCESS_REFUSED,
    NOT_FOUND,
    PRECONDITION_FAILED,
    AmqpChannel,
    ChannelLost,
)
from adapters.rabbitmq.connection import AmqpConnection
from adapters.rabbitmq.mismatches import a_stream, mismatch
from adapters.rabbitmq.settings import (
    DEFAULT_KIND,
    EXCHANGE,
    QueuePlan,
    RabbitSettings,
    TopologyMode,
    queue_plans,
)
from domain.events import QueueRecreated
from domain.ports import EventSink, NoObserver
from domain.value_object import value_object

_log = structlog.get_logger()


@value_object()
class Counts:
    """What the broker says of a queue that exists; None where this user may not look."""

    ready: int | None = None
    consumers: int | None = None


Declare = Callable[[AmqpChannel], Awaitable[object]]
"""What is asked of the broker on a channel."""


class Declarer:
    """Declares on a throwaway channel; every method raises ChannelLost with the broker's code."""

    def __init__(self, connection: AmqpConnection) -> None:
        self._connection = connection
        self._channel: AmqpChannel | None = None

    async def __aenter__(self) -> "Declarer":
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._channel is not None:
            await self._channel.close()

    async def open(self) -> AmqpChannel:
        """The channel, opened again where the broker has closed it."""
        if self._channel is None or not self._channel.is_open:
            self._channel = await self._connection.open_channel()
        return self._channel

    async def refusal(self, declare: Declare, *codes: int) -> ChannelLost | None:
        """The broker's refusal of a declaration, if it has one of these codes."""
        try:
            await declare(await self.open())
        except ChannelLost as lost:
            if lost.code not in codes:
                raise
            return lost
        return None

    async def queue(self, name: str) -> int:
        """Look at a queue, without needing the configure right: 0 where it is there, NOT_FOUND, or
        ACCESS_REFUSED where this user may not look. From RabbitMQ 4.2.6 and 4.3 on that takes some
        right on it (configure in 4.2.6 and 4.3.0). It may well be there then; consuming and
        publishing have rights of their own."""
        return await self._look(lambda channel: channel.look(name))

    async def exchange(self, name: str) -> int:
        """Look at an exchange in the same way."""
        return await self._look(lambda channel: channel.declare_exchange(name, passive=True))

    async def counts(self, name: str) -> Counts | None:
        """Look, as `queue` does; None where there is no such queue."""
        try:
            return Counts(*await (await self.open()).look(name))
        except ChannelLost as lost:
            if lost.code not in (NOT_FOUND, ACCESS_REFUSED):
                raise
            return None if lost.code == NOT_FOUND else Counts()

    async def is_stream(self, name: str) -> bool:
        """Whether a queue that exists is a stream, as far as this user may consume it. Takes no
        message: RabbitMQ refuses this consumer on every other kind of queue."""
        if not self._connection.is_rabbitmq:
            return False
        channel = await self.open()
        try:
            await channel.limit(1)
            # What it is handed goes back when the channel closes.
            await channel.consume(name, lambda *_: None, {"x-stream-offset": "next"})
        except ChannelLost as lost:
            if not lost.code:
                raise
            return False
        await channel.close()
        return True

    async def _look(self, look: Declare) -> int:
        refusal = await self.refusal(look, NOT_FOUND, ACCESS_REFUSED)
        return refusal.code if refusal else 0


class Preparer:
    """Modes: `adopt` looks first and creates only what is missing, so it needs no configure right
    once all exists; `own` insists on our arguments; `none` never creates a work queue. In every
    mode the exchange `dispatcher` must be direct, as far as this user may see it."""

    def __init__(self, settings: RabbitSettings, events: EventSink | None = None) -> None:
        """`events` gets queues that were there, were deleted, and are created again."""
        self._settings = settings
        self._events = events or NoObserver()
        self._seen: set[str] = set()
        self._refused_bindings: set[tuple[str, str, str]] = set()
        self.unseen: set[str] = set()
        """Names of what this user may not look at, so that it was left as it is."""

    async def prepare(self, connection: AmqpConnection, queue: str) -> bool:
        """Put in place all that `queue` needs; whether it is there to be consumed, which in mode
        `none` may not yet be so. Raises TopologyMismatch, or ChannelLost."""
        async with Declarer(connection) as declarer:
            await self._ensure_exchange(declarer, EXCHANGE, DEFAULT_KIND)
            for plan in queue_plans(self._settings, queue):
                if not await self._ensure_queue(declarer, plan):
                    return False
            if await declarer.is_stream(queue):
                raise TopologyMismatch(a_stream(queue))
            for binding in self._settings.bindings:
                if binding.queue == queue:
                    await self._ensure_exchange(declarer, binding.exchange, binding.kind)
                    await self._bind(declarer, queue, binding.exchange, binding.routing_key)
        return True

    async def ensure(self, connection: AmqpConnection, plan: QueuePlan) -> None:
        """Put one queue in place and bind it. Raises as `prepare` does."""
        async with Declarer(connection) as declarer:
            await self._ensure_exchange(declarer, EXCHANGE, DEFAULT_KIND)
            await self._ensure_queue(declarer, plan)

    async def ensure_exchange(self, connection: AmqpConnection, name: str, kind: str) -> None:
        """Put an exchange in place. Raises as `prepare` does."""
        async with Declarer(connection) as declarer:
            await self._ensure_exchange(declarer, name, kind)

    async def _ensure_exchange(self, declarer: Declarer, name: str, kind: str) -> None:
        what = f"exchange {name}"
        if self._settings.topology is TopologyMode.OWN:
            await _insist(declarer, lambda channel: channel.declare_exchange(name, kind), what)
            return
        refused = await declarer.exchange(name)
        if refused == ACCESS_REFUSED:
            self.unseen.add(name)
        if refused == NOT_FOUND:
            await _create(declarer, lambda channel: channel.declare_exchange(name, kind), what)
        elif name == EXCHANGE:
            # The one difference that cannot be bridged: a fanout of this name would give every copy
            # to every queue, and a dead letter would be alive again.
            await _insist(
                declarer, lambda channel: channel.declare_exchange(name), what, ACCESS_REFUSED
            )

    async def _ensure_queue(self, declarer: Declarer, plan: QueuePlan) -> bool:
        what, is_seen = f"queue {plan.name}", plan.name in self._seen
        is_own = self._settings.topology is TopologyMode.OWN
        refused = await declarer.queue(plan.name) if is_seen or not is_own else 0
        if is_own:
            await _insist(declarer, plan.declare, what)
        elif refused == ACCESS_REFUSED:
            self.unseen.add(plan.name)
        elif refused == NOT_FOUND:
            if plan.is_work and self._settings.topology is TopologyMode.NONE:
                return False
            await _create(declarer, plan.declare, what)
        if is_seen and refused == NOT_FOUND:
            self._events.emit(QueueRecreated(plan.name))
        self._seen.add(plan.name)
        await self._bind(declarer, plan.name, EXCHANGE, plan.name)
        return True

    async def _bind(self, declarer: Declarer, queue: str, exchange: str, key: str) -> None:
        binding = queue, exchange, key
        refusal = await declarer.refusal(lambda channel: channel.bind(*binding), ACCESS_REFUSED)
        # It may well be there already; AMQP offers no way to look.
        if refusal and binding not in self._refused_bindings:
            self._refused_bindings.add(binding)
            _log.warning(
                "binding was refused; it may be there already",
                queue=queue,
                exchange=exchange,
                key=key,
                error=refusal.text,
            )


async def _insist(declarer: Declarer, declare: Declare, what: str, *allowed: int) -> None:
    refusal = await declarer.refusal(declare, PRECONDITION_FAILED, *allowed)
    if refusal and refusal.code == PRECONDITION_FAILED:
        raise TopologyMismatch(mismatch(what, refusal.text)) from refusal


async def _create(declarer: Declarer, declare: Declare, what: str) -> None:
    refusal = await declarer.refusal(declare, ACCESS_REFUSED)
    if refusal:
        text = f"{what} is missing and this user may not create it: {refusal.text}"
        raise ChannelLost(refusal.code, text) from refusal
