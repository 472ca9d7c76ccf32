"""What breaks between the worker and the broker: every message is handled, dead or still queued."""

import asyncio
import time
import urllib.parse
from collections.abc import Callable
from datetime import datetime, timedelta

import pika
import pytest

from adapters.rabbitmq.backoff import Backoff
from adapters.rabbitmq.settings import TopologyMode
from adapters.wire.inbound import DeadCopy, InboundMessage, RetryCopy, Settlement
from tests.support.consuming import Recorder, consuming, settings_for, until
from tests.support.rabbit import Broker, Peer
from tests.support.tcp_proxy import tcp_proxy

STEPS = (5, 20, 60, 150, 300, 450, 520, 600, 640, 700, 760, 830, 900, 1_000, 1_300, 2_000, 4_000)
"""Bytes after which a connection is cut: in the handshake, the declarations, the deliveries."""


class _Millis(datetime):
    """A timestamp as a producer sends it that takes milliseconds for seconds: beyond year 9999."""

    def utctimetuple(self) -> time.struct_time:
        return time.struct_time((1970, 1, 1, 0, 0, 1_732_000_000_000, 0, 1, 0))


def _bodies(count: int, prefix: str = "m") -> list[bytes]:
    return [f"{prefix}{number}".encode() for number in range(count)]


def _impatient() -> Backoff:
    return Backoff(first=0.05, cap=0.1)


def _address(broker: Broker) -> tuple[str, int]:
    parts = urllib.parse.urlsplit(broker.url)
    return parts.hostname or "127.0.0.1", parts.port or 5672


def _mixed(message: InboundMessage) -> Settlement:
    """Every third message is dead, every third is tried again once, the rest is done with."""
    number = int(message.body[1:])
    if number % 3 == 0:
        return [DeadCopy(headers={"x-dispatcher-reason": "malformed"})]
    if number % 3 == 1 and "x-dispatcher-attempt" not in message.headers:
        return [RetryCopy(delay=timedelta(milliseconds=200), headers={"x-dispatcher-attempt": 1})]
    return []


def _all_accounted_for(
    published: list[bytes], recorder: Recorder, peer: Peer, queue: str
) -> Callable[[], bool]:
    """The oracle: sent, dead and queued together are what was published."""

    def check() -> bool:
        sent = {m.body for m in recorder.messages if not _mixed(m)}
        dead = peer.ready(f"{queue}.dead") or 0
        should_be_dead = [body for body in published if int(body[1:]) % 3 == 0]
        return (
            sent == set(published) - set(should_be_dead)
            and dead >= len(should_be_dead)
            and peer.ready(queue) == 0
            and peer.ready(f"{queue}.retry.200") == 0
        )

    return check


def _dead_are_complete(published: list[bytes], peer: Peer, queue: str) -> None:
    dead = {body for _, body in peer.take_all(f"{queue}.dead")}
    assert dead == {body for body in published if int(body[1:]) % 3 == 0}


def test_a_cut_connection_is_made_anew_and_nothing_is_lost(broker: Broker, queue: str) -> None:
    published = _bodies(600)
    recorder = Recorder(_mixed, delay=0.002)

    async def scenario() -> None:
        async with tcp_proxy(*_address(broker)) as proxy:
            settings = settings_for(broker, queue, url=broker.with_(port=proxy.port))
            async with consuming(settings, recorder):
                with Peer(broker.url) as peer:
                    peer.flood(queue, published)
                    for third in (150, 300):
                        await until(lambda third=third: len(recorder.messages) >= third)
                        proxy.cut()
                    done = _all_accounted_for(published, recorder, peer, queue)
                    await until(done, timeout=60)
                    _dead_are_complete(published, peer, queue)

    asyncio.run(scenario())


def test_a_connection_cut_after_any_number_of_bytes_recovers(rabbitmq: Broker, queue: str) -> None:
    published = _bodies(60)
    recorder = Recorder(_mixed)

    async def scenario() -> int:
        with Peer(rabbitmq.url) as peer:
            peer.declare(queue)
            peer.flood(queue, published)
            async with tcp_proxy(*_address(rabbitmq), budgets=STEPS) as proxy:
                settings = settings_for(rabbitmq, queue, url=rabbitmq.with_(port=proxy.port))
                async with consuming(settings, recorder, wait=False, backoff=_impatient):
                    done = _all_accounted_for(published, recorder, peer, queue)
                    await until(done, timeout=90)
                    _dead_are_complete(published, peer, queue)
                    return proxy.accepted

    assert asyncio.run(scenario()) > len(STEPS)


@pytest.mark.slow
def test_a_frozen_connection_is_noticed_by_its_heartbeat(rabbitmq: Broker, queue: str) -> None:
    recorder = Recorder()

    async def scenario() -> None:
        async with tcp_proxy(*_address(rabbitmq)) as proxy:
            url = rabbitmq.with_(port=proxy.port, query="heartbeat=4")
            async with consuming(settings_for(rabbitmq, queue, url=url), recorder) as consumer:
                proxy.freeze()
                await until(lambda: not consumer.is_ready, timeout=30)
                proxy.cut()
                proxy.thaw()
                with Peer(rabbitmq.url) as peer:
                    peer.publish(queue, b"after")
                await until(lambda: b"after" in recorder.bodies, timeout=60)

    asyncio.run(scenario())


@pytest.mark.slow  # a tier that expires meanwhile is dead-lettered again after three minutes
def test_a_broker_that_restarts_finds_its_consumers_again(
    mistreated_broker: Broker, queue: str
) -> None:
    broker, control = mistreated_broker, mistreated_broker.control
    assert control is not None
    published = _bodies(400)
    recorder = Recorder(_mixed, delay=0.005)

    async def scenario() -> None:
        async with consuming(settings_for(broker, queue), recorder):
            with Peer(broker.url) as peer:
                peer.flood(queue, published)
            await until(lambda: len(recorder.messages) > 100)
            await asyncio.to_thread(control, "stop_app")
            await asyncio.to_thread(control, "start_app")
            with Peer(broker.url) as peer:
                # What a tier could not dead-letter meanwhile, the broker repeats in its own time.
                await until(_all_accounted_for(published, recorder, peer, queue), timeout=240)
                _dead_are_complete(published, peer, queue)

    asyncio.run(scenario())


def test_a_broker_that_is_away_at_the_start_is_waited_for(rabbitmq: Broker, queue: str) -> None:
    recorder = Recorder()

    async def scenario() -> None:
        async with tcp_proxy("127.0.0.1", 1) as nowhere:
            url = rabbitmq.with_(port=nowhere.port)
            async with consuming(
                settings_for(rabbitmq, queue, url=url), recorder, wait=False
            ) as consumer:
                await until(lambda: nowhere.accepted >= 2)
                assert not consumer.is_ready

    asyncio.run(scenario())


def test_a_channel_closed_for_a_bad_tag_is_rebuilt(broker: Broker, queue: str) -> None:
    recorder = Recorder()

    async def scenario() -> None:
        async with consuming(settings_for(broker, queue), recorder) as consumer:
            subscription = consumer._subscriptions[0]
            before = subscription._channel
            before._channel.basic_ack(987_654)
            await until(lambda: subscription._channel is not before and consumer.is_ready)
            with Peer(broker.url) as peer:
                peer.publish(queue, b"after")
            await until(lambda: recorder.messages)

    asyncio.run(scenario())
    assert recorder.bodies == [b"after"]


def test_an_ack_carried_over_a_lost_channel_is_dropped(broker: Broker, queue: str) -> None:
    handled: list[bytes] = []
    gate = asyncio.Event()

    async def handler(message: InboundMessage) -> Settlement:
        if not message.redelivered:
            await gate.wait()
        handled.append(message.body)
        return []

    async def scenario() -> None:
        async with consuming(settings_for(broker, queue), handler) as consumer:
            with Peer(broker.url) as peer:
                peer.publish(queue, b"a", b"b")
                await until(lambda: len(consumer._subscriptions[0].flights) == 2)
                lost = consumer._subscriptions[0]._channel
                lost._channel.close()
                await until(lambda: len(handled) == 2)
                gate.set()
                await until(lambda: len(handled) == 4)
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
                await until(lambda: not consumer.is_ready)
                await until(lambda: consumer.is_ready)
                peer.publish(queue, b"after")
            await until(lambda: recorder.messages)

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
                await until(lambda: not consumer.is_ready)
                await asyncio.sleep(1.5)
                assert peer.ready(queue) is None
                peer.declare(queue, {"x-queue-type": "classic"})
                peer.publish(queue, b"after")
            await until(lambda: recorder.messages, timeout=40)

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
        recorder = Recorder(_mixed)
        with Peer(broker.url) as peer:
            peer.delete(f"{queue}.dead", f"{queue}.retry.200")
            peer.publish(queue, b"m0", b"m1", b"m2")
            async with consuming(poor, recorder, wait=False) as consumer:
                await asyncio.sleep(1)
                assert not consumer.is_ready  # its queues are missing, and it may not make them
                _declare_all(peer, queue)
                await until(lambda: peer.ready(f"{queue}.dead") == 1, timeout=30)
                await until(lambda: peer.ready(f"{queue}.retry.200") == 1)
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
    recorder = Recorder(_mixed)

    async def scenario() -> None:
        async with consuming(settings_for(broker, queue), recorder):
            with Peer(broker.url) as peer:
                peer.delete(f"{queue}.dead")
                peer.publish(queue, b"m0", b"m3")
                await until(lambda: peer.ready(f"{queue}.dead") == 2)

    asyncio.run(scenario())


def test_a_message_handed_out_ten_times_is_copied_first(broker: Broker, queue: str) -> None:
    # RabbitMQ 4 gives a quorum queue that says nothing a limit of 20, and drops what exceeds it.
    with Peer(broker.url) as peer:
        peer.declare(queue, {"x-queue-type": "quorum", "x-delivery-limit": 20})
        headers = {"x-dispatcher-attempt": 3, "x-other": "goes"}
        properties = pika.BasicProperties(headers=headers, message_id="m", delivery_mode=2)
        peer.publish(queue, b"worn", properties=properties)
        peer.look(queue, 10)
    recorder = Recorder()

    async def scenario() -> None:
        async with consuming(settings_for(broker, queue), recorder):
            await until(lambda: recorder.messages)

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
            await until(lambda: len(recorder.messages) == 2)

    asyncio.run(scenario())

    assert recorder.bodies == [b"strange", b"next"]
    assert recorder.messages[0].properties.message_id == "m"


def test_a_broker_short_of_memory_still_takes_acks_and_loses_no_copy(
    mistreated_broker: Broker, queue: str
) -> None:
    broker, control = mistreated_broker, mistreated_broker.control
    assert control is not None
    recorder = Recorder(_mixed)
    gate = asyncio.Event()

    async def handler(message: InboundMessage) -> Settlement:
        await gate.wait()
        return await recorder(message)

    async def scenario() -> None:
        async with consuming(settings_for(broker, queue), handler):
            with Peer(broker.url) as peer:
                peer.publish(queue, *_bodies(6))
                await until(lambda: peer.ready(queue) == 0)
                await asyncio.to_thread(control, "set_vm_memory_high_watermark", "0.000001")
                try:
                    gate.set()
                    await asyncio.sleep(1)
                    assert peer.ready(f"{queue}.dead") == 0
                    unacked = await asyncio.to_thread(_unacked, broker, queue)
                finally:
                    await asyncio.to_thread(control, "set_vm_memory_high_watermark", "0.6")
                assert unacked == 4  # two were done with; of four, a copy is not stored yet
                await until(lambda: peer.ready(f"{queue}.dead") == 2)
                await until(lambda: len(recorder.messages) == 8)

    asyncio.run(scenario())


def _unacked(broker: Broker, queue: str) -> int:
    give_up = time.monotonic() + 15
    while time.monotonic() < give_up:  # the figures of the API lag behind by some seconds
        count = broker.api("GET", f"queues/%2F/{queue}").get("messages_unacknowledged")
        if count == 4:
            return 4
        time.sleep(0.5)
    return int(count)


def test_a_copy_that_waits_to_be_stored_is_dropped_once_its_original_went_back(
    rabbitmq: Broker, queue: str
) -> None:
    if rabbitmq.management is None:
        pytest.skip("needs the management API to make a user")
    recorder = Recorder(_mixed)

    async def scenario() -> None:
        async with consuming(settings_for(rabbitmq, queue), Recorder()):
            pass
        ours = f"^(dispatcher|{queue}.*)$"
        rabbitmq.add_user(queue, configure="^$", write=ours, read=ours)
        poor = settings_for(rabbitmq, queue, url=rabbitmq.with_(user=queue))
        async with consuming(poor, recorder) as consumer:
            with Peer(rabbitmq.url) as peer:
                peer.unbind(f"{queue}.dead", "dispatcher", f"{queue}.dead")
                rabbitmq.add_user(queue, configure="^$", write="^dispatcher$", read=ours)
                peer.publish(queue, b"m0")
                await until(lambda: len(recorder.messages) == 1)
                await asyncio.sleep(0.5)
                consumer._subscriptions[0]._channel._channel.close()
                await until(lambda: len(recorder.messages) == 2)
                peer.bind(f"{queue}.dead", "dispatcher", f"{queue}.dead")
                await until(lambda: peer.ready(f"{queue}.dead") == 1)
                await asyncio.sleep(1)
                assert peer.ready(f"{queue}.dead") == 1
        rabbitmq.api("DELETE", f"users/{queue}")

    asyncio.run(scenario())


def test_handlers_of_a_lost_channel_count_against_the_prefetch(
    rabbitmq: Broker, queue: str
) -> None:
    running, most, gate = 0, 0, asyncio.Event()

    async def handler(_: InboundMessage) -> Settlement:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await gate.wait()
        running -= 1
        return []

    async def scenario() -> None:
        async with consuming(settings_for(rabbitmq, queue, prefetch=5), handler) as consumer:
            with Peer(rabbitmq.url) as peer:
                peer.publish(queue, *_bodies(20))
                await until(lambda: running == 5)
                subscription = consumer._subscriptions[0]
                lost = subscription._channel
                lost._channel.close()
                await until(lambda: subscription._channel is not lost and consumer.is_ready)
                await until(lambda: len(subscription.flights) == 10)
                gate.set()
                await until(lambda: peer.ready(queue) == 0 and not subscription.flights)

    asyncio.run(scenario())

    assert most == 5


def test_stopping_beside_a_frozen_broker_takes_seconds(rabbitmq: Broker, queue: str) -> None:
    async def scenario() -> float:
        async with tcp_proxy(*_address(rabbitmq)) as proxy:
            settings = settings_for(rabbitmq, queue, url=rabbitmq.with_(port=proxy.port))
            async with consuming(settings, Recorder()) as consumer:
                proxy.freeze()
                consumer.stop()
                started = time.monotonic()
            return time.monotonic() - started

    assert asyncio.run(scenario()) < 8


def test_stopping_while_the_broker_is_away_is_immediate(queue: str) -> None:
    nowhere = Broker(url="amqp://guest:guest@127.0.0.1:1/%2F", version="none")

    async def scenario() -> float:
        async with consuming(settings_for(nowhere, queue), Recorder(), wait=False) as consumer:
            await asyncio.sleep(0.3)
            consumer.stop()
            started = time.monotonic()
        return time.monotonic() - started

    assert asyncio.run(scenario()) < 1
