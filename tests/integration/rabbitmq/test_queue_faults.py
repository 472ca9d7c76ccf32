"""What happens to channels, queues and single messages while the connection lives."""

import asyncio

import pytest

from adapters.inbound.contract import InboundMessage, Settlement
from adapters.rabbitmq.settings import TopologyMode
from tests.fakes import eventually
from tests.support.amqp_proxy import amqp_proxy
from tests.support.consuming import Recorder, consuming, settings_for
from tests.support.oracle import bodies, mixed
from tests.support.rabbit import Broker, Peer


def test_a_channel_closed_for_a_bad_tag_is_rebuilt(broker: Broker, queue: str) -> None:
    recorder = Recorder()

    async def scenario() -> None:
        async with amqp_proxy(broker) as proxy:
            settings = settings_for(broker, queue, url=broker.with_(port=proxy.port))
            async with consuming(settings, recorder) as consumer:
                await proxy.lose_channel(queue)
                await eventually(lambda: consumer.is_ready)
                with Peer(broker.url) as peer:
                    peer.publish(queue, b"after")
                await recorder.saw(1)

    asyncio.run(scenario())
    assert recorder.bodies == [b"after"]


def test_an_ack_carried_over_a_lost_channel_is_dropped(broker: Broker, queue: str) -> None:
    begun: list[bytes] = []
    handled: list[bytes] = []
    gate = asyncio.Event()

    async def handler(message: InboundMessage) -> Settlement:
        begun.append(message.body)
        if not message.redelivered:
            await gate.wait()
        handled.append(message.body)
        return Settlement()

    async def scenario() -> None:
        async with amqp_proxy(broker) as proxy:
            settings = settings_for(broker, queue, url=broker.with_(port=proxy.port))
            async with consuming(settings, handler) as consumer:
                with Peer(broker.url) as peer:
                    peer.publish(queue, b"a", b"b")
                    await eventually(lambda: len(begun) == 2)
                    await proxy.lose_channel(queue)
                    await eventually(lambda: len(handled) == 2)
                    gate.set()
                    await eventually(lambda: len(handled) == 4)
                    await asyncio.sleep(0.2)
                    assert consumer.is_ready
                    assert peer.ready(queue) == 0

    asyncio.run(scenario())
    assert sorted(handled) == [b"a", b"a", b"b", b"b"]


def test_a_deleted_work_queue_is_created_again_when_adopted(broker: Broker, queue: str) -> None:
    recorder = Recorder()

    async def scenario() -> None:
        async with consuming(settings_for(broker, queue), recorder) as consumer:
            with Peer(broker.url) as peer:
                peer.delete(queue)
                await eventually(lambda: not consumer.is_ready)
                await eventually(lambda: consumer.is_ready)
                peer.publish(queue, b"after")
            await eventually(lambda: recorder.messages)

    asyncio.run(scenario())
    assert recorder.bodies == [b"after"]


def test_a_deleted_work_queue_is_waited_for_without_topology(broker: Broker, queue: str) -> None:
    recorder = Recorder()
    settings = settings_for(broker, queue, topology=TopologyMode.NONE)
    with Peer(broker.url) as peer:
        peer.declare(queue)

    async def scenario() -> None:
        async with consuming(settings, recorder) as consumer:
            with Peer(broker.url) as peer:
                peer.delete(queue)
                await eventually(lambda: not consumer.is_ready)
                await asyncio.sleep(1.5)
                assert peer.ready(queue) is None
                peer.declare(queue, {"x-queue-type": "classic"})
                peer.publish(queue, b"after")
            await eventually(lambda: recorder.messages, seconds=40)

    asyncio.run(scenario())
    assert recorder.bodies == [b"after"]


def test_while_a_copy_cannot_be_stored_its_original_stays_unacked(
    broker: Broker, queue: str
) -> None:
    if broker.management is None:
        pytest.skip("needs the management API to make a user")
    settings = settings_for(broker, queue)
    user = queue

    async def scenario() -> None:
        async with consuming(settings, Recorder()):
            pass
        broker.add_user(user, configure="^$", write=f"^(dispatcher|{queue}.*)$", read=".*")
        poor = settings_for(broker, queue, url=broker.with_(user=user))
        recorder = Recorder(mixed)
        with Peer(broker.url) as peer:
            peer.delete(f"{queue}.dead", f"{queue}.retry.200")
            peer.publish(queue, b"m0", b"m1", b"m2")
            async with consuming(poor, recorder, wait=False) as consumer:
                await asyncio.sleep(1)
                assert not consumer.is_ready  # its queues are missing, and it may not make them
                _declare_all(peer, queue)
                await eventually(lambda: peer.ready(f"{queue}.dead") == 1, seconds=30)
                await eventually(lambda: peer.ready(f"{queue}.retry.200") == 1)
                peer.delete(f"{queue}.dead")
                peer.publish(queue, b"m3")
                await asyncio.sleep(1)
                assert peer.ready(queue) == 0
            # Handed back at the stop, since no copy of it was ever stored.
            assert [body for _, body in peer.take_all(queue)] == [b"m3"]

    asyncio.run(scenario())


def _declare_all(peer: Peer, queue: str) -> None:
    for name, arguments in (
        (f"{queue}.dead", {"x-queue-type": "quorum"}),
        (f"{queue}.retry.200", {"x-queue-type": "quorum"}),
    ):
        peer.declare(name, arguments)
        peer.bind(name, "dispatcher", name)


def test_a_dead_queue_deleted_under_us_is_made_again_before_the_letter_moves(
    broker: Broker, queue: str
) -> None:
    recorder = Recorder(mixed)

    async def scenario() -> None:
        async with consuming(settings_for(broker, queue), recorder):
            with Peer(broker.url) as peer:
                peer.delete(f"{queue}.dead")
                peer.publish(queue, b"m0", b"m3")
                await eventually(lambda: peer.ready(f"{queue}.dead") == 2)

    asyncio.run(scenario())


def test_a_copy_that_waits_to_be_stored_is_dropped_once_its_original_went_back(
    rabbitmq: Broker, queue: str
) -> None:
    if rabbitmq.management is None:
        pytest.skip("needs the management API to make a user")
    recorder = Recorder(mixed)

    async def scenario() -> None:
        async with consuming(settings_for(rabbitmq, queue), Recorder()):
            pass
        ours = f"^(dispatcher|{queue}.*)$"
        rabbitmq.add_user(queue, configure="^$", write=ours, read=ours)
        async with amqp_proxy(rabbitmq) as proxy:
            url = rabbitmq.with_(user=queue, port=proxy.port)
            async with consuming(settings_for(rabbitmq, queue, url=url), recorder):
                with Peer(rabbitmq.url) as peer:
                    peer.unbind(f"{queue}.dead", "dispatcher", f"{queue}.dead")
                    rabbitmq.add_user(queue, configure="^$", write="^dispatcher$", read=ours)
                    peer.publish(queue, b"m0")
                    await recorder.saw(1)
                    await asyncio.sleep(0.5)
                    await proxy.lose_channel(queue)
                    await recorder.saw(2)
                    peer.bind(f"{queue}.dead", "dispatcher", f"{queue}.dead")
                    await eventually(lambda: peer.ready(f"{queue}.dead") == 1)
                    await asyncio.sleep(1)
                    assert peer.ready(f"{queue}.dead") == 1
        rabbitmq.api("DELETE", f"users/{queue}")

    asyncio.run(scenario())


def test_handlers_of_a_lost_channel_count_against_the_prefetch(
    rabbitmq: Broker, queue: str
) -> None:
    running, most, done, gate = 0, 0, 0, asyncio.Event()

    async def handler(_: InboundMessage) -> Settlement:
        nonlocal running, most, done
        running += 1
        most = max(most, running)
        await gate.wait()
        running -= 1
        done += 1
        return Settlement()

    async def scenario() -> None:
        async with amqp_proxy(rabbitmq) as proxy:
            url = rabbitmq.with_(port=proxy.port)
            async with consuming(settings_for(rabbitmq, queue, url=url, prefetch=5), handler):
                with Peer(rabbitmq.url) as peer:
                    peer.publish(queue, *bodies(20))
                    await eventually(lambda: running == 5)
                    await proxy.lose_channel(queue)
                    await eventually(lambda: proxy.delivered == 10)
                    gate.set()
                    await eventually(lambda: done == 25)
                    assert peer.ready(queue) == 0

    asyncio.run(scenario())

    assert most == 5
