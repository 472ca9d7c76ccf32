"""Outcome events on a real broker: what is published arrives, and what cannot be is counted."""

import asyncio
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from adapters.rabbitmq.backoff import Backoff
from adapters.rabbitmq.outcome_events import OutcomeExchange
from adapters.rabbitmq.settings import RabbitSettings, TopologyMode
from adapters.rabbitmq.topology import Topology, TopologyFinding
from domain.backoff import DoublingWait
from tests.fakes import eventually
from tests.integration.rabbitmq.test_rights import PUBLISHING, READER, ROWS, grant, works
from tests.support.consuming import settings_for
from tests.support.orders import an_order, shop_settings
from tests.support.rabbit import Broker, Peer
from tests.support.smtp_script import Say
from tests.support.smtp_server import SmtpServer
from tests.support.threads import in_thread
from tests.support.worker import metrics_of, run_command, running

QUICK = DoublingWait(first=0.1, longest=0.2)
KIND = "application/cloudevents+json"
AWAY = "outcome events cannot be published; deliveries go on"
BACK = "outcome events are published again"
DROPPED = "outcome events are dropped"


def listening(peer: Peer, queue: str, exchange: str, key: str = "#") -> str:
    """A queue that gets the events; its name."""
    name = f"{queue}.audit"
    peer.declare_exchange(exchange, "topic")
    peer.declare(name)
    peer.bind(name, exchange, key)
    return name


def an_exchange(settings: RabbitSettings, name: str, **options: Any) -> OutcomeExchange:
    options.setdefault("last", 2.0)
    return OutcomeExchange(settings, name, KIND, backoff=partial(Backoff, QUICK), **options)


def test_events_arrive_in_order_and_are_confirmed(
    rabbitmq: Broker, queue: str, exchange: str
) -> None:
    outcomes = an_exchange(settings_for(rabbitmq, queue), exchange)
    with Peer(rabbitmq.url) as peer:
        audit = listening(peer, queue, exchange, "email.*")

        async def scenario() -> None:
            async with outcomes.at_work():
                for number in range(1000):
                    outcomes.take("email.sent", f"e-{number}", b"%d" % number)
                outcomes.take("slack.sent", "elsewhere", b"0")

        asyncio.run(scenario())

        found = peer.take_all(audit)
    assert [body for _, body in found] == [b"%d" % number for number in range(1000)]
    first = found[0][0]
    assert (first.content_type, first.message_id, first.delivery_mode) == (KIND, "e-0", 2)
    assert (outcomes.published, outcomes.dropped, outcomes.waiting) == (1001, 0, 0)


def test_the_exchange_is_there_before_the_first_event_and_again_after_it_was_deleted(
    rabbitmq: Broker, queue: str, exchange: str
) -> None:
    outcomes = an_exchange(settings_for(rabbitmq, queue), exchange)

    async def scenario() -> None:
        async with outcomes.at_work():
            with Peer(rabbitmq.url) as peer:
                audit = f"{queue}.audit"
                peer.declare(audit)
                peer.bind(audit, exchange, "#")
                peer.delete_exchange(exchange)
                outcomes.take("email.sent", "1", b"nobody listens")
                await eventually(lambda: outcomes.published == 1)
                peer.bind(audit, exchange, "#")
                outcomes.take("email.sent", "2", b"heard")
                await eventually(lambda: outcomes.published == 2)
                assert [body for _, body in peer.take_all(audit)] == [b"heard"]

    with capture_logs() as lines:
        asyncio.run(scenario())
    assert [line["event"] for line in lines] == [AWAY, BACK]
    assert "no exchange" in lines[0]["error"]


def test_without_the_right_to_write_nothing_is_published_and_it_is_said_once(
    rabbitmq: Broker, queue: str, exchange: str
) -> None:
    if rabbitmq.management is None:
        pytest.skip("needs the management API to make a user")
    rabbitmq.add_user(queue, configure="^$", write="^$", read="^$")
    settings = settings_for(rabbitmq, queue, url=rabbitmq.with_(user=queue))
    outcomes = an_exchange(settings, exchange, last=0.1)
    with Peer(rabbitmq.url) as peer:
        audit = listening(peer, queue, exchange)

        async def scenario() -> None:
            async with outcomes.at_work():
                outcomes.take("email.sent", "1", b"1")
                await asyncio.sleep(1)
                assert outcomes.waiting == 1

        with capture_logs() as lines:
            asyncio.run(scenario())

        assert peer.take_all(audit) == []
    rabbitmq.api("DELETE", f"users/{queue}")
    assert [line["event"] for line in lines] == [AWAY, DROPPED]
    assert "access to exchange" in lines[0]["error"].lower()
    assert (outcomes.published, outcomes.dropped) == (0, 1)


def test_events_wait_for_the_broker_and_what_finds_no_room_is_counted(
    rabbitmq: Broker, queue: str, exchange: str
) -> None:
    away = settings_for(rabbitmq, queue, url="amqp://guest:guest@127.0.0.1:1/%2F")
    outcomes = an_exchange(away, exchange, capacity=100, last=0.1)

    async def scenario() -> None:
        async with outcomes.at_work():
            for number in range(50):
                outcomes.take("email.sent", str(number), bytes(10))
            assert (outcomes.waiting, outcomes.dropped) == (10, 40)

    with capture_logs() as lines:
        asyncio.run(scenario())

    dropped = [line for line in lines if line["event"] == DROPPED]
    assert sum(line["events"] for line in dropped) == 50
    assert len(dropped) == 2  # the first, and at the end how many there were
    assert outcomes.dropped == 50


def test_what_a_queue_behind_the_exchange_refuses_is_dropped_and_the_others_arrive(
    rabbitmq: Broker, queue: str, exchange: str
) -> None:
    outcomes = an_exchange(settings_for(rabbitmq, queue), exchange)
    with Peer(rabbitmq.url) as peer:
        audit, full = listening(peer, queue, exchange, "email.sent"), f"{queue}.full"
        peer.declare(full, {"x-max-length": 1, "x-overflow": "reject-publish"})
        peer.bind(full, exchange, "slack.sent")

        async def scenario() -> None:
            async with outcomes.at_work():
                for number in range(5):
                    outcomes.take("slack.sent", f"s{number}", b"s")
                    outcomes.take("email.sent", f"e{number}", b"e")
                    await eventually(lambda: outcomes.waiting == 0)

        asyncio.run(scenario())

        assert len(peer.take_all(audit)) == 5
    assert outcomes.dropped >= 3
    assert outcomes.published + outcomes.dropped == 10


@pytest.mark.parametrize("mode", TopologyMode)
def test_the_plan_has_the_exchange_and_apply_creates_it(
    rabbitmq: Broker, queue: str, exchange: str, mode: TopologyMode
) -> None:
    settings = settings_for(rabbitmq, queue, events=exchange, topology=mode)
    topology = Topology(settings)

    def findings() -> dict[str, TopologyFinding]:
        return {d.name: d.finding for d in asyncio.run(topology.check())}

    assert findings()[exchange] is TopologyFinding.ABSENT
    asyncio.run(topology.apply())

    assert exchange not in findings()
    assert asyncio.run(topology.look_for_events()) == ("topic", None)
    row = next(row for row in topology.describe() if row.name == exchange)
    assert (row.kind, row.arguments) == ("exchange", {"type": "topic", "durable": True})


def test_a_worker_publishes_what_became_of_each_message(
    rabbitmq: Broker, queue: str, exchange: str, tmp_path: Path
) -> None:
    with in_thread(SmtpServer()) as server, Peer(rabbitmq.url) as peer:
        server.on("rcpt", Say("550 5.1.1 no such user"), address="user2")
        relay = f"smtp://127.0.0.1:{server.port}"
        settings = shop_settings(tmp_path, rabbitmq.url, relay, queue)
        settings |= {"events": exchange, "http": "127.0.0.1:0"}
        with running(tmp_path, settings) as worker:
            worker.wait_for("consuming")
            audit = listening(peer, queue, exchange)
            peer.publish(queue, an_order(1), an_order(2), b"no JSON")
            worker.wait_until(lambda: peer.ready(audit) == 3)
            published = "dispatcher_outcome_events_published_total 3"  # once confirmed
            worker.wait_until(lambda: published in metrics_of(worker))
            doctor = run_command("doctor", settings=settings, cwd=tmp_path)
            assert worker.terminate() == 0
        events = [json.loads(body) for _, body in peer.take_all(audit)]

    found = {event["subject"]: event for event in events}
    assert {e["type"].rpartition(".")[2] for e in events} == {"sent", "dead_lettered"}
    assert found["id-1"]["data"]["recipients"] == 1
    assert found["id-2"]["data"]["reason"] == "recipient_refused"
    assert f"exchange {exchange}: is there for outcome events (type topic)" in doctor.stdout


def test_outcome_events_are_published_and_read_with_their_rows(
    rabbitmq: Broker, queue: str
) -> None:
    exchange, audit, reader = "dispatcher.events", f"{queue}.audit", f"{queue}.reader"
    settings = settings_for(rabbitmq, queue, events=exchange)
    asyncio.run(Topology(settings).apply())
    poor = settings_for(rabbitmq, queue, url=grant(rabbitmq, queue, PUBLISHING), events=exchange)
    rights = ROWS[READER]
    configure, write, read = (
        pattern.replace("audit", audit) for pattern in (rights.configure, rights.write, rights.read)
    )
    rabbitmq.add_user(reader, configure=configure, write=write, read=read)

    async def publish() -> None:
        outcomes = OutcomeExchange(poor, exchange, KIND)
        async with outcomes.at_work():
            outcomes.take("email.sent", "1", b"an event")

    with capture_logs() as logs, Peer(rabbitmq.with_(user=reader)) as peer:
        peer.declare(audit)
        peer.bind(audit, exchange, "email.*")
        asyncio.run(publish())
        assert [body for _, body in peer.take_all(audit)] == [b"an event"]
    assert logs == []
    assert works(rabbitmq, poor, queue) == []
    for name in (queue, reader):
        rabbitmq.api("DELETE", f"users/{name}")


def test_several_processes_publish_and_their_counts_are_added_up(
    rabbitmq: Broker, queue: str, exchange: str, tmp_path: Path
) -> None:
    count = 60
    with in_thread(SmtpServer()) as server, Peer(rabbitmq.url) as peer:
        settings = shop_settings(tmp_path, rabbitmq.url, f"smtp://127.0.0.1:{server.port}", queue)
        settings |= {"events": exchange, "http": "127.0.0.1:0", "prefetch": "1"}
        audit = listening(peer, queue, exchange)
        with running(tmp_path, settings, "--processes", "2") as worker:
            worker.wait_until(lambda: len(worker.events("consuming")) == 2)
            peer.publish(queue, *(an_order(number) for number in range(count)))
            worker.wait_until(lambda: peer.ready(audit) == count)
            line = f"dispatcher_outcome_events_published_total {count}"
            worker.wait_until(lambda: line in metrics_of(worker))
            assert worker.terminate() == 0
        subjects = [json.loads(body)["subject"] for _, body in peer.take_all(audit)]
    assert sorted(subjects) == sorted(f"id-{number}" for number in range(count))
