"""Looks at dead letters without losing or reordering one."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from pika.spec import Basic, BasicProperties

from adapters.inbound.contract import (
    BrokerUnavailable,
    Decide,
    Decision,
    InboundMessage,
    Keep,
    MayNotLook,
    Release,
    ignored,
)
from adapters.rabbitmq.amqp_channel import (
    ACCESS_REFUSED,
    NOT_FOUND,
    AmqpChannel,
    ChannelLost,
    inbound,
)
from adapters.rabbitmq.connection import AmqpConnection, asking, connected
from adapters.rabbitmq.publisher import CONFIRM_TIMEOUT, PublishLink
from adapters.rabbitmq.settings import RabbitSettings, dead_queue_name

# Dead letters whose bodies are in memory at a time.
_BATCH = 256
# Seconds without a dead letter, after which another consumer must hold the rest.
_PATIENCE = 2.0
# Seconds; a broker short of memory or disk does not read from a connection that has published.
_COUNT_TIMEOUT = 10.0
_BACK_TIMEOUT = 1.0
_BACK_LOOK = 0.005


class RabbitDeadLetters:
    """The DeadLetters contract over RabbitMQ.

    One that was looked at stays unacked until the end, so that it is not shown twice. Each
    batch has its own channel and a consumer that is ended once the batch is here, so that removing
    one fetches no other. Closing a channel hands its dead letters back in order; the channels are
    closed one after the other, each only once those of the one before are back. A connection
    that dies meanwhile may put batches back out of order, never lose a message. Visits of one
    process wait for one another, since neither would see what the other holds. What dies during a
    visit is not shown. The connection that counts is kept for the next time.
    """

    def __init__(self, settings: RabbitSettings, *, batch: int = _BATCH) -> None:
        self._settings = settings
        self._batch = batch
        self._link = PublishLink(lambda: settings.address, "dispatcher releases")
        self._visiting = asyncio.Lock()

    async def count(self, queue: str) -> int:
        async with asking(f"the dead letters of {queue}", _COUNT_TIMEOUT):
            counting = await (await self._link.connection()).open_channel()
            try:
                count, _ = await counting.look(dead_queue_name(queue))
            except ChannelLost as lost:
                if lost.code != NOT_FOUND:
                    raise
                return 0
            await counting.close()
        return count

    async def visit(
        self, queue: str, decide: Decide, done: Callable[[InboundMessage], None] = ignored
    ) -> int:
        visit = _Visit(queue, decide, done, self._link, self._batch)
        async with (
            self._visiting,
            asking(f"the dead letters of {queue}"),
            connected(self._settings.address, "dispatcher dead letters") as connection,
        ):
            try:
                await visit.run(connection)
            except ChannelLost as lost:
                if lost.code == ACCESS_REFUSED:
                    raise MayNotLook(f"the dead letters of {queue}: {lost}") from lost
                if lost.code != NOT_FOUND:
                    raise
        return visit.shown

    async def close(self) -> None:
        await self._link.close()


@dataclass(slots=True)
class _Visit:
    """One look at the dead letters of `queue`, in batches of `most`. `unacked`: how many of what
    was fetched over each channel are still the broker's."""

    queue: str
    decide: Decide
    done: Callable[[InboundMessage], None]
    link: PublishLink
    most: int
    shown: int = 0
    unacked: dict[AmqpChannel, int] = field(default_factory=dict)

    async def run(self, connection: AmqpConnection) -> None:
        """Raises ChannelLost, BrokerUnavailable or PublishRefused."""
        counting = await connection.open_channel()
        try:
            remaining, _ = await counting.look(dead_queue_name(self.queue))
            while remaining > 0:
                wanted = min(self.most, remaining)
                batch = await connection.open_channel()
                self.unacked[batch] = 0
                messages = await self._fetch(batch, wanted)
                await self._carry_out(batch, messages)
                remaining = remaining - wanted if len(messages) == wanted else 0
        finally:
            with suppress(ChannelLost):
                await self._put_back(counting)

    async def _fetch(self, batch: AmqpChannel, wanted: int) -> list[InboundMessage]:
        arrived: asyncio.Queue[InboundMessage] = asyncio.Queue()

        def on_message(method: Basic.Deliver, properties: BasicProperties, body: bytes) -> None:
            arrived.put_nowait(inbound(self.queue, method, properties, body))

        await batch.limit(wanted)
        tag = await batch.consume(dead_queue_name(self.queue), on_message)
        messages: list[InboundMessage] = []
        with suppress(TimeoutError):
            while len(messages) < wanted:
                async with asyncio.timeout(_PATIENCE):
                    messages.append(await arrived.get())
        self.unacked[batch] = len(messages)
        self.shown += len(messages)
        await batch.cancel(tag)
        return messages

    async def _carry_out(self, batch: AmqpChannel, messages: Sequence[InboundMessage]) -> None:
        # Each waits for a confirm, while the next is judged; tasks start in the messages' order.
        under_way: list[asyncio.Task[None]] = []
        try:
            for message in messages:
                decision = await self.decide(message)
                if any(task.done() and task.exception() for task in under_way):
                    break
                if not isinstance(decision, Keep):
                    work = self._do(batch, message, decision)
                    under_way.append(asyncio.create_task(work))
        finally:
            results = await asyncio.gather(*under_way, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _do(self, batch: AmqpChannel, message: InboundMessage, decision: Decision) -> None:
        if not batch.is_open:
            raise BrokerUnavailable(
                f"the dead letters of {self.queue} went back: their channel has ended"
            )
        if isinstance(decision, Release):
            async with asking("it may be released and dead", CONFIRM_TIMEOUT):
                await self.link.publish(
                    self.queue,
                    message.body if decision.body is None else decision.body,
                    properties=decision.properties or message.properties,
                    headers=decision.headers,
                )
        batch.ack(message.tag)
        self.unacked[batch] -= 1
        self.done(message)

    async def _put_back(self, counting: AmqpChannel) -> None:
        dead = dead_queue_name(self.queue)
        for batch, unacked in self.unacked.items():
            expected = unacked + (await counting.look(dead))[0]
            await batch.close()
            # The broker agrees to the close before the queue has its messages back.
            with suppress(TimeoutError):
                async with asyncio.timeout(_BACK_TIMEOUT):
                    while (await counting.look(dead))[0] < expected:  # noqa: ASYNC110 - no event says it
                        await asyncio.sleep(_BACK_LOOK)
