"""Looks at dead letters without losing or reordering one."""

import asyncio
from collections.abc import Callable, Sequence

from pika.spec import Basic, BasicProperties

from adapters.rabbitmq.amqp_channel import NOT_FOUND, AmqpChannel, ChannelLost
from adapters.rabbitmq.connection import AmqpConnection, connect
from adapters.rabbitmq.messages import Delivery, inbound
from adapters.rabbitmq.plan import dead_queue_name
from adapters.rabbitmq.publish_link import PublishLink
from adapters.rabbitmq.settings import RabbitSettings
from adapters.wire.inbound import (
    BrokerUnavailable,
    Decision,
    InboundMessage,
    Release,
    Remove,
)

_BATCH = 256
"""Letters whose bodies are in memory at a time."""
_PATIENCE = 2.0
"""Seconds without a letter, after which the rest must be in somebody else's hands."""


class RabbitDeadLetters:
    """The DeadLetters contract over RabbitMQ.

    A letter that was looked at stays unacked until the end, so that it is not shown twice. Each
    batch has a channel of its own: its consumer is ended once the batch is here, so that removing
    a letter fetches no other. The channels are closed in order, which puts the letters back in
    order; a connection that dies meanwhile may put batches back out of order, never lose one.
    """

    def __init__(self, settings: RabbitSettings, *, batch: int = _BATCH) -> None:
        self._settings = settings
        self._batch = batch
        self._link = PublishLink(settings.url, "dispatcher releases")

    async def visit(self, queue: str, decide: Callable[[InboundMessage], Decision]) -> int:
        """Show `decide` every letter that is there now, oldest first, and do what it says; what
        dies meanwhile is not shown. Raises BrokerUnavailable or PublishRefused."""
        connection = await connect(self._settings.url, "dispatcher dead letters")
        held: list[AmqpChannel] = []
        try:
            return await self._visit(connection, queue, decide, held)
        except ChannelLost as lost:
            raise BrokerUnavailable(f"the letters of {queue}: {lost}") from lost
        finally:
            for channel in held:
                await channel.close()
            await connection.close()

    async def close(self) -> None:
        """Let go of the connection. May be called twice."""
        await self._link.close()

    async def _visit(
        self,
        connection: AmqpConnection,
        queue: str,
        decide: Callable[[InboundMessage], Decision],
        held: list[AmqpChannel],
    ) -> int:
        remaining = await _count(connection, dead_queue_name(queue))
        shown = 0
        while remaining > 0:
            wanted = min(self._batch, remaining)
            held.append(await connection.open_channel())
            letters = await _fetch(held[-1], queue, wanted)
            await self._carry_out(queue, letters, decide)
            shown += len(letters)
            remaining = remaining - wanted if len(letters) == wanted else 0
        return shown

    async def _carry_out(
        self, queue: str, letters: Sequence[Delivery], decide: Callable[[InboundMessage], Decision]
    ) -> None:
        decisions = [decide(letter.message) for letter in letters]
        # Together, since each waits for a confirm; gather starts them in the letters' order.
        results = await asyncio.gather(
            *(self._do(queue, *each) for each in zip(letters, decisions, strict=True)),
            return_exceptions=True,
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _do(self, queue: str, letter: Delivery, decision: Decision) -> None:
        if isinstance(decision, Release):
            message = letter.message
            await self._link.publish(
                queue, message.body, properties=message.properties, headers=decision.headers
            )
            letter.ack()
        elif decision is Remove.REMOVE:
            letter.ack()


async def _count(connection: AmqpConnection, dead: str) -> int:
    channel = await connection.open_channel()
    try:
        return await channel.declare_queue(dead, passive=True)
    except ChannelLost as lost:
        if lost.code == NOT_FOUND:
            return 0
        raise


async def _fetch(channel: AmqpChannel, queue: str, wanted: int) -> list[Delivery]:
    arrived: asyncio.Queue[Delivery] = asyncio.Queue()

    def on_message(method: Basic.Deliver, properties: BasicProperties, body: bytes) -> None:
        message = inbound(queue, properties, body, redelivered=bool(method.redelivered))
        arrived.put_nowait(Delivery(message, channel, method.delivery_tag))

    await channel.limit(wanted)
    tag = await channel.consume(dead_queue_name(queue), on_message)
    letters: list[Delivery] = []
    try:
        while len(letters) < wanted:
            async with asyncio.timeout(_PATIENCE):
                letters.append(await arrived.get())
    except TimeoutError:
        pass
    await channel.cancel(tag)
    return letters
