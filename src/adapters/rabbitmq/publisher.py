"""What publishes: a connection with confirms, and the Publisher contract over it.

The publishing connection is not the consuming one, because a broker short of memory or disk stops
reading from connections that publish, and acks must still get through.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict

from pika import DeliveryMode
from pika.spec import BasicProperties

from adapters.inbound.contract import BrokerUnavailable, PublishRefused, TopologyMismatch
from adapters.message_format.rules import Properties
from adapters.rabbitmq.amqp_channel import ChannelLost
from adapters.rabbitmq.confirms import ConfirmingChannel
from adapters.rabbitmq.connection import AmqpConnection, asking, connect
from adapters.rabbitmq.parameters import BrokerAddress
from adapters.rabbitmq.preparing import Preparer
from adapters.rabbitmq.settings import EXCHANGE, RabbitSettings, dead_queue_name
from domain.events import ALARM, TroubleBegan, TroubleEnded
from domain.ports import EventSink, NoObserver

CONFIRM_TIMEOUT = 60.0
"""Seconds; a broker short of memory or disk may take messages in and say nothing for hours."""


class PublishLink:
    """Opened when first needed, and again after a loss; whoever publishes decides when to retry.
    Everything goes through one exchange, `dispatcher`, so no right on the default one is needed."""

    def __init__(
        self,
        address: Callable[[], BrokerAddress],
        name: str,
        events: EventSink | None = None,
        *,
        exchange: str = EXCHANGE,
        mandatory: bool = True,
        prepare: Callable[[AmqpConnection], Awaitable[None]] | None = None,
    ) -> None:
        """`address` is asked before each connection. `events` gets why the broker takes no messages
        in, and that it does so again. `mandatory`: a message that no queue takes is refused.
        `prepare` is called before each new channel is used; it raises TopologyMismatch or
        ChannelLost."""
        self._address = address
        self._name = name
        self._exchange = exchange
        self._mandatory = mandatory
        self._prepare = prepare
        self._events = events or NoObserver()
        self._blocked_by: str | None = None
        self._connection: AmqpConnection | None = None
        self._channel: ConfirmingChannel | None = None
        self._opening: asyncio.Task[ConfirmingChannel] | None = None

    @property
    def blocked_by(self) -> str | None:
        """Why the broker says that it takes no messages in; None while it takes them."""
        return self._blocked_by

    async def publish(
        self,
        queue: str,
        body: bytes,
        *,
        properties: Properties,
        headers: Mapping[str, str | int],
    ) -> None:
        """Store a persistent message in `queue`, or under that key in whatever is bound for it;
        return once the broker has confirmed it. Raises BrokerUnavailable or PublishRefused."""
        channel = await self._ready()
        carried = BasicProperties(
            headers=dict(headers), delivery_mode=DeliveryMode.Persistent, **asdict(properties)
        )
        await channel.publish(self._exchange, queue, body, carried)
        if (
            self._blocked_by is not None
        ):  # it may have ended while there was no connection to say so
            self._blocked(None)

    async def connection(self) -> AmqpConnection:
        """The open connection, for declarations. Raises BrokerUnavailable."""
        await self._ready()
        if self._connection is None:
            raise BrokerUnavailable("the publishing connection was closed")
        return self._connection

    async def close(self) -> None:
        """Let go of the connection. May be called twice."""
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.wait({self._opening})
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None:
            await connection.close()

    async def _ready(self) -> ConfirmingChannel:
        if self._channel is not None and self._channel.is_open:
            return self._channel
        if self._opening is None:
            self._opening = asyncio.create_task(self._open())
            self._opening.add_done_callback(self._opened)
        # Shielded: one caller that gives up must not take the connection from the others.
        return await asyncio.shield(self._opening)

    def _blocked(self, reason: str | None) -> None:
        self._blocked_by = reason
        if reason is None:
            self._events.emit(TroubleEnded(ALARM))
        else:
            error = f"the broker takes no messages in: {reason}"
            self._events.emit(TroubleBegan(ALARM, error))

    def _opened(self, opening: "asyncio.Task[ConfirmingChannel]") -> None:
        self._opening = None
        if not opening.cancelled():
            opening.exception()

    async def _open(self) -> ConfirmingChannel:
        if self._connection is None or not self._connection.is_open:
            self._connection = await connect(self._address(), self._name)
            self._connection.when_blocked(self._blocked)
        async with asking("no channel for publishing"):
            if self._prepare is not None:
                await self._prepare(self._connection)
            channel = await self._connection.open_channel()
            self._channel = await ConfirmingChannel.open(channel, mandatory=self._mandatory)
        return self._channel


class RabbitPublisher:
    """The Publisher contract over RabbitMQ. A queue is prepared before its first message."""

    def __init__(self, settings: RabbitSettings) -> None:
        self._preparer = Preparer(settings)
        self._link = PublishLink(lambda: settings.address, "dispatcher publisher")
        self._prepared: set[str] = set()

    async def publish(
        self, queue: str, body: bytes, *, properties: Properties, headers: Mapping[str, str | int]
    ) -> None:
        await self._store(queue, queue, body, properties, headers)

    async def bury(
        self, queue: str, body: bytes, *, properties: Properties, headers: Mapping[str, str | int]
    ) -> None:
        await self._store(queue, dead_queue_name(queue), body, properties, headers)

    async def close(self) -> None:
        await self._link.close()

    async def _store(
        self,
        queue: str,
        target: str,
        body: bytes,
        properties: Properties,
        headers: Mapping[str, str | int],
    ) -> None:
        try:
            async with asyncio.timeout(CONFIRM_TIMEOUT):
                await self._prepare(queue)
                await self._link.publish(target, body, properties=properties, headers=headers)
        except TimeoutError:
            await self._link.close()
            text = f"no confirm within {CONFIRM_TIMEOUT:.0f} s; it may or may not be stored"
            raise BrokerUnavailable(text) from None
        except (PublishRefused, BrokerUnavailable):
            self._prepared.discard(queue)
            raise

    async def _prepare(self, queue: str) -> None:
        if queue in self._prepared:
            return
        try:
            exists = await self._preparer.prepare(await self._link.connection(), queue)
        except TopologyMismatch as error:
            raise PublishRefused(str(error)) from error
        except ChannelLost as lost:
            if lost.code:
                raise PublishRefused(lost.text) from lost
            raise BrokerUnavailable(lost.text) from lost
        if not exists:
            raise PublishRefused(f"queue {queue} does not exist, and its producer declares it")
        self._prepared.add(queue)
