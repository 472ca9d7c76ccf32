"""The publishing connection. It is not the consuming one, because a broker short of memory or disk
stops reading from connections that publish, and acks must still get through."""

import asyncio
from collections.abc import Mapping

from pika import DeliveryMode
from pika.spec import BasicProperties

from adapters.inbound.contract import BrokerUnavailable
from adapters.message_format.properties import Properties
from adapters.rabbitmq.confirms import ConfirmingChannel
from adapters.rabbitmq.connection import AmqpConnection, asking, connect
from adapters.rabbitmq.parameters import BrokerAddress
from adapters.rabbitmq.plan import EXCHANGE
from domain.events import ALARM, TroubleBegan, TroubleEnded
from domain.ports import EventSink, NoObserver


class PublishLink:
    """Opened when first needed, and again after a loss; whoever publishes decides when to retry.
    Everything goes through the exchange `dispatcher`, so no right on the default one is needed."""

    def __init__(
        self,
        address: BrokerAddress,
        name: str,
        events: EventSink | None = None,
    ) -> None:
        """`events` gets why the broker takes no messages in, and that it does so again."""
        self._address = address
        self._name = name
        self._events = events or NoObserver()
        self._is_blocked = False
        self._connection: AmqpConnection | None = None
        self._channel: ConfirmingChannel | None = None
        self._opening: asyncio.Task[ConfirmingChannel] | None = None

    async def publish(
        self,
        queue: str,
        body: bytes,
        *,
        properties: Properties,
        headers: Mapping[str, str | int],
    ) -> None:
        """Store a persistent message in `queue`; return once the broker has confirmed it. Raises
        BrokerUnavailable or PublishRefused."""
        channel = await self._ready()
        await channel.publish(EXCHANGE, queue, body, amqp_properties(properties, headers))
        if self._is_blocked:  # it may have ended while there was no connection to say so
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
        self._is_blocked = reason is not None
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
            self._connection = await connect(self._address, self._name)
            self._connection.when_blocked(self._blocked)
        async with asking("no channel for publishing"):
            self._channel = await ConfirmingChannel.open(await self._connection.open_channel())
        return self._channel


def amqp_properties(properties: Properties, headers: Mapping[str, str | int]) -> BasicProperties:
    """What a copy carries: the whitelist, delivery mode 2 and exactly these headers."""
    return BasicProperties(
        content_type=properties.content_type,
        content_encoding=properties.content_encoding,
        headers=dict(headers),
        delivery_mode=DeliveryMode.Persistent,
        priority=properties.priority,
        correlation_id=properties.correlation_id,
        message_id=properties.message_id,
        timestamp=properties.timestamp,
        type=properties.type,
        app_id=properties.app_id,
    )
