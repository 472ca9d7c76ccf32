"""Looks at dead letters without losing or reordering one."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from pika.spec import Basic, BasicProperties

from adapters.inbound.contract import (
    BrokerUnavailable,
    Decide,
    Decision,
    InboundMessage,
    Keep,
    Release,
    not_told,
)
from adapters.rabbitmq.amqp_channel import NOT_FOUND, AmqpChannel, ChannelLost
from adapters.rabbitmq.connection import AmqpConnection, connect
from adapters.rabbitmq.messages import Delivery, inbound
from adapters.rabbitmq.plan import dead_queue_name
from adapters.rabbitmq.publish_link import PublishLink
from adapters.rabbitmq.settings import RabbitSettings

_BATCH = 256
"""Letters whose bodies are in memory at a time."""
_PATIENCE = 2.0
"""Seconds without a dead letter, after which another consumer must hold the rest."""
_CONFIRM_TIMEOUT = 60.0
"""Seconds; a broker short of memory or disk may take messages in and say nothing for hours."""
_COUNT_TIMEOUT = 10.0
"""Seconds; a broker short of memory or disk does not read from a connection that has published."""
_BACK_TIMEOUT = 1.0
_BACK_LOOK = 0.005


@dataclass(slots=True)
class _Batch:
    """So many letters were fetched over this channel; `unacked` of them are still the broker's."""

    channel: AmqpChannel
    fetched: int = 0
    unacked: int = 0


@dataclass(frozen=True, slots=True)
class _Judge:
    """Who decides, and what is called once it is done."""

    decide: Decide
    done: Callable[[InboundMessage], None]


class RabbitDeadLetters:
    """The DeadLetters contract over RabbitMQ.

    A letter that was looked at stays unacked until the end, so that it is not shown twice. Each
    batch has its own channel and a consumer that is ended once the batch is here, so that removing
    a letter fetches no other. Closing a channel hands its letters back in order; the channels are
    closed one after the other, each only once the letters of the one before are back. A connection
    that dies meanwhile may put batches back out of order, never lose a letter. Visits of one
    process wait for one another, since neither would see what the other holds.
    """

    def __init__(self, settings: RabbitSettings, *, batch: int = _BATCH) -> None:
        self._settings = settings
        self._batch = batch
        self._link = PublishLink(settings.address, "dispatcher releases")
        self._visiting = asyncio.Lock()

    async def count(self, queue: str) -> int:
        """Return how many dead letters are there, without those a consumer holds; 0 where the queue
        does not exist. Keeps the connection for the next time. Raises BrokerUnavailable."""
        try:
            async with asyncio.timeout(_COUNT_TIMEOUT):
                counting = await (await self._link.connection()).open_channel()
                count = await counting.declare_queue(dead_queue_name(queue), passive=True)
                await counting.close()
        except ChannelLost as lost:
            if lost.code == NOT_FOUND:
                return 0
            raise BrokerUnavailable(f"the letters of {queue}: {lost}") from lost
        except TimeoutError:
            text = f"the letters of {queue}: no answer within {_COUNT_TIMEOUT:.0f} s"
            raise BrokerUnavailable(text) from None
        return count

    async def visit(
        self, queue: str, decide: Decide, done: Callable[[InboundMessage], None] = not_told
    ) -> int:
        """Show `decide` every letter that is there now, oldest first, and do what it says; what
        dies meanwhile is not shown. Raises BrokerUnavailable or PublishRefused."""
        async with self._visiting:
            return await self._visit_alone(queue, _Judge(decide, done))

    async def close(self) -> None:
        """Let go of the connection. May be called twice."""
        await self._link.close()

    async def _visit_alone(self, queue: str, judge: _Judge) -> int:
        connection = await connect(self._settings.address, "dispatcher dead letters")
        batches: list[_Batch] = []
        try:
            counting = await connection.open_channel()
            try:
                await self._visit(connection, counting, queue, judge, batches)
            finally:
                with suppress(ChannelLost):
                    await _put_back(counting, dead_queue_name(queue), batches)
        except ChannelLost as lost:
            if lost.code != NOT_FOUND:
                raise BrokerUnavailable(f"the letters of {queue}: {lost}") from lost
        finally:
            await connection.close()
        return sum(batch.fetched for batch in batches)

    async def _visit(
        self,
        connection: AmqpConnection,
        counting: AmqpChannel,
        queue: str,
        judge: _Judge,
        batches: list[_Batch],
    ) -> None:
        remaining = await counting.declare_queue(dead_queue_name(queue), passive=True)
        while remaining > 0:
            wanted = min(self._batch, remaining)
            batch = _Batch(await connection.open_channel())
            batches.append(batch)
            letters = await _fetch(batch, queue, wanted)
            await self._carry_out(queue, batch, letters, judge)
            remaining = remaining - wanted if len(letters) == wanted else 0

    async def _carry_out(
        self,
        queue: str,
        batch: _Batch,
        letters: Sequence[Delivery],
        judge: _Judge,
    ) -> None:
        # Each waits for a confirm, while the next is judged; tasks start in the letters' order.
        under_way: list[asyncio.Task[None]] = []
        try:
            for letter in letters:
                decision = await judge.decide(letter.message)
                if any(task.done() and task.exception() for task in under_way):
                    break
                if not isinstance(decision, Keep):
                    work = self._do(queue, batch, letter, decision, judge)
                    under_way.append(asyncio.create_task(work))
        finally:
            results = await asyncio.gather(*under_way, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _do(
        self, queue: str, batch: _Batch, letter: Delivery, decision: Decision, judge: _Judge
    ) -> None:
        if letter.is_stale:
            raise BrokerUnavailable(f"the letters of {queue} went back: their channel has ended")
        if isinstance(decision, Release):
            await self._release(queue, letter.message, decision)
        letter.ack()
        batch.unacked -= 1
        judge.done(letter.message)

    async def _release(self, queue: str, message: InboundMessage, release: Release) -> None:
        body = message.body if release.body is None else release.body
        try:
            async with asyncio.timeout(_CONFIRM_TIMEOUT):
                await self._link.publish(
                    queue,
                    body,
                    properties=release.properties or message.properties,
                    headers=release.headers,
                )
        except TimeoutError:
            text = f"no confirm within {_CONFIRM_TIMEOUT:.0f} s; it stays, perhaps twice"
            raise BrokerUnavailable(text) from None


async def _fetch(batch: _Batch, queue: str, wanted: int) -> list[Delivery]:
    letters: list[Delivery] = []
    arrived: asyncio.Queue[Delivery] = asyncio.Queue()

    def on_message(method: Basic.Deliver, properties: BasicProperties, body: bytes) -> None:
        message = inbound(queue, properties, body, redelivered=bool(method.redelivered))
        arrived.put_nowait(Delivery(message, batch.channel, method.delivery_tag))

    await batch.channel.limit(wanted)
    tag = await batch.channel.consume(dead_queue_name(queue), on_message)
    with suppress(TimeoutError):
        while len(letters) < wanted:
            async with asyncio.timeout(_PATIENCE):
                letters.append(await arrived.get())
    batch.fetched = batch.unacked = len(letters)
    await batch.channel.cancel(tag)
    return letters


async def _put_back(counting: AmqpChannel, dead: str, batches: list[_Batch]) -> None:
    for batch in batches:
        expected = batch.unacked + await counting.declare_queue(dead, passive=True)
        await batch.channel.close()
        # The broker agrees to the close before the queue has the letters back.
        with suppress(TimeoutError):
            async with asyncio.timeout(_BACK_TIMEOUT):
                while await counting.declare_queue(dead, passive=True) < expected:  # noqa: ASYNC110 - no event says it
                    await asyncio.sleep(_BACK_LOOK)
