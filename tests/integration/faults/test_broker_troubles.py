"""What the operator hears of trouble with the broker, and what happens meanwhile (20, 22 to 24)."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from adapters.inbound.contract import InboundMessage, Settlement
from adapters.rabbitmq.settings import TopologyMode
from domain.events import ALARM, BROKER, queue_trouble
from tests.fakes import eventually
from tests.integration.faults.scene import Scene
from tests.support.consuming import (
    Recorder,
    Troubles,
    consuming,
    settings_for,
)
from tests.support.oracle import mixed
from tests.support.rabbit import Broker, Peer
from tests.support.tcp_proxy import tcp_proxy
from tests.support.worker import wait_until

BOTH = [TopologyMode.ADOPT, TopologyMode.OWN]


@pytest.mark.parametrize("mode", BOTH)
def test_a_work_queue_deleted_under_us_is_made_again_and_told(
    rabbitmq: Broker, queue: str, mode: TopologyMode
) -> None:
    troubles = Troubles()

    async def scenario() -> None:
        settings = settings_for(rabbitmq, queue, topology=mode)
        async with consuming(settings, Recorder(), events=troubles) as consumer:
            with Peer(rabbitmq.url) as peer:
                peer.delete(queue)
            await eventually(lambda: troubles.recreated)
            await eventually(lambda: consumer.is_ready)

    asyncio.run(scenario())
    assert troubles.recreated == [queue]
    assert troubles.now == {}


def test_a_work_queue_that_its_producer_declares_is_a_trouble_until_it_is_there(
    rabbitmq: Broker, queue: str
) -> None:
    troubles = Troubles()

    async def scenario() -> None:
        settings = settings_for(rabbitmq, queue, topology=TopologyMode.NONE)
        with Peer(rabbitmq.url) as peer:
            peer.declare(queue)
            async with consuming(settings, Recorder(), events=troubles) as consumer:
                peer.delete(queue)
                await eventually(lambda: "producer" in troubles.now.get(queue_trouble(queue), ""))
                peer.declare(queue)
                await eventually(lambda: consumer.is_ready, seconds=40)

    asyncio.run(scenario())
    assert troubles.recreated == []
    assert troubles.changes == [(queue_trouble(queue), True), (queue_trouble(queue), False)]


@pytest.mark.parametrize("mode", BOTH)
def test_a_dead_queue_deleted_under_us_is_made_again_and_told(
    rabbitmq: Broker, queue: str, mode: TopologyMode
) -> None:
    troubles = Troubles()

    async def scenario() -> None:
        settings = settings_for(rabbitmq, queue, topology=mode)
        async with consuming(settings, Recorder(mixed), events=troubles):
            with Peer(rabbitmq.url) as peer:
                peer.delete(f"{queue}.dead")
                peer.publish(queue, b"m0")
                await eventually(lambda: peer.ready(f"{queue}.dead") == 1)
                await eventually(lambda: not troubles.now)

    asyncio.run(scenario())
    assert troubles.recreated == [f"{queue}.dead"]


def test_fault_20_the_operator_gets_a_mail_about_a_deleted_queue(scene: Scene) -> None:
    ops = "ops@example.org"
    scene.settings |= {"alerts_to": f"email:{ops}", "email_from": "shop@example.com"}
    with scene.worker() as worker, Peer(scene.broker.url) as peer:
        peer.delete(scene.queue)
        worker.wait_for("queue was deleted and is created again")
        wait_until(lambda: ops in scene.server.deliveries, on_failure=lambda: worker.output)
        assert worker.terminate() == 0

    [mail] = scene.server.accepted
    subject = f"Subject: [dispatcher] queue {scene.queue} was deleted and is created again"
    assert subject.encode() in mail.data.replace(b"\r\n ", b" ")


def test_a_connection_that_is_lost_is_a_trouble_until_there_is_one(
    rabbitmq: Broker, queue: str
) -> None:
    troubles = Troubles()
    port = int(rabbitmq.url.rpartition(":")[2].partition("/")[0])

    async def scenario() -> None:
        async with tcp_proxy("127.0.0.1", port) as proxy:
            settings = settings_for(rabbitmq, queue, url=rabbitmq.with_(port=proxy.port))
            async with consuming(settings, Recorder(), events=troubles) as consumer:
                proxy.cut()
                await eventually(lambda: BROKER in troubles.now)
                await eventually(lambda: consumer.is_ready)

    asyncio.run(scenario())
    assert troubles.changes == [(BROKER, True), (BROKER, False)]


@pytest.mark.parametrize("mistreated_broker", ["current"], indirect=True)
@pytest.mark.parametrize(
    ("starve", "feed"),
    [
        (("set_vm_memory_high_watermark", "0.000001"), ("set_vm_memory_high_watermark", "0.6")),
        (("set_disk_free_limit", "100000GB"), ("set_disk_free_limit", "50MB")),
    ],
    ids=["memory", "disk"],
)
def test_a_broker_short_of_memory_or_disk_is_a_trouble_until_it_takes_copies_again(
    mistreated_broker: Broker, queue: str, starve: tuple[str, str], feed: tuple[str, str]
) -> None:
    troubles = Troubles()
    control = mistreated_broker.control
    assert control is not None
    gate = asyncio.Event()

    async def scenario() -> None:
        handler = _gated(gate, Recorder(mixed))
        async with consuming(settings_for(mistreated_broker, queue), handler, events=troubles):
            with Peer(mistreated_broker.url) as peer:
                peer.publish(queue, b"m0", b"m3")
                await eventually(lambda: peer.ready(queue) == 0)
                await asyncio.to_thread(control, *starve)
                try:
                    gate.set()
                    await eventually(lambda: ALARM in troubles.now)
                    await asyncio.sleep(1)
                    assert peer.ready(f"{queue}.dead") == 0
                finally:
                    await asyncio.to_thread(control, *feed)
                await eventually(lambda: peer.ready(f"{queue}.dead") == 2)
                await eventually(lambda: not troubles.now)

    asyncio.run(scenario())
    assert troubles.changes == [(ALARM, True), (ALARM, False)]


def _gated(
    gate: asyncio.Event, handler: Callable[[InboundMessage], Awaitable[Settlement]]
) -> Callable[[InboundMessage], Awaitable[Settlement]]:
    async def wait_and_handle(message: InboundMessage) -> Settlement:
        await gate.wait()
        return await handler(message)

    return wait_and_handle
