"""Looking at dead letters on real brokers: nothing lost, nothing reordered, nothing worn out."""

import asyncio
import time
from collections.abc import Callable

import pytest

from adapters.inbound.contract import (
    Decision,
    InboundMessage,
    Keep,
    PublishRefused,
    Release,
    Remove,
)
from adapters.message_format.rules import Properties
from adapters.rabbitmq.connection import connect
from adapters.rabbitmq.dead_letters import RabbitDeadLetters
from adapters.rabbitmq.preparing import Preparer
from adapters.rabbitmq.publisher import RabbitPublisher
from adapters.rabbitmq.settings import RabbitSettings
from tests.support.consuming import settings_for
from tests.support.rabbit import Broker, Peer
from tests.support.worker import wait_until


def _letters(count: int) -> list[bytes]:
    return [b"letter %d" % number for number in range(count)]


async def _prepare(settings: RabbitSettings) -> None:
    connection = await connect(settings.address, "test")
    await Preparer(settings).prepare(connection, settings.queues[0])
    await connection.close()


async def _visit(
    settings: RabbitSettings,
    decide: Callable[[InboundMessage], Decision] = lambda _: Keep.KEEP,
    batch: int = 256,
) -> list[bytes]:
    seen: list[bytes] = []

    async def remembering(message: InboundMessage) -> Decision:
        seen.append(message.body)
        return decide(message)

    letters = RabbitDeadLetters(settings, batch=batch)
    try:
        assert await letters.visit(settings.queues[0], remembering) == len(seen)
    finally:
        await letters.close()
    return seen


def test_two_visits_of_one_process_both_see_every_letter(rabbitmq: Broker, queue: str) -> None:
    settings = settings_for(rabbitmq, queue)
    asyncio.run(_prepare(settings))
    with Peer(rabbitmq.url) as peer:
        peer.publish(f"{queue}.dead", *_letters(100))

    in_hand = asyncio.Event()

    async def slowly(_: InboundMessage) -> Keep:
        in_hand.set()
        await asyncio.sleep(0.005)
        return Keep.KEEP

    async def scenario() -> list[int]:
        letters = RabbitDeadLetters(settings)
        first = asyncio.create_task(letters.visit(queue, slowly))
        await in_hand.wait()
        try:
            return [*await asyncio.gather(first, letters.visit(queue, slowly))]
        finally:
            await letters.close()

    assert asyncio.run(scenario()) == [100, 100]


def test_a_visit_shows_every_letter_in_order_and_leaves_them_so(broker: Broker, queue: str) -> None:
    settings = settings_for(broker, queue)
    asyncio.run(_prepare(settings))
    with Peer(broker.url) as peer:
        peer.publish(f"{queue}.dead", *_letters(160))

    # Many batches: handed back carelessly, they overtake each other about once in a dozen visits.
    visits = [asyncio.run(_visit(settings, batch=8)) for _ in range(8)]

    assert visits == [_letters(160)] * 8
    with Peer(broker.url) as peer:
        assert [body for _, body in peer.take_all(f"{queue}.dead")] == _letters(160)


def test_a_queue_without_letters_or_none_at_all_shows_nothing(rabbitmq: Broker, queue: str) -> None:
    assert asyncio.run(_visit(settings_for(rabbitmq, queue))) == []


def test_letters_are_released_and_removed_while_the_rest_keeps_its_order(
    broker: Broker, queue: str
) -> None:
    settings = settings_for(broker, queue)
    asyncio.run(_prepare(settings))
    with Peer(broker.url) as peer:
        peer.publish(f"{queue}.dead", *_letters(30))

    def decide(message: InboundMessage) -> Decision:
        number = int(message.body.split()[1])
        if number % 3 == 0:
            return Release(headers={"x-dispatcher-attempt": 0})
        return Remove.REMOVE if number % 3 == 1 else Keep.KEEP

    seen = asyncio.run(_visit(settings, decide, batch=7))

    assert seen == _letters(30)
    with Peer(broker.url) as peer:
        released = peer.take_all(queue)
        kept = peer.take_all(f"{queue}.dead")
    assert [body for _, body in released] == _letters(30)[0::3]
    assert all(properties.headers["x-dispatcher-attempt"] == 0 for properties, _ in released)
    assert [body for _, body in kept] == _letters(30)[2::3]


def test_a_letter_whose_release_is_refused_stays_with_those_not_yet_visited(
    broker: Broker, queue: str
) -> None:
    settings = settings_for(broker, queue)
    asyncio.run(_prepare(settings))
    with Peer(broker.url) as peer:
        peer.publish(f"{queue}.dead", *_letters(5))
        peer.delete(queue)

    with pytest.raises(PublishRefused):
        asyncio.run(_visit(settings, lambda _: Release(headers={}), batch=2))

    with Peer(broker.url) as peer:
        assert [body for _, body in peer.take_all(f"{queue}.dead")] == _letters(5)


def test_a_letter_looked_at_forty_times_is_still_there(broker: Broker, queue: str) -> None:
    settings = settings_for(broker, queue)
    asyncio.run(_prepare(settings))
    with Peer(broker.url) as peer:
        peer.publish(f"{queue}.dead", b"worn")

    async def look_often() -> None:
        for _ in range(40):
            assert await _visit(settings) == [b"worn"]

    asyncio.run(look_often())

    with Peer(broker.url) as peer:
        assert peer.ready(f"{queue}.dead") == 1


def test_a_visit_that_is_interrupted_leaves_every_letter(broker: Broker, queue: str) -> None:
    settings = settings_for(broker, queue)
    asyncio.run(_prepare(settings))
    with Peer(broker.url) as peer:
        peer.publish(f"{queue}.dead", *_letters(20))

    def decide(message: InboundMessage) -> Decision:
        if message.body == b"letter 12":
            raise KeyboardInterrupt
        return Keep.KEEP

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(_visit(settings, decide, batch=5))

    with Peer(broker.url) as peer:
        assert sorted(body for _, body in peer.take_all(f"{queue}.dead")) == sorted(_letters(20))


def test_thousands_of_letters_are_listed_quickly(broker: Broker, queue: str) -> None:
    settings = settings_for(broker, queue)
    asyncio.run(_prepare(settings))
    with Peer(broker.url) as peer:
        peer.flood(f"{queue}.dead", _letters(2_500))
        wait_until(lambda: peer.ready(f"{queue}.dead") == 2_500)

    started = time.monotonic()
    seen = asyncio.run(_visit(settings))
    took = time.monotonic() - started

    assert seen == _letters(2_500)
    # 1,000 letters take less than two seconds on an idle machine; this one may be busy.
    assert took < 45
    assert asyncio.run(_visit(settings)) == _letters(2_500)


def test_a_published_message_is_persistent_and_keeps_its_properties(
    broker: Broker, queue: str
) -> None:
    settings = settings_for(broker, queue)
    given = Properties(message_id="m-1", content_type="application/json", timestamp=1_700_000_000)

    async def publish_and_count() -> None:
        publisher = RabbitPublisher(settings)
        await publisher.publish(queue, b"body", properties=given, headers={"x-dispatcher-key": "k"})
        await publisher.close()
        await publisher.close()

    asyncio.run(publish_and_count())

    with Peer(broker.url) as peer:
        [(properties, body)] = peer.take_all(queue)
    assert body == b"body"
    assert properties.delivery_mode == 2
    assert properties.message_id == "m-1"
    assert properties.content_type == "application/json"
    assert properties.timestamp == 1_700_000_000
    assert properties.headers["x-dispatcher-key"] == "k"
