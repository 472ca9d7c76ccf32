"""One work queue: deliveries become handler tasks, never more of them than the prefetch."""

import asyncio
from collections import deque
from contextlib import suppress
from functools import partial
from typing import Literal
from uuid import uuid4

import structlog
from pika.spec import Basic, BasicProperties

from adapters.inbound.contract import BeforeAck, Handler, InboundMessage, SessionEnded
from adapters.inbound.in_hand import InHand
from adapters.rabbitmq.amqp_channel import AmqpChannel, ChannelLost, inbound
from adapters.rabbitmq.connection import AmqpConnection
from adapters.rabbitmq.preparing import Declarer
from adapters.rabbitmq.settings import RabbitSettings
from adapters.rabbitmq.settlement import Settler

_log = structlog.get_logger()

# Deliveries after which a message is copied first: a queue that others declared may drop it at
# RabbitMQ 4's default limit of 20, and have nowhere to dead-letter to.
_RENEW_AT = 10

_CANCEL_TIMEOUT = 2.0
_HAND_BACK_PAUSE = 1.0
# Seconds without a delivery after which a queue that cannot be looked at counts as empty.
_QUIET = 2.0
# Messages whose sizes are remembered.
_RECENT = 32
# Seconds before a queue that brought large messages is trusted again: to take less, a consumer is
# cancelled, and what was on its way to it counts as one more delivery.
_CAUTION = 60.0

Change = Literal["more", "less"]
"""What to do about the number of messages sent ahead."""


class Intake:
    """How many messages of one queue the broker may send ahead: few until their sizes are known,
    the whole prefetch while they are small. At most half of the bytes is used for what waits; the
    other half is for what is made of it."""

    def __init__(self, prefetch: int, *, largest: int, room: int, queues: int) -> None:
        """`largest`: bytes of the largest message. `room`: bytes of messages in hand, for all
        `queues` of the worker."""
        self.always = max(1, min(prefetch, room // (2 * largest * queues)))
        self.more = prefetch - self.always
        self._prefetch = prefetch
        self._room = room // 2
        self._recent: deque[int] = deque(maxlen=_RECENT)
        self._is_wide = False
        self._not_before = -float("inf")

    def begin(self) -> None:
        """A new channel: only the few are sent ahead."""
        self._is_wide = False

    def came(self, size: int, in_hand: InHand, now: float) -> Change | None:
        """A message of so many bytes came, and is in hand."""
        self._recent.append(size)
        if self._is_wide:
            if in_hand.size <= self._room:
                return None
            self._is_wide = False
            self._not_before = now + _CAUTION
            return "less"
        if not self.more or now < self._not_before or len(self._recent) < self.always:
            return None
        if sum(self._recent) / len(self._recent) * self._prefetch > self._room:
            return None
        self._is_wide = True
        return "more"


class Subscription:
    """Consumes one queue, over one AMQP channel after another. Handlers of a lost channel run to
    their end, and count against the prefetch until then."""

    def __init__(
        self,
        queue: str,
        settings: RabbitSettings,
        settler: Settler,
        handler: Handler,
        in_hand: InHand,
        *,
        before_ack: BeforeAck,
        session_ended: SessionEnded,
    ) -> None:
        self.queue = queue
        self.handed_out = 0
        self.tasks: set[asyncio.Task[bool]] = set()
        """One for each message that is handled or being settled."""
        prefetch = settings.prefetch_of.get(queue, settings.prefetch)
        self._intake = Intake(
            prefetch,
            largest=settings.max_body,
            room=settings.max_in_hand,
            queues=len(settings.queues),
        )
        self._in_hand = in_hand
        self._settler = settler
        self._handler = handler
        self._before_ack = before_ack
        self._session_ended = session_ended
        self._session = ""
        self._slots = asyncio.Semaphore(prefetch)
        self._stopping = False
        self._channel: AmqpChannel | None = None
        # Of the consumer, and of the second one that takes what the first does not.
        self._tags: list[str] = []
        self._adjusting: asyncio.Task[None] | None = None
        self._looks: Declarer | None = None
        self._last_at = 0.0

    @property
    def is_consuming(self) -> bool:
        """Whether the broker hands us this queue's messages."""
        return bool(self._tags and self._channel and self._channel.is_open)

    async def start(self, connection: AmqpConnection) -> AmqpChannel:
        """Consume on a new channel, which is returned. Raises ChannelLost."""
        self._tags = []
        self._intake.begin()
        if self._session:
            await self._session_ended(self._session)
        self._session = uuid4().hex
        channel = self._channel = await connection.open_channel()
        self._looks = Declarer(connection)
        on_message = partial(self._take, channel, self._session)
        await channel.limit(self._intake.always)
        self._tags = [await channel.consume(self.queue, on_message)]
        self._last_at = asyncio.get_running_loop().time()
        _log.info("consuming", queue=self.queue)
        return channel

    def _take(
        self,
        channel: AmqpChannel,
        session: str,
        method: Basic.Deliver,
        properties: BasicProperties,
        body: bytes,
    ) -> None:
        message = inbound(self.queue, method, properties, body, session)
        self.handed_out += 1
        task = asyncio.create_task(self._handle(message, channel))
        self.tasks.add(task)
        self._in_hand.take(message)
        task.add_done_callback(partial(self._ended, message))
        self._last_at = task.get_loop().time()
        change = self._intake.came(len(body), self._in_hand, self._last_at)
        if change is not None:
            adjust = self._adjust(change, channel, session, self._adjusting)
            self._adjusting = asyncio.create_task(adjust)

    def _ended(self, message: InboundMessage, task: "asyncio.Task[bool]") -> None:
        self.tasks.discard(task)
        self._in_hand.let_go(message, is_settled=not task.cancelled() and task.result())

    async def _handle(self, message: InboundMessage, channel: AmqpChannel) -> bool:
        """Whether the message is settled, or not ours any more."""
        async with self._slots:
            if self._stopping or channel.ended.done():
                return channel.ended.done()
            try:
                if message.delivery_count >= _RENEW_AT:
                    await self._settler.renew(message, channel)
                    return True
                settlement = await self._handler(message)
                if settlement.copies:
                    await self._settler.store(message, channel, settlement.copies)
                if channel.is_open:
                    for claim in settlement.claims:
                        await self._before_ack(claim)
                    channel.ack(message.tag)
            except asyncio.CancelledError:
                await self._return(message, channel)
                raise
            except Exception as error:  # noqa: BLE001 - a fault of ours must not lock up a message
                _log.exception(
                    "handler failed; the message is handed back",
                    queue=self.queue,
                    error=type(error).__name__,
                )
                await self._return(message, channel)
                return False
            return True

    async def _return(self, message: InboundMessage, channel: AmqpChannel) -> None:
        # Unless we stop, it would come back at once and be handed back again.
        if not self._stopping:
            await asyncio.sleep(_HAND_BACK_PAUSE)
        channel.hand_back(message.tag)

    async def _adjust(
        self,
        change: Change,
        channel: AmqpChannel,
        session: str,
        before: "asyncio.Task[None] | None",
    ) -> None:
        """Begin or end a second consumer: the broker applies another prefetch to new ones only."""
        if before is not None:
            await asyncio.wait([before])
        with suppress(ChannelLost):
            if change == "more" and not self._stopping:
                await channel.limit(self._intake.more)
                on_message = partial(self._take, channel, session)
                self._tags.append(await channel.consume(self.queue, on_message))
            elif change == "less" and len(self._tags) > 1:
                await channel.cancel(self._tags.pop())

    async def take_no_more(self) -> None:
        """End the consumer, so that the broker gives what comes to others. pika rejects what was
        already on its way, which costs those few messages one delivery count; holding a prefetch
        full of them until the end of the grace would cost more of them the same."""
        self._stopping = True
        tags, self._tags = self._tags, []
        if self._channel is not None and self._channel.is_open:
            with suppress(ChannelLost, TimeoutError):
                async with asyncio.timeout(_CANCEL_TIMEOUT):
                    await asyncio.gather(*(self._channel.cancel(tag) for tag in tags))

    async def idle_since(self) -> int | None:
        """How many messages were ever handed out, if the queue is empty and nothing is in hand,
        else None."""
        if self.tasks or self._looks is None or not self.is_consuming:
            return None
        try:
            seen = await self._looks.counts(self.queue)
        except ChannelLost:
            return None
        if seen is None or self.tasks:
            return None
        if seen.ready is None:  # this user may not look at the queue
            is_empty = asyncio.get_running_loop().time() - self._last_at >= _QUIET
        else:
            is_empty = seen.ready == 0
        return self.handed_out if is_empty else None
