"""One work queue: deliveries become handler tasks, never more of them than the prefetch."""

import asyncio
from collections.abc import Set as AbstractSet
from contextlib import suppress
from functools import partial
from uuid import uuid4

import structlog
from pika.spec import Basic, BasicProperties

from adapters.inbound.contract import Acked, Handler, SessionEnded
from adapters.inbound.in_hand import InHand
from adapters.rabbitmq.amqp_channel import AmqpChannel, ChannelLost, OnMessage
from adapters.rabbitmq.connection import AmqpConnection
from adapters.rabbitmq.declarer import Declarer
from adapters.rabbitmq.intake import Change, Intake
from adapters.rabbitmq.messages import Delivery, inbound
from adapters.rabbitmq.settings import RabbitSettings
from adapters.rabbitmq.settlement import Settler

_log = structlog.get_logger()

RENEW_AT = 10
"""Deliveries after which a message is copied first: a queue that others declared may drop it at
RabbitMQ 4's default limit of 20, and have nowhere to dead-letter to."""

_CANCEL_TIMEOUT = 2.0
_HAND_BACK_PAUSE = 1.0
_QUIET = 2.0
"""Seconds without a delivery after which a queue that cannot be looked at counts as empty."""


class Subscription:
    """Channel after channel on the same queue. Handlers of a channel that was lost run on to their
    end, and count against the prefetch until then."""

    def __init__(
        self,
        queue: str,
        settings: RabbitSettings,
        settler: Settler,
        handler: Handler,
        in_hand: InHand,
        *,
        acked: Acked,
        session_ended: SessionEnded,
    ) -> None:
        self.queue = queue
        self._in_hand = in_hand
        prefetch = settings.prefetch_of.get(queue, settings.prefetch)
        self._intake = Intake(
            prefetch,
            largest=settings.max_body,
            room=settings.max_in_hand,
            queues=len(settings.queues),
        )
        self._adjusting: asyncio.Task[None] | None = None
        self._settler = settler
        self._handler = handler
        self._acked = acked
        self._session_ended = session_ended
        self._session = ""
        self._slots = asyncio.Semaphore(prefetch)
        self._flights: set[asyncio.Task[bool]] = set()
        self.handed_out = 0
        self._stopping = False
        self._channel: AmqpChannel | None = None
        self._consumer_tag: str | None = None
        self._second_tag: str | None = None
        self._looks: Declarer | None = None
        self._quiet = (0, 0.0)

    @property
    def is_consuming(self) -> bool:
        """Whether the broker hands us this queue's messages."""
        return self._consumer_tag is not None and bool(self._channel and self._channel.is_open)

    @property
    def flights(self) -> AbstractSet["asyncio.Task[bool]"]:
        """What is in flight: handled or being settled."""
        return frozenset(self._flights)

    async def start(self, connection: AmqpConnection) -> AmqpChannel:
        """Consume on a new channel, which is returned. Raises ChannelLost."""
        self._consumer_tag = self._second_tag = None
        self._intake.begin()
        if self._session:
            await self._session_ended(self._session)
        session = self._session = uuid4().hex
        channel = self._channel = await connection.open_channel()
        self._looks = Declarer(connection)

        def on_message(method: Basic.Deliver, properties: BasicProperties, body: bytes) -> None:
            message = inbound(
                self.queue,
                properties,
                body,
                redelivered=bool(method.redelivered),
                session=session,
                tag=method.delivery_tag,
            )
            self.handed_out += 1
            flight = asyncio.create_task(self._fly(Delivery(message, channel, method.delivery_tag)))
            self._flights.add(flight)
            number = self._in_hand.take(len(body), message)
            flight.add_done_callback(partial(self._landed, number))
            change = self._intake.came(len(body), self._in_hand, flight.get_loop().time())
            if change is not None:
                self._adjusting = asyncio.create_task(
                    self._adjust(channel, change, on_message, self._adjusting)
                )

        await channel.limit(self._intake.always)
        self._consumer_tag = await channel.consume(self.queue, on_message)
        _log.info("consuming", queue=self.queue)
        return channel

    async def _adjust(
        self,
        channel: AmqpChannel,
        change: Change,
        on_message: OnMessage,
        before: "asyncio.Task[None] | None",
    ) -> None:
        """Begin or end a second consumer: the broker applies another prefetch to new ones only."""
        if before is not None:
            await asyncio.wait([before])
        with suppress(ChannelLost):
            if change is Change.MORE and not self._stopping:
                await channel.limit(self._intake.more)
                self._second_tag = await channel.consume(self.queue, on_message)
            elif change is Change.LESS and self._second_tag is not None:
                tag, self._second_tag = self._second_tag, None
                await channel.cancel(tag)

    async def take_no_more(self) -> None:
        """End the consumer, so that the broker gives what comes to others. pika rejects what was
        already on its way, which costs those few messages one delivery count; holding a prefetch
        full of them until the end of the grace would cost more of them the same."""
        self._stopping = True
        tags = [tag for tag in (self._consumer_tag, self._second_tag) if tag is not None]
        self._consumer_tag = self._second_tag = None
        if self._channel is None or not self._channel.is_open:
            return
        try:
            async with asyncio.timeout(_CANCEL_TIMEOUT):
                await asyncio.gather(*(self._channel.cancel(tag) for tag in tags))
        except (ChannelLost, TimeoutError):
            return

    async def idle_since(self) -> int | None:
        """How many messages were ever handed out, if the queue is empty and nothing is in flight,
        else None."""
        if self._flights or self._looks is None or not self.is_consuming:
            return None
        try:
            seen = await self._looks.counts(self.queue)
        except ChannelLost:
            return None
        if seen is None or self._flights:
            return None
        is_empty = self._is_quiet() if seen.ready is None else seen.ready == 0
        return self.handed_out if is_empty else None

    def _is_quiet(self) -> bool:
        """Whether nothing was handed out for a while: all that can be known of a queue that this
        user may not look at."""
        now = asyncio.get_running_loop().time()
        if self._quiet[0] != self.handed_out or not self._quiet[1]:
            self._quiet = (self.handed_out, now)
        return now - self._quiet[1] >= _QUIET

    def _landed(self, number: int, flight: "asyncio.Task[bool]") -> None:
        self._flights.discard(flight)
        self._in_hand.let_go(number, is_settled=not flight.cancelled() and flight.result())

    async def _fly(self, delivery: Delivery) -> bool:
        """Whether the message is settled, or not ours any more."""
        async with self._slots:
            if delivery.is_stale or self._stopping:
                return delivery.is_stale
            try:
                await self._handle(delivery)
            except asyncio.CancelledError:
                await self._return(delivery)
                raise
            except Exception as error:  # noqa: BLE001 - a fault of ours must not lock up a message
                _log.exception(
                    "handler failed; the message is handed back",
                    queue=self.queue,
                    error=type(error).__name__,
                )
                await self._return(delivery)
                return False
            return True

    async def _handle(self, delivery: Delivery) -> None:
        if delivery.message.delivery_count >= RENEW_AT:
            await self._settler.renew(delivery)
            return
        settlement = await self._handler(delivery.message)
        if await self._settler.store(delivery, settlement.copies):
            for claim in settlement.claims:
                await self._acked(claim)
            delivery.ack()

    async def _return(self, delivery: Delivery) -> None:
        # Unless we stop, it would come back at once and be handed back again.
        if not self._stopping:
            await asyncio.sleep(_HAND_BACK_PAUSE)
        delivery.hand_back()
