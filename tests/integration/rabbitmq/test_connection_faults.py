"""What breaks between the worker and the broker: every message is handled, dead or still queued."""

import asyncio
import time
import urllib.parse

import pytest

from adapters.inbound.contract import InboundMessage, Settlement
from adapters.rabbitmq.backoff import Backoff
from domain.backoff import DoublingWait
from tests.fakes import eventually
from tests.support.consuming import Recorder, consuming, settings_for
from tests.support.oracle import all_accounted_for, bodies, dead_are_complete, mixed
from tests.support.rabbit import Broker, Peer
from tests.support.tcp_proxy import tcp_proxy

STEPS = (5, 20, 60, 150, 300, 450, 520, 600, 640, 700, 760, 830, 900, 1_000, 1_300, 2_000, 4_000)
"""Bytes after which a connection is cut: in the handshake, the declarations, the deliveries."""


def _impatient() -> Backoff:
    return Backoff(DoublingWait(first=0.05, longest=0.1))


def _address(broker: Broker) -> tuple[str, int]:
    parts = urllib.parse.urlsplit(broker.url)
    return parts.hostname or "127.0.0.1", parts.port or 5672


def test_a_cut_connection_is_made_anew_and_nothing_is_lost(broker: Broker, queue: str) -> None:
    published = bodies(600)
    recorder = Recorder(mixed, delay=0.002)

    async def scenario() -> None:
        async with tcp_proxy(*_address(broker)) as proxy:
            settings = settings_for(broker, queue, url=broker.with_(port=proxy.port))
            async with consuming(settings, recorder):
                with Peer(broker.url) as peer:
                    peer.flood(queue, published)
                    for third in (150, 300):
                        await recorder.saw(third)
                        proxy.cut()
                    done = all_accounted_for(published, recorder, peer, queue)
                    await eventually(done, seconds=60)
                    dead_are_complete(published, peer, queue)

    asyncio.run(scenario())


def test_a_connection_cut_after_any_number_of_bytes_recovers(rabbitmq: Broker, queue: str) -> None:
    published = bodies(60)
    recorder = Recorder(mixed)

    async def scenario() -> int:
        with Peer(rabbitmq.url) as peer:
            peer.declare(queue)
            peer.flood(queue, published)
            async with tcp_proxy(*_address(rabbitmq), budgets=STEPS) as proxy:
                settings = settings_for(rabbitmq, queue, url=rabbitmq.with_(port=proxy.port))
                async with consuming(settings, recorder, wait=False, backoff=_impatient):
                    done = all_accounted_for(published, recorder, peer, queue)
                    await eventually(done, seconds=90)
                    dead_are_complete(published, peer, queue)
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
                await eventually(lambda: not consumer.is_ready, seconds=30)
                proxy.cut()
                proxy.thaw()
                with Peer(rabbitmq.url) as peer:
                    peer.publish(queue, b"after")
                await eventually(lambda: b"after" in recorder.bodies, seconds=60)

    asyncio.run(scenario())


@pytest.mark.slow  # a tier that expires meanwhile is dead-lettered again after three minutes
def test_a_broker_that_restarts_finds_its_consumers_again(
    mistreated_broker: Broker, queue: str
) -> None:
    broker, control = mistreated_broker, mistreated_broker.control
    assert control is not None
    published = bodies(400)
    recorder = Recorder(mixed, delay=0.005)

    async def scenario() -> None:
        async with consuming(settings_for(broker, queue), recorder):
            with Peer(broker.url) as peer:
                peer.flood(queue, published)
            await eventually(lambda: len(recorder.messages) > 100)
            await asyncio.to_thread(control, "stop_app")
            await asyncio.to_thread(control, "start_app")
            with Peer(broker.url) as peer:
                # What a tier could not dead-letter meanwhile, the broker repeats in its own time.
                await eventually(all_accounted_for(published, recorder, peer, queue), seconds=240)
                dead_are_complete(published, peer, queue)

    asyncio.run(scenario())


def test_a_broker_that_is_away_at_the_start_is_waited_for(rabbitmq: Broker, queue: str) -> None:
    recorder = Recorder()

    async def scenario() -> None:
        async with tcp_proxy("127.0.0.1", 1) as nowhere:
            url = rabbitmq.with_(port=nowhere.port)
            async with consuming(
                settings_for(rabbitmq, queue, url=url), recorder, wait=False
            ) as consumer:
                await eventually(lambda: nowhere.accepted >= 2)
                assert not consumer.is_ready

    asyncio.run(scenario())


def test_a_broker_short_of_memory_still_takes_acks_and_loses_no_copy(
    mistreated_broker: Broker, queue: str
) -> None:
    broker, control = mistreated_broker, mistreated_broker.control
    assert control is not None
    recorder = Recorder(mixed)
    gate = asyncio.Event()

    async def handler(message: InboundMessage) -> Settlement:
        await gate.wait()
        return await recorder(message)

    async def scenario() -> None:
        async with consuming(settings_for(broker, queue), handler):
            with Peer(broker.url) as peer:
                peer.publish(queue, *bodies(6))
                await eventually(lambda: peer.ready(queue) == 0)
                await asyncio.to_thread(control, "set_vm_memory_high_watermark", "0.000001")
                try:
                    gate.set()
                    await asyncio.sleep(1)
                    assert peer.ready(f"{queue}.dead") == 0
                    unacked = await asyncio.to_thread(_unacked, broker, queue)
                finally:
                    await asyncio.to_thread(control, "set_vm_memory_high_watermark", "0.6")
                assert unacked == 4  # two were done with; of four, a copy is not stored yet
                await eventually(lambda: peer.ready(f"{queue}.dead") == 2)
                await eventually(lambda: len(recorder.messages) == 8)

    asyncio.run(scenario())


def _unacked(broker: Broker, queue: str) -> int:
    give_up = time.monotonic() + 15
    while time.monotonic() < give_up:  # the figures of the API lag behind by some seconds
        count = broker.api("GET", f"queues/{broker.virtual_host}/{queue}").get(
            "messages_unacknowledged"
        )
        if count == 4:
            return 4
        time.sleep(0.5)
    return int(count)


def test_stopping_beside_a_frozen_broker_takes_seconds(rabbitmq: Broker, queue: str) -> None:
    async def scenario() -> float:
        async with tcp_proxy(*_address(rabbitmq)) as proxy:
            settings = settings_for(rabbitmq, queue, url=rabbitmq.with_(port=proxy.port))
            async with consuming(settings, Recorder()) as consumer:
                proxy.freeze()
                consumer.stop()
                started = time.monotonic()
            return time.monotonic() - started

    assert asyncio.run(scenario()) < 25


def test_stopping_while_the_broker_is_away_is_immediate(queue: str) -> None:
    nowhere = Broker(url="amqp://guest:guest@127.0.0.1:1/%2F", version="none")

    async def scenario() -> float:
        async with consuming(settings_for(nowhere, queue), Recorder(), wait=False) as consumer:
            await asyncio.sleep(0.3)
            consumer.stop()
            started = time.monotonic()
        return time.monotonic() - started

    assert asyncio.run(scenario()) < 10
