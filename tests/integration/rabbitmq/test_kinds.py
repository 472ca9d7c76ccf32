"""Queues that cannot hold work, exchanges of other types, and several brokers."""

import asyncio
import json
import re
import urllib.parse
from dataclasses import replace
from functools import partial
from pathlib import Path

import pika
import pytest
from structlog.testing import capture_logs

from adapters.inbound.contract import BrokerUnavailable, PublishRefused, TopologyMismatch
from adapters.message_format.rules import Properties
from adapters.rabbitmq.backoff import Backoff
from adapters.rabbitmq.connect_faults import LoginRefused
from adapters.rabbitmq.consumer import RabbitConsumer
from adapters.rabbitmq.publisher import RabbitPublisher
from adapters.rabbitmq.settings import Binding, RabbitSettings, TopologyMode
from adapters.rabbitmq.topology import Topology, TopologyFinding
from adapters.secret import Secret
from domain.backoff import DoublingWait
from domain.events import BROKER, TroubleBegan, queue_trouble
from tests.fakes import FakeEvents, eventually
from tests.support.consuming import Recorder, Troubles, consuming, settings_for
from tests.support.rabbit import Broker, Peer
from tests.support.tcp_proxy import tcp_proxy
from tests.support.worker import run_command

_QUICK = DoublingWait(first=0.1, longest=3.0)
NOWHERE = "amqp://guest:guest@127.0.0.1:1/"
STREAM = {"x-queue-type": "stream"}


@pytest.mark.parametrize(
    ("mode", "may_configure"),
    [
        *((mode, True) for mode in TopologyMode),
        (TopologyMode.ADOPT, False),
        (TopologyMode.NONE, False),
    ],
)
def test_field_7_2_a_work_queue_that_is_a_stream_is_refused_by_name(
    any_broker: Broker, queue: str, mode: TopologyMode, may_configure: bool
) -> None:
    with Peer(any_broker.url) as peer:
        peer.declare(queue, STREAM)
        peer.publish(queue, b"kept by the stream")
    settings = settings_for(any_broker, queue, topology=mode)
    if not may_configure:
        if any_broker.management is None:
            pytest.skip("needs the management API to make a user")
        asyncio.run(_without_stream_check(settings))
        any_broker.add_user(queue, configure="^$", write="^dispatcher$", read=f"^{queue}$")
        settings = replace(settings, url=Secret(any_broker.with_(user=queue)))
    recorder = Recorder()

    with pytest.raises(TopologyMismatch, match=f"queue {queue} (is a stream|has x-queue-type)"):
        asyncio.run(RabbitConsumer(settings).run(recorder))

    assert recorder.messages == []


async def _without_stream_check(settings: RabbitSettings) -> None:
    """Make the retry and dead queues; applying stops at the stream, which comes last."""
    with pytest.raises(TopologyMismatch):
        await Topology(settings).apply()


def test_field_7_2_a_stream_is_told_by_the_commands_and_takes_no_message(
    rabbitmq: Broker, queue: str, tmp_path: Path
) -> None:
    with Peer(rabbitmq.url) as peer:
        peer.declare(queue, STREAM)
    settings = settings_for(rabbitmq, queue)
    commands = {
        "broker_url": rabbitmq.url,
        "queues": f"email={queue}",
        "email_url": "maildir:mail",
        "retry_delays": "200ms",
    }

    async def publish() -> None:
        publisher = RabbitPublisher(settings)
        try:
            await publisher.publish(queue, b"{}", properties=Properties(), headers={})
        finally:
            await publisher.close()

    with pytest.raises(PublishRefused, match="is a stream"):
        asyncio.run(publish())
    found = {d.name: d for d in asyncio.run(Topology(settings).check())}
    (tmp_path / "templates").mkdir()
    doctor = run_command("doctor", settings=commands, cwd=tmp_path)
    status = run_command("status", settings=commands, cwd=tmp_path)

    assert found[queue].finding is TopologyFinding.DIFFERS
    assert f"queue {queue} is a stream" in found[queue].text
    assert doctor.returncode == 78
    assert f"queue {queue}: is a stream" in doctor.stdout
    assert f"queue {queue} is a stream" in status.stderr


def test_field_7_2_a_queue_that_another_connection_holds_is_a_trouble_with_its_name(
    any_broker: Broker, queue: str
) -> None:
    troubles = Troubles()
    holder = pika.BlockingConnection(pika.URLParameters(any_broker.url))
    holder.channel().queue_declare(queue, exclusive=True)

    async def scenario() -> None:
        consumer = RabbitConsumer(
            settings_for(any_broker, queue),
            backoff=lambda: Backoff(_QUICK),
            events=troubles,
        )
        running = asyncio.create_task(consumer.run(Recorder()))
        await eventually(lambda: queue_trouble(queue) in troubles.now)
        assert not consumer.is_ready
        assert "exclusive access" in troubles.now[queue_trouble(queue)]
        holder.close()
        await eventually(lambda: consumer.is_ready)
        consumer.stop()
        await running

    asyncio.run(scenario())


@pytest.mark.parametrize("kind", ["topic", "fanout", "headers", "direct"])
def test_field_8_4_an_exchange_is_created_with_the_type_that_its_producer_declares(
    rabbitmq: Broker, queue: str, kind: str
) -> None:
    exchange = f"{queue}-shop"
    binding = Binding.parse(f"{exchange}({kind}):mail.order={queue}")
    settings = settings_for(rabbitmq, queue, bindings=(binding,))

    asyncio.run(Topology(settings).apply())

    assert {d.name for d in asyncio.run(Topology(settings).check())} == set()
    with Peer(rabbitmq.url) as producer:
        producer.declare_exchange(exchange, kind)
        if kind != "headers":
            producer.publish("mail.order", b"order", exchange=exchange)
            assert [body for _, body in producer.take_all(queue)] == [b"order"]


def test_field_8_4_an_exchange_of_another_type_is_adopted_unless_all_is_ours(
    rabbitmq: Broker, queue: str
) -> None:
    exchange = f"{queue}-shop"
    binding = Binding.parse(f"{exchange}(topic):mail.order={queue}")
    settings = settings_for(rabbitmq, queue, bindings=(binding,))
    with Peer(rabbitmq.url) as producer:
        producer.declare_exchange(exchange, "fanout")
        asyncio.run(Topology(settings).apply())
        producer.publish("anything", b"order", exchange=exchange)
        assert [body for _, body in producer.take_all(queue)] == [b"order"]

    with pytest.raises(TopologyMismatch, match="has type=fanout, ours is type=topic"):
        asyncio.run(Topology(replace(settings, topology=TopologyMode.OWN)).apply())


def test_field_7_3_the_first_broker_of_a_list_that_answers_is_used(
    rabbitmq: Broker, queue: str, tmp_path: Path
) -> None:
    urls = f"{NOWHERE},{rabbitmq.url}"
    settings = settings_for(rabbitmq, queue, url=urls)
    recorder = Recorder()

    async def scenario() -> None:
        async with consuming(settings, recorder):
            with Peer(rabbitmq.url) as peer:
                peer.publish(queue, b"work")
            await eventually(lambda: recorder.messages)

    asyncio.run(scenario())
    commands = {"broker_url": urls, "queues": f"email={queue}", "email_url": "maildir:mail"}
    status = run_command("status", settings=commands, cwd=tmp_path)
    shown = run_command("config", "show", settings=commands, cwd=tmp_path)

    assert status.returncode == 0, status.stderr
    assert "amqp://guest:***@127.0.0.1:1/,amqp://guest:***@" in shown.stdout


def test_field_7_3_a_worker_whose_broker_is_lost_goes_to_the_next_of_the_list(
    rabbitmq: Broker, queue: str
) -> None:
    parts = urllib.parse.urlsplit(rabbitmq.url)
    address = (parts.hostname or "127.0.0.1", parts.port or 5672)
    recorder, events = Recorder(), FakeEvents()

    async def scenario() -> None:
        async with tcp_proxy(*address) as second:
            async with tcp_proxy(*address) as first:
                urls = ",".join(rabbitmq.with_(port=proxy.port) for proxy in (first, second))
                settings = settings_for(rabbitmq, queue, url=urls)
                backoff = partial(Backoff, _QUICK)
                running = consuming(settings, recorder, backoff=backoff, events=events)
                await running.__aenter__()
                with Peer(rabbitmq.url) as peer:
                    peer.publish(queue, b"through the first")
                    await eventually(lambda: len(recorder.messages) == 1)
                first.cut()
            with Peer(rabbitmq.url) as peer:
                peer.publish(queue, b"through the second")
            await eventually(lambda: len(recorder.messages) == 2, seconds=20)
            await running.__aexit__(None, None, None)

    with capture_logs() as logs:
        asyncio.run(scenario())

    assert recorder.bodies == [b"through the first", b"through the second"]
    assert any(isinstance(e, TroubleBegan) and e.trouble == BROKER for e in events.events)
    assert "guest:guest" not in repr((logs, events.events))


def test_field_7_3_where_no_broker_of_a_list_answers_each_is_named(
    rabbitmq: Broker, queue: str
) -> None:
    wrong = rabbitmq.with_(user="nobody")
    away = settings_for(rabbitmq, queue, url=f"{NOWHERE},{wrong}")
    refused = settings_for(rabbitmq, queue, url=f"{wrong},{wrong}")

    with pytest.raises(BrokerUnavailable) as unavailable:
        asyncio.run(Topology(away).check())
    with pytest.raises(LoginRefused):
        asyncio.run(Topology(refused).check())

    assert not isinstance(unavailable.value, LoginRefused)
    assert "127.0.0.1:1: " in str(unavailable.value)
    assert "refuses the login" in str(unavailable.value)
    assert "nobody:nobody" not in str(unavailable.value)


def test_field_8_4_the_page_on_migrating_works_in_the_order_that_it_advises(
    rabbitmq: Broker, queue: str, tmp_path: Path
) -> None:
    page = (Path(__file__).parents[3] / "docs/migrating.md").read_text()
    section = page.split("## A producer that publishes to an exchange")[1].split("\n## ")[0]
    bindings = re.findall(r"DISPATCHER_BINDINGS='([^']+)' dispatcher topology apply", section)
    [producer] = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    exchange = f"{queue}-shop"
    settings = {
        "broker_url": rabbitmq.url,
        "queues": f"email={queue}",
        "bindings": bindings[0].replace("shop", exchange).replace("=email", f"={queue}"),
        "retry_delays": "200ms",
    }

    applied = run_command("topology", "apply", settings=settings, cwd=tmp_path)
    assert applied.returncode == 0, applied.stderr
    code = producer.replace("amqp://guest:guest@localhost:5672/", rabbitmq.url)
    exec(code.replace('"shop"', repr(exchange)), {})

    with Peer(rabbitmq.url) as peer:
        [(_, body)] = peer.take_all(queue)
    assert json.loads(body)["template"] == "welcome"
