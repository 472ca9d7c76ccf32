"""Consuming and settling on real brokers."""

import asyncio
import time
from collections import Counter
from datetime import datetime, timedelta

import pika
import pytest

from adapters.inbound.contract import DeadCopy, InboundMessage, RetryCopy, Settlement
from adapters.rabbitmq.consumer import RabbitConsumer
from adapters.rabbitmq.settings import Binding, TopologyMode
from tests.fakes import eventually
from tests.support.consuming import Recorder, consuming, settings_for
from tests.support.rabbit import Broker, Peer


def test_a_message_published_straight_into_the_queue_is_handled_and_acked(
    broker: Broker, queue: str
) -> None:
    async def scenario() -> Recorder:
        recorder = Recorder()
        async with consuming(settings_for(broker, queue), recorder):
            with Peer(broker.url) as peer:
                peer.publish(queue, b"one", b"two")
            await eventually(lambda: len(recorder.messages) == 2)
        return recorder

    recorder = asyncio.run(scenario())

    assert recorder.bodies == [b"one", b"two"]
    with Peer(broker.url) as peer:
        assert peer.ready(queue) == 0


def test_a_message_published_through_a_bound_exchange_arrives(broker: Broker, queue: str) -> None:
    exchange = f"{queue}-exchange"
    binding = Binding(exchange=exchange, routing_key="mail.welcome", queue=queue)

    async def scenario() -> Recorder:
        recorder = Recorder()
        async with consuming(settings_for(broker, queue, bindings=(binding,)), recorder):
            with Peer(broker.url) as peer:
                peer.publish("mail.welcome", b"via exchange", exchange=exchange)
            await eventually(lambda: recorder.messages)
        return recorder

    assert asyncio.run(scenario()).bodies == [b"via exchange"]


def test_a_queue_its_producer_declared_with_its_own_arguments_is_adopted(
    broker: Broker, queue: str
) -> None:
    with Peer(broker.url) as peer:
        peer.declare(queue, {"x-queue-type": "classic", "x-max-priority": 5})
        peer.publish(queue, b"early")

    async def scenario() -> Recorder:
        recorder = Recorder()
        async with consuming(settings_for(broker, queue), recorder):
            await eventually(lambda: recorder.messages)
        return recorder

    assert asyncio.run(scenario()).bodies == [b"early"]


def test_without_topology_the_queue_may_be_declared_after_the_worker_started(
    broker: Broker, queue: str
) -> None:
    settings = settings_for(broker, queue, topology=TopologyMode.NONE)

    async def scenario() -> tuple[Recorder, int | None]:
        recorder = Recorder()
        async with consuming(settings, recorder, wait=False) as consumer:
            with Peer(broker.url) as peer:
                await asyncio.to_thread(lambda: None)
                await asyncio.sleep(1)
                before = peer.ready(queue)
                assert not consumer.is_ready
                peer.declare(queue, {"x-queue-type": "classic"})
                peer.publish(queue, b"late")
            await eventually(lambda: recorder.messages)
        return recorder, before

    recorder, before = asyncio.run(scenario())

    assert before is None
    assert recorder.bodies == [b"late"]


def test_a_retry_comes_back_after_its_tier_with_its_headers(broker: Broker, queue: str) -> None:
    def decide(message: InboundMessage) -> Settlement:
        made = int(str(message.headers.get("x-dispatcher-attempt", 0)))
        if made == 8:
            return Settlement()
        headers = {"x-dispatcher-attempt": made + 1}
        delay = timedelta(milliseconds=100 + 10 * made)
        return Settlement([RetryCopy(delay=delay, headers=headers)])

    tiers = tuple(timedelta(milliseconds=100 + 10 * tier) for tier in range(8))
    recorder = Recorder(decide)

    async def scenario() -> None:
        async with consuming(settings_for(broker, queue, tiers=tiers), recorder):
            with Peer(broker.url) as peer:
                peer.publish(queue, *(b"%d" % number for number in range(20)))
            await eventually(lambda: len(recorder.messages) >= 180, seconds=60)
            await asyncio.sleep(0.3)

    asyncio.run(scenario())

    attempts = [message.headers.get("x-dispatcher-attempt", 0) for message in recorder.messages]
    assert Counter(attempts) == dict.fromkeys(range(9), 20)
    last = [m.body for m in recorder.messages if m.headers.get("x-dispatcher-attempt") == 8]
    assert sorted(last) == sorted(b"%d" % number for number in range(20))


def test_a_dead_letter_keeps_its_body_and_carries_exactly_its_headers(
    broker: Broker, queue: str
) -> None:
    headers: dict[str, str | int] = {"x-dispatcher-attempt": 1, "x-dispatcher-reason": "malformed"}
    recorder = Recorder(lambda _: Settlement([DeadCopy(headers=headers)]))

    async def scenario() -> None:
        async with consuming(settings_for(broker, queue), recorder):
            with Peer(broker.url) as peer:
                peer.publish(queue, b"\xff not json")
                await eventually(lambda: peer.ready(f"{queue}.dead") == 1)

    asyncio.run(scenario())

    with Peer(broker.url) as peer:
        [(properties, body)] = peer.take_all(f"{queue}.dead")
    assert body == b"\xff not json"
    # RabbitMQ 3.10 adds a count of its own even to a first delivery.
    assert {n: v for n, v in properties.headers.items() if n != "x-delivery-count"} == headers
    assert properties.delivery_mode == 2


def test_draining_ends_when_the_queue_is_empty(broker: Broker, queue: str) -> None:
    with Peer(broker.url) as peer:
        peer.declare(queue)
        peer.publish(queue, *(b"%d" % number for number in range(100)))
    recorder = Recorder(delay=0.01)

    async def scenario() -> None:
        async with asyncio.timeout(20):
            await RabbitConsumer(settings_for(broker, queue)).run(recorder, drain=True)

    asyncio.run(scenario())

    assert len(recorder.messages) == 100


@pytest.mark.parametrize("hung", [1, 3])
def test_stopping_lets_what_is_in_flight_end_and_hands_back_what_does_not(
    broker: Broker, queue: str, hung: int
) -> None:
    begun: list[bytes] = []
    handled: list[bytes] = []

    async def handler(message: InboundMessage) -> Settlement:
        begun.append(message.body)
        if message.body.startswith(b"hangs"):
            await asyncio.Event().wait()
        await asyncio.sleep(0.5)
        handled.append(message.body)
        return Settlement()

    settings = settings_for(broker, queue, grace=timedelta(seconds=1))

    async def scenario() -> None:
        async with consuming(settings, handler) as consumer:
            with Peer(broker.url) as peer:
                peer.publish(queue, *(b"hangs %d" % each for each in range(hung)), b"ends")
                await eventually(lambda: len(begun) == hung + 1)
            consumer.stop()

    asyncio.run(scenario())

    assert handled == [b"ends"]
    with Peer(broker.url) as peer:
        assert len(peer.take_all(queue)) == hung


class _Millis(datetime):
    """A timestamp as a producer sends it that takes milliseconds for seconds: beyond year 9999."""

    def utctimetuple(self) -> time.struct_time:
        return time.struct_time((1970, 1, 1, 0, 0, 1_732_000_000_000, 0, 1, 0))


def test_a_message_handed_out_ten_times_is_copied_first(any_broker: Broker, queue: str) -> None:
    # RabbitMQ 4 gives a quorum queue that says nothing a limit of 20, and drops what exceeds it.
    with Peer(any_broker.url) as peer:
        peer.declare(queue, {"x-queue-type": "quorum", "x-delivery-limit": 20})
        headers = {"x-dispatcher-attempt": 3, "x-other": "goes"}
        properties = pika.BasicProperties(headers=headers, message_id="m", delivery_mode=2)
        peer.publish(queue, b"worn", properties=properties)
        peer.look(queue, 10)
    recorder = Recorder()

    async def scenario() -> None:
        async with consuming(settings_for(any_broker, queue), recorder):
            await eventually(lambda: recorder.messages)

    asyncio.run(scenario())

    [message] = recorder.messages
    assert message.delivery_count == 0
    assert message.properties.message_id == "m"
    assert message.headers["x-dispatcher-attempt"] == 3
    assert "x-other" not in message.headers


def test_headers_that_cannot_be_read_cost_the_headers_alone(broker: Broker, queue: str) -> None:
    recorder = Recorder()

    async def scenario() -> None:
        async with consuming(settings_for(broker, queue), recorder):
            with Peer(broker.url) as peer:
                strange = pika.BasicProperties(
                    headers={"x-millis": _Millis(2030, 1, 1)}, message_id="m", delivery_mode=2
                )
                peer.publish(queue, b"strange", properties=strange)
                peer.publish(queue, b"next")
            await eventually(lambda: len(recorder.messages) == 2)

    asyncio.run(scenario())

    assert recorder.bodies == [b"strange", b"next"]
    assert recorder.messages[0].properties.message_id == "m"
