"""Outcome -> broker: every copy is stored and confirmed before its original is acked."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from adapters.inbound.contract import (
    BrokerUnavailable,
    DeadCopy,
    InboundMessage,
    PublishRefused,
    RetryCopy,
    TopologyMismatch,
)
from adapters.rabbitmq.amqp_channel import ChannelLost
from adapters.rabbitmq.backoff import Backoff, SharedPause
from adapters.rabbitmq.messages import Delivery, own_headers
from adapters.rabbitmq.plan import QueuePlan, dead_queue, exact_hop, retry_queue, work_queue
from adapters.rabbitmq.preparing import Preparer
from adapters.rabbitmq.publish_link import PublishLink
from adapters.rabbitmq.settings import RabbitSettings
from domain.events import TroubleBegan, TroubleEnded, TroubleUncertain, queue_trouble
from domain.ports import EventSink

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
        self._backoff = backoff
        self._events = events
        self._troubled: set[str] = set()
        self._stuck: Counter[str] = Counter()
        self._known: set[str] = set()
        self._pauses: dict[str, SharedPause] = {}

    def know(self, queues: Sequence[str]) -> None:
        """These queues were prepared; any other is looked for before its first copy."""
        self._known.update(queues)

    async def store(self, delivery: Delivery, copies: Sequence[RetryCopy | DeadCopy]) -> bool:
        """Store the copies; whether the original may be acked now. It may not once the delivery is
        stale: the broker hands the original out again."""
        for copy in copies:
            target = self._target(delivery.message.queue, copy)
            if not await self._store(delivery, target, copy.headers, copy.priority):
                return False
        return not delivery.is_stale

    async def renew(self, delivery: Delivery) -> None:
        """Put a copy at the end of the message's own queue, then ack: its delivery count, which
        might soon exceed a limit that is not visible here, begins at 0."""
        message = delivery.message
        target = work_queue(self._settings, message.queue)
        if await self._store(delivery, target, own_headers(message)):
            delivery.ack()

    def _target(self, queue: str, copy: RetryCopy | DeadCopy) -> QueuePlan:
        if isinstance(copy, DeadCopy):
            return dead_queue(queue)
        return retry_queue(
            queue, exact_hop(self._settings, copy.delay) if copy.exact else copy.delay
        )

    async def _store(
        self,
        delivery: Delivery,
        target: QueuePlan,
        headers: Mapping[str, str | int],
        priority: int | None = None,
    ) -> bool:
        message = delivery.message.with_priority(priority)
        is_stuck = is_stored = False
        try:
            while not delivery.is_stale:
                try:
                    await self._publish(message, target, headers)
                except _TROUBLE as error:
                    self._known.discard(target.name)
                    self._stuck[target.name] += not is_stuck
                    is_stuck = True
                    await self._pause(target.name).wait(error)
                else:
                    self._pause(target.name).succeeded()
                    is_stored = True
                    break
        finally:
            self._stuck[target.name] -= is_stuck
            if target.name in self._troubled and not self._stuck[target.name]:
                self._no_longer_stuck(target.name, is_stored=is_stored)
        return is_stored

    def _no_longer_stuck(self, queue: str, *, is_stored: bool) -> None:
        if is_stored:
            self._troubled.discard(queue)
            self._events.emit(TroubleEnded(queue_trouble(queue)))
        else:
            self._events.emit(TroubleUncertain(queue_trouble(queue)))

    async def _publish(
        self, message: InboundMessage, target: QueuePlan, headers: Mapping[str, str | int]
    ) -> None:
        if target.name not in self._known:
            await self._preparer.ensure(await self._link.connection(), target)
            self._known.add(target.name)
        await self._link.publish(
            target.name, message.body, properties=message.properties, headers=headers
        )

    def _pause(self, queue: str) -> SharedPause:
        pause = self._pauses.get(queue)
        if pause is None:
            pause = self._pauses[queue] = SharedPause(
                partial(self._announce, queue), self._backoff()
            )
        return pause

    def _announce(self, queue: str, delay: float, error: Exception) -> None:
        self._troubled.add(queue)
        self._events.emit(TroubleBegan(queue_trouble(queue), str(error), delay))
