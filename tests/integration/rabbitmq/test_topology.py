"""The three modes, and what an operator is told, on real brokers."""

import asyncio

import pytest
from structlog.testing import capture_logs

from adapters.inbound.contract import BrokerUnavailable, DeadCopy, Settlement, TopologyMismatch
from adapters.rabbitmq.connect_faults import LoginRefused
from adapters.rabbitmq.consumer import RabbitConsumer
from adapters.rabbitmq.settings import Binding, RabbitSettings, TopologyMode, work_queue
from adapters.rabbitmq.topology import Topology, TopologyFinding
from domain.events import BROKER, Event, TroubleBegan
from tests.fakes import FakeEvents, eventually
from tests.support.amqp_proxy import amqp_proxy
from tests.support.consuming import Recorder, consuming, settings_for
from tests.support.rabbit import Broker, Peer


def _findings(settings: RabbitSettings) -> dict[str, TopologyFinding]:
    return {d.name: d.finding for d in asyncio.run(Topology(settings).check())}


def test_what_is_absent_is_reported_and_then_applied(broker: Broker, queue: str) -> None:
    settings = settings_for(broker, queue)
    ours = [f"{queue}.dead", f"{queue}.retry.200", queue]

    before = _findings(settings)
    asyncio.run(Topology(settings).apply())

    assert [name for name in before if name.startswith(queue)] == ours
    assert {before[name] for name in ours} == {TopologyFinding.ABSENT}
    assert _findings(settings) == {}
    with Peer(broker.url) as peer:
        for name in ours:
            peer.publish(name, b"routed", exchange="dispatcher")


def test_a_difference_names_the_argument_theirs_and_ours(broker: Broker, queue: str) -> None:
    settings = settings_for(broker, queue)
    with Peer(broker.url) as peer:
        ours = dict(work_queue(settings, queue).arguments)
        peer.declare(queue, ours | {"x-delivery-limit": 7})
    asyncio.run(Topology(settings).apply())

    [difference] = asyncio.run(Topology(settings).check())

    assert difference.finding is TopologyFinding.DIFFERS
    assert difference.name == queue
    assert "x-delivery-limit=7, ours is x-delivery-limit=50" in difference.text
    assert "\n" not in difference.text


def test_a_queue_that_its_producer_owns_is_never_different(broker: Broker, queue: str) -> None:
    settings = settings_for(broker, queue, topology=TopologyMode.NONE)
    with Peer(broker.url) as peer:
        peer.declare(queue, {"x-queue-type": "classic", "x-max-length": 9})
    asyncio.run(Topology(settings).apply())

    assert _findings(settings) == {}


def test_owning_the_topology_refuses_a_queue_that_differs(broker: Broker, queue: str) -> None:
    settings = settings_for(broker, queue, topology=TopologyMode.OWN)
    with Peer(broker.url) as peer:
        peer.declare(queue, {"x-queue-type": "classic"})

    with pytest.raises(TopologyMismatch, match=f"queue {queue} has .*=none, ours is .*"):
        asyncio.run(RabbitConsumer(settings).run(Recorder()))
    with pytest.raises(TopologyMismatch, match="DISPATCHER_TOPOLOGY=adopt"):
        asyncio.run(Topology(settings).apply())


def test_own_arguments_for_work_queues_replace_ours(broker: Broker, queue: str) -> None:
    arguments = {"x-queue-type": "classic", "x-max-priority": 3}
    settings = settings_for(broker, queue, topology=TopologyMode.OWN, queue_arguments=arguments)

    asyncio.run(Topology(settings).apply())

    with Peer(broker.url) as peer:
        peer.declare(queue, arguments)


def test_once_all_exists_no_configure_right_is_needed(broker: Broker, queue: str) -> None:
    if broker.management is None:
        pytest.skip("needs the management API to make a user")
    exchange = f"{queue}-exchange"
    bindings = (Binding(exchange=exchange, routing_key="k", queue=queue),)
    asyncio.run(Topology(settings_for(broker, queue, bindings=bindings)).apply())
    ours = f"^(dispatcher|{queue}(\\.(dead|retry\\.[0-9]+))?)$"
    broker.add_user(queue, configure="^$", write=ours, read=f"^(dispatcher|{queue}.*)$")
    poor = settings_for(broker, queue, url=broker.with_(user=queue), bindings=bindings)
    recorder = Recorder()

    async def scenario() -> None:
        async with consuming(poor, recorder):
            with Peer(broker.url) as peer:
                peer.publish("k", b"allowed", exchange=exchange)
            await eventually(lambda: recorder.messages)

    asyncio.run(scenario())

    assert recorder.bodies == [b"allowed"]
    assert set(_findings(poor).values()) == {TopologyFinding.UNSEEN}
    broker.api("DELETE", f"users/{queue}")


def test_a_queue_that_may_not_be_created_is_named(rabbitmq: Broker, queue: str) -> None:
    if rabbitmq.management is None:
        pytest.skip("needs the management API to make a user")
    rabbitmq.add_user(queue, configure="^$", write=".*", read=".*")
    poor = settings_for(rabbitmq, queue, url=rabbitmq.with_(user=queue))

    with pytest.raises(TopologyMismatch, match="is missing and this user may not create it"):
        asyncio.run(Topology(poor).apply())
    rabbitmq.api("DELETE", f"users/{queue}")


def test_the_plan_is_described_without_asking_the_broker(queue: str) -> None:
    binding = Binding(exchange="orders", routing_key="mail", queue=queue)
    nowhere = Broker(url="amqp://nobody:secret@127.0.0.1:1/%2F", version="none")

    rows = Topology(settings_for(nowhere, queue, bindings=(binding,))).describe()

    names = [(row.kind, row.name) for row in rows]
    assert ("exchange", "dispatcher") in names
    assert ("exchange", "orders") in names
    assert ("queue", f"{queue}.retry.200") in names
    assert ("queue", f"{queue}.dead") in names
    assert ("binding", f"orders:mail={queue}") in names
    assert "secret" not in repr(rows)


def test_an_exchange_that_hands_every_copy_to_every_queue_is_refused(
    rabbitmq: Broker, queue: str
) -> None:
    if rabbitmq.management is None:
        pytest.skip("needs the management API to make a virtual host")
    rabbitmq.api("PUT", f"vhosts/{queue}", {})
    try:
        url = f"{rabbitmq.url.rpartition('/')[0]}/{queue}"
        with Peer(url) as peer:
            peer.declare_exchange("dispatcher", "fanout")

        with pytest.raises(TopologyMismatch, match="has type=fanout, ours is type=direct"):
            asyncio.run(RabbitConsumer(settings_for(rabbitmq, queue, url=url)).run(Recorder()))
    finally:
        rabbitmq.api("DELETE", f"vhosts/{queue}")


@pytest.mark.parametrize("wrong", ["password", "vhost"])
def test_a_refused_login_is_told_from_a_lost_network(
    broker: Broker, queue: str, wrong: str
) -> None:
    url = broker.with_(user="nobody") if wrong == "password" else f"{broker.url}-absent"
    settings = settings_for(broker, queue, url=url)

    async def scenario() -> list[Event]:
        events = FakeEvents()
        consumer = RabbitConsumer(settings, events=events)
        running = asyncio.create_task(consumer.run(Recorder()))
        await eventually(lambda: events.events)
        consumer.stop()
        await running
        return events.events

    [event] = asyncio.run(scenario())
    assert isinstance(event, TroubleBegan)
    assert (event.trouble, event.is_login) == (BROKER, True)
    assert "nobody:nobody" not in repr(event)
    with pytest.raises(LoginRefused):
        asyncio.run(Topology(settings).check())


def test_a_broker_that_cannot_be_reached_is_said_in_one_line(queue: str) -> None:
    nowhere = Broker(url="amqp://nobody:secret@127.0.0.1:1/%2F", version="none")

    with pytest.raises(BrokerUnavailable) as unavailable:
        asyncio.run(Topology(settings_for(nowhere, queue)).check())

    assert "\n" not in str(unavailable.value)
    assert "secret" not in str(unavailable.value)
    assert not isinstance(unavailable.value, LoginRefused)


def test_without_the_right_to_bind_it_works_and_says_so_once(broker: Broker, queue: str) -> None:
    if broker.management is None:
        pytest.skip("needs the management API to make a user")
    asyncio.run(Topology(settings_for(broker, queue)).apply())
    broker.add_user(queue, configure="^$", write="^dispatcher$", read=f"^{queue}$")
    recorder = Recorder(lambda _: Settlement([DeadCopy(headers={})]))

    async def scenario() -> None:
        async with amqp_proxy(broker) as proxy:
            poor = settings_for(broker, queue, url=broker.with_(user=queue, port=proxy.port))
            async with consuming(poor, recorder) as consumer:
                await proxy.lose_channel(queue)
                await eventually(lambda: consumer.is_ready)
                with Peer(broker.url) as peer:
                    peer.publish(queue, b"dies")
                    await eventually(lambda: peer.ready(f"{queue}.dead") == 1)

    with capture_logs() as logs:
        asyncio.run(scenario())

    refused = [line["queue"] for line in logs if line["event"].startswith("binding was refused")]
    assert sorted(refused) == [queue, f"{queue}.dead", f"{queue}.retry.200"]
    broker.api("DELETE", f"users/{queue}")
