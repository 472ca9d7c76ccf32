"""Acks of one turn go out together, and never stand for a message that was not acked."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

from hypothesis import given, strategies
from pika.channel import Channel

from adapters.rabbitmq.amqp_channel import AmqpChannel


class BrokerSide:
    """A channel as the broker sees it: what is delivered and not settled. Stands for pika's."""

    def __init__(self) -> None:
        self.is_open, self.is_closed = True, False
        self.unsettled: list[int] = []
        self.frames: list[tuple[int, bool]] = []
        self.delivered = 0
        self.cancel: Callable[[object], None]
        self._deliver: Callable[..., None]

    def add_on_close_callback(self, _callback: object) -> None:
        pass

    def add_on_cancel_callback(self, callback: Callable[[object], None]) -> None:
        self.cancel = callback

    def basic_consume(self, _queue: str, callback: Callable[..., None], **given: Any) -> None:
        self._deliver = given["on_message_callback"]
        callback(SimpleNamespace(method=SimpleNamespace(consumer_tag="c-1")))

    def deliver(self) -> None:
        self.delivered += 1
        self.unsettled.append(self.delivered)
        self._deliver(self, SimpleNamespace(delivery_tag=self.delivered), None, b"")

    def basic_ack(self, tag: int, multiple: bool = False) -> None:
        self.frames.append((tag, multiple))
        # RabbitMQ closes the channel with PRECONDITION_FAILED on a tag that it does not wait for.
        assert tag in self.unsettled, f"unknown delivery tag {tag}"
        self.unsettled = [
            one for one in self.unsettled if one != tag and not (multiple and one < tag)
        ]

    def basic_nack(self, tag: int, requeue: bool) -> None:
        assert requeue
        self.unsettled.remove(tag)

    def close(self) -> None:
        self.is_open, self.is_closed = False, True


async def consuming() -> tuple[BrokerSide, AmqpChannel]:
    broker = BrokerSide()
    channel = AmqpChannel(cast(Channel, broker))
    await channel.consume("email", lambda *_: None)
    return broker, channel


def test_one_frame_stands_for_all_that_are_next_in_line() -> None:
    async def scenario() -> None:
        broker, channel = await consuming()
        for _ in range(6):
            broker.deliver()

        for tag in (2, 1, 3, 6):
            channel.ack(tag)
        await asyncio.sleep(0)

        assert broker.frames == [(3, True), (6, False)]
        assert broker.unsettled == [4, 5]

        channel.ack(5)
        await asyncio.sleep(0)
        channel.ack(4)
        await asyncio.sleep(0)
        assert broker.frames[2:] == [(5, False), (4, False)]
        assert broker.unsettled == []

    asyncio.run(scenario())


def test_an_ack_just_before_the_end_still_goes_out() -> None:
    async def scenario() -> None:
        broker, channel = await consuming()
        broker.deliver()

        channel.ack(1)
        closing = asyncio.create_task(channel.close())
        await asyncio.sleep(0)

        assert broker.frames == [(1, False)]
        assert broker.is_closed
        closing.cancel()

    asyncio.run(scenario())


def test_what_could_not_be_handed_back_is_not_acked_with_others() -> None:
    async def scenario() -> None:
        broker, channel = await consuming()
        for _ in range(3):
            broker.deliver()

        channel.ack(2)
        channel.ack(3)
        broker.cancel(None)  # the queue is gone, the channel is not
        channel.hand_back(1)
        await asyncio.sleep(0)

        assert broker.frames == [(2, False), (3, False)]
        assert broker.unsettled == [1]

    asyncio.run(scenario())


@given(strategies.lists(strategies.tuples(strategies.integers(0, 3), strategies.integers(0, 9))))
def test_exactly_what_was_acked_is_acked(steps: list[tuple[int, int]]) -> None:
    async def scenario() -> None:
        broker, channel = await consuming()
        held: list[int] = []
        for action, which in steps:
            if action == 0 or not held:
                broker.deliver()
                held.append(broker.delivered)
            elif action == 1:
                channel.ack(held.pop(which % len(held)))
            elif action == 2:
                channel.hand_back(held.pop(which % len(held)))
            else:
                await asyncio.sleep(0)
                assert broker.unsettled == held
        await asyncio.sleep(0)
        assert broker.unsettled == held

    asyncio.run(scenario())
