"""One AMQP channel: pika's callbacks as futures, its deliveries as the contract's messages. Nothing
escapes a callback, since pika answers an exception there by dropping the connection."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from operator import attrgetter
from types import NoneType
from typing import Any, TypeVar

import structlog
from pika.channel import Channel
from pika.exceptions import (
    AMQPError,
    ChannelClosed,
    ConnectionClosed,
)
from pika.spec import Basic, BasicProperties

from adapters.inbound.contract import InboundMessage
from adapters.message_format.rules import Properties
from adapters.rabbitmq.acks import Acks
from domain.errors import DispatcherError

_log = structlog.get_logger()

_T = TypeVar("_T")

OnMessage = Callable[[Basic.Deliver, BasicProperties, bytes], None]
OnConfirm = Callable[[int, bool, bool], None]
"""Called with delivery tag, multiple, and whether it is an ack rather than a nack."""

NOT_FOUND = 404
ACCESS_REFUSED = 403
PRECONDITION_FAILED = 406

# From 4.3 on a message that is handed back counts only in the second.
_COUNTS = ("x-delivery-count", "x-acquired-count")
_TEXTS = ("content_type", "content_encoding", "correlation_id", "message_id", "type", "app_id")
_texts_of = attrgetter(*_TEXTS)
_TEXT_OR_NONE = frozenset((str, NoneType))


class ChannelLost(DispatcherError):
    """The channel is gone: the broker closed it, cancelled its consumer, or the connection went.

    `code` is the broker's reply code (AMQP 0-9-1 section 1.2), 0 where it gave none.
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{text} ({code})" if code else text)
        self.code = code
        self.text = text


class AmqpChannel:
    """An open channel. Delivery tags belong to it alone: an ack through a channel that is gone is
    dropped, because the broker has already handed the message to another consumer.

    `ended` is done once the channel or its consumer is gone.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._acks = Acks(channel)
        self._waiting: set[asyncio.Future[Any]] = set()
        self.ended: asyncio.Future[ChannelLost] = asyncio.get_running_loop().create_future()
        channel.add_on_close_callback(self._on_close)
        # The broker does this when the queue is deleted or moves, and from 4.3 on after its
        # consumer timeout. The connection stays healthy, but no message would ever come again.
        cancelled = ChannelLost(0, "the broker cancelled the consumer")
        channel.add_on_cancel_callback(lambda _: resolve(self.ended, cancelled))

    @property
    def is_open(self) -> bool:
        """Whether deliveries of this channel can still be acked."""
        return bool(self._channel.is_open) and not self.ended.done()

    async def declare_queue(self, name: str, arguments: Mapping[str, object]) -> None:
        """Declare a durable queue. Raises ChannelLost with ACCESS_REFUSED or
        PRECONDITION_FAILED."""
        await self._call(self._channel.queue_declare, name, durable=True, arguments=dict(arguments))

    async def look(self, queue: str) -> tuple[int, int]:
        """How many messages are ready in a queue, and how many consumers it has. Raises
        ChannelLost with NOT_FOUND or ACCESS_REFUSED."""
        reply = await self._call(self._channel.queue_declare, queue, passive=True)
        return int(reply.method.message_count), int(reply.method.consumer_count)

    async def declare_exchange(
        self, name: str, kind: str = "direct", *, passive: bool = False
    ) -> None:
        """Declare a durable exchange of a type, or with `passive` only look. Raises ChannelLost."""
        await self._call(self._channel.exchange_declare, name, kind, passive=passive, durable=True)

    async def bind(self, queue: str, exchange: str, routing_key: str) -> None:
        """Bind; nothing happens where the binding is there already. Raises ChannelLost."""
        await self._call(self._channel.queue_bind, queue, exchange, routing_key)

    async def limit(self, prefetch: int) -> None:
        """Let each consumer of this channel hold at most `prefetch` unacked messages.
        Never the global flag: quorum queues answer it with an error."""
        await self._call(self._channel.basic_qos, prefetch_count=prefetch, global_qos=False)

    async def consume(
        self,
        queue: str,
        on_message: OnMessage,
        arguments: Mapping[str, object] | None = None,
    ) -> str:
        """Start a consumer and return its tag. Raises ChannelLost."""

        def on_delivery(
            _: Channel, method: Basic.Deliver, properties: BasicProperties, body: bytes
        ) -> None:
            self._acks.delivered(method.delivery_tag)
            try:
                on_message(method, properties, body)
            except Exception as error:  # noqa: BLE001 - it would make pika drop the connection
                _log.error("a delivery could not be taken in", error=type(error).__name__)

        reply = await self._call(
            self._channel.basic_consume,
            queue,
            on_message_callback=on_delivery,
            arguments=dict(arguments or {}),
        )
        return str(reply.method.consumer_tag)

    async def cancel(self, consumer_tag: str) -> None:
        """End a consumer; what it holds stays ours to ack. Raises ChannelLost."""
        await self._call(self._channel.basic_cancel, consumer_tag)

    async def select_confirms(
        self, on_confirm: OnConfirm, on_return: Callable[[str, str], None]
    ) -> None:
        """Ask for confirms. `on_return` gets the routing key and the broker's words; a return
        comes before the confirm of the same message. Raises ChannelLost."""

        def confirmed(frame: Any) -> None:
            method = frame.method
            on_confirm(method.delivery_tag, method.multiple, isinstance(method, Basic.Ack))

        self._channel.add_on_return_callback(
            lambda _, method, *__: on_return(str(method.routing_key), str(method.reply_text))
        )
        await self._call(self._channel.confirm_delivery, confirmed)

    def publish(
        self,
        exchange: str,
        routing_key: str,
        body: bytes,
        properties: BasicProperties,
        *,
        mandatory: bool = True,
    ) -> None:
        """Send a message; a `mandatory` one comes back where no queue takes it. Raises
        ChannelLost."""
        try:
            self._channel.basic_publish(exchange, routing_key, body, properties, mandatory)
        except AMQPError as error:
            raise self._lost(error) from error

    def ack(self, delivery_tag: int) -> None:
        """Acknowledge one message in the loop's next turn, unless the channel is gone."""
        if not self.ended.done():
            self._acks.ack(delivery_tag)

    def hand_back(self, delivery_tag: int) -> None:
        """Return one message to its queue. It counts as a delivery, so never do this in a loop."""
        if self.is_open:
            self._acks.handed_back(delivery_tag)
            self._channel.basic_nack(delivery_tag, requeue=True)

    async def close(self) -> None:
        """Close; what is unacked goes back to its queue. Returns when the broker has agreed."""
        if not self._channel.is_closed:
            with suppress(ChannelLost):  # which is how all who wait learn of it
                await self._call(self._begin_to_close)

    def _begin_to_close(self, callback: object) -> None:
        """Never calls back."""
        self._acks.write()
        if self._channel.is_open:
            self._channel.close()

    async def _call(self, method: Callable[..., object], *args: object, **kwargs: object) -> Any:
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.add(reply)
        try:
            method(*args, callback=partial(resolve, reply), **kwargs)
            return await reply
        except AMQPError as error:
            raise self._lost(error) from error
        finally:
            self._waiting.discard(reply)

    def _lost(self, error: AMQPError) -> ChannelLost:
        return self.ended.result() if self.ended.done() else ChannelLost(0, str(error))

    def _on_close(self, _: Channel, reason: Exception) -> None:
        if isinstance(reason, ChannelClosed | ConnectionClosed):
            lost = ChannelLost(reason.reply_code, reason.reply_text)
        else:
            lost = ChannelLost(0, str(reason) or type(reason).__name__)
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_exception(lost)
        resolve(self.ended, lost)


def resolve(future: "asyncio.Future[_T]", result: _T) -> None:
    """Set the result, unless there is one already, or the wait was given up."""
    if not future.done():
        future.set_result(result)


def inbound(
    queue: str,
    method: Basic.Deliver,
    properties: BasicProperties,
    body: bytes,
    session: str = "",
) -> InboundMessage:
    """Read a delivery; what a strange client put into properties is dropped, never raised."""
    headers = properties.headers or {}
    texts = dict(zip(_TEXTS, _texts_of(properties), strict=True))
    # pika leaves a short string that is not UTF-8 as bytes.
    if not _TEXT_OR_NONE.issuperset(map(type, texts.values())):
        texts = {name: text for name, text in texts.items() if isinstance(text, str)}
    return InboundMessage(
        queue=queue,
        body=body,
        headers=headers,
        properties=Properties(
            priority=properties.priority, timestamp=properties.timestamp, **texts
        ),
        redelivered=bool(method.redelivered),
        delivery_count=_deliveries(headers) if headers else 0,
        session=session,
        tag=method.delivery_tag,
    )


def _deliveries(headers: Mapping[str, object]) -> int:
    counts = (headers.get(name) for name in _COUNTS)
    return max(0, *(count if isinstance(count, int) else 0 for count in counts))
