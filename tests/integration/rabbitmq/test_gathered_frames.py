"""Frames of one turn of the event loop are written together, in their order."""

import asyncio

from pika import BasicProperties

from adapters.rabbitmq.connection import connected
from adapters.rabbitmq.parameters import BrokerAddress
from tests.support.consuming import settings_for
from tests.support.rabbit import Broker, Peer

SIZES = (1, 5000, 10, 300_000, 0, 4096, 4097, *range(1, 200))


def test_small_and_large_messages_of_one_turn_arrive_whole_and_in_order(
    rabbitmq: Broker, queue: str
) -> None:
    bodies = [b"%d:" % number + b"x" * size for number, size in enumerate(SIZES)]

    async def publish(address: BrokerAddress) -> None:
        async with connected(address, "a test") as connection:
            channel = await connection.open_channel()
            for body in bodies:
                channel.publish("", queue, body, BasicProperties())
            await channel.close()

    with Peer(rabbitmq.url) as peer:
        peer.declare(queue)
        asyncio.run(publish(settings_for(rabbitmq, queue).address))
        assert [body for _, body in peer.take_all(queue)] == bodies


def test_what_a_turn_brings_before_the_connection_closes_is_written(
    rabbitmq: Broker, queue: str
) -> None:
    async def publish(address: BrokerAddress) -> None:
        async with connected(address, "a test") as connection:
            channel = await connection.open_channel()
            channel.publish("", queue, b"last", BasicProperties())

    with Peer(rabbitmq.url) as peer:
        peer.declare(queue)
        asyncio.run(publish(settings_for(rabbitmq, queue).address))
        assert [body for _, body in peer.take_all(queue)] == [b"last"]
