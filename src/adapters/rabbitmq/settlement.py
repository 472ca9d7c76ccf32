"""Outcome -> broker: every copy is stored and confirmed before its original is acked."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence

from adapters.inbound.contract import (
    BrokerUnavailable,
    DeadCopy,
    InboundMessage,
    PublishRefused,
    RetryCopy,
    TopologyMismatch,
)
from adapters.message_format.headers import PREFIX, traceparent_of
from adapters.rabbitmq.amqp_channel import AmqpChannel, ChannelLost
from adapters.rabbitmq.backoff import Backoff
from adapters.rabbitmq.preparing import Preparer
from adapters.rabbitmq.publisher import PublishLink
from adapters.rabbitmq.settings import (
    QueuePlan,
    RabbitSettings,
    dead_queue,
    longest_step,
    retry_queue,
    work_queue,
)
from domain.events import TroubleBegan, TroubleEnded, TroubleUncertain, queue_trouble
from domain.ports import EventSink
from domain.trace import HEADER

_TROUBLE = (BrokerUnavailable, PublishRefused, TopologyMismatch, ChannelLost)


class Settler:
    """Where a copy cannot be stored, the original stays unacked and storing is tried again, with
    one event for each pause. Safe to call concurrently."""

    def __init__(
        self,
        settings: RabbitSettings,
        preparer: Preparer,
        link: PublishLink,
        backoff: Callable[[], Backoff],
        events: EventSink,
    ) -> None:
        """`events` gets queues that take no copies, for as long as a copy waits for one."""
        self._settings = settings
        self._preparer = preparer
        self._link = link
        self._events = events
        self._troubled: set[str] = set()
        self._stuck: Counter[str] = Counter()
        self._known: set[str] = set()
        self._backoffs: defaultdict[str, Backoff] = defaultdict(backoff)
        # By queue: those who fail for the same cause wait together, and it is said once.
        self._pauses: dict[str, asyncio.Event] = {}

    def know(self, queues: Sequence[str]) -> None:
        """These queues were prepared; any other is looked for before its first copy."""
        self._known.update(queues)

    async def store(
        self,
        message: InboundMessage,
        channel: AmqpChannel,
        copies: Sequence[RetryCopy | DeadCopy],
    ) -> None:
        """Return once the copies are stored, or once `channel` is gone, over which the message
        came: then the broker hands it out again."""
        for copy in copies:
            if isinstance(copy, DeadCopy):
                target = dead_queue(message.queue)
            else:
                delay = longest_step(self._settings, copy.delay) if copy.exact else copy.delay
                target = retry_queue(message.queue, delay)
            prioritized = message.with_priority(copy.priority)
            if not await self._store(prioritized, channel, target, copy.headers):
                return

    async def renew(self, message: InboundMessage, channel: AmqpChannel) -> None:
        """Put a copy at the end of the message's own queue, then ack: its delivery count, which
        might soon exceed a limit that is not visible here, begins at 0."""
        target = work_queue(self._settings, message.queue)
        if await self._store(message, channel, target, own_headers(message)):
            channel.ack(message.tag)

    async def _store(
        self,
        message: InboundMessage,
        channel: AmqpChannel,
        target: QueuePlan,
        headers: Mapping[str, str | int],
    ) -> bool:
        queue, is_stuck, is_stored = target.name, False, False
        try:
            while not is_stored and channel.is_open:
                try:
                    await self._publish(message, target, headers)
                    is_stored = True
                except _TROUBLE as error:
                    self._known.discard(queue)
                    self._stuck[queue] += not is_stuck
                    is_stuck = True
                    await self._wait(queue, error)
        finally:
            self._stuck[queue] -= is_stuck
            if queue in self._troubled and not self._stuck[queue]:
                trouble = queue_trouble(queue)
                if is_stored:
                    self._troubled.discard(queue)
                self._events.emit(TroubleEnded(trouble) if is_stored else TroubleUncertain(trouble))
        return is_stored

    async def _publish(
        self, message: InboundMessage, target: QueuePlan, headers: Mapping[str, str | int]
    ) -> None:
        queue = target.name
        if queue not in self._known:
            await self._preparer.ensure(await self._link.connection(), target)
            self._known.add(queue)
        await self._link.publish(
            queue, message.body, properties=message.properties, headers=headers
        )
        if queue in self._backoffs:
            self._backoffs[queue].succeeded(asyncio.get_running_loop().time())

    async def _wait(self, queue: str, error: Exception) -> None:
        """Wait until the pause that is on is over; the first to come begins it."""
        if queue in self._pauses:
            await self._pauses[queue].wait()
            return
        over = self._pauses[queue] = asyncio.Event()
        try:
            delay = self._backoffs[queue].failed(asyncio.get_running_loop().time())
            self._troubled.add(queue)
            self._events.emit(TroubleBegan(queue_trouble(queue), str(error), delay))
            await asyncio.sleep(delay)
        finally:
            del self._pauses[queue]
            over.set()


def own_headers(message: InboundMessage) -> dict[str, str | int]:
    """The headers of ours that a copy in the same state keeps; never `x-death`, in which RabbitMQ
    before 4.0.1 sees a cycle and drops the message."""
    own = {
        name: value
        for name, value in message.headers.items()
        if str(name).startswith(PREFIX) and isinstance(value, str | int)
    }
    trace = traceparent_of(message.headers)
    return own if trace is None else {**own, HEADER: trace}
