"""Queues, their arguments, the exchange and the bindings: as shown, and on RabbitMQ."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.integration.contract.outside import Home, golden, shape_faults
from tests.integration.contract.rabbit_peer import RabbitPeer
from tests.integration.contract.scene import unique

PLAN: dict[str, Any] = golden("topology")
OUTPUTS: dict[str, Any] = golden("outputs")


def arguments(kind: str, queue: str, ms: int = 0) -> dict[str, Any]:
    """The arguments of the queue's work, retry or dead queue."""
    filled = {
        name: value.format(queue=queue, ms=ms) if isinstance(value, str) else value
        for name, value in PLAN[kind].items()
    }
    if "x-message-ttl" in filled:
        filled["x-message-ttl"] = ms
    return filled


def queues_of(queue: str, tiers: list[int]) -> dict[str, dict[str, Any]]:
    """Name -> arguments of all that a work queue needs."""
    retry = {f"{queue}.retry.{ms}": arguments("retry", queue, ms) for ms in tiers}
    work, dead = arguments("work", queue), arguments("dead", queue)
    return {queue: work, f"{queue}.dead": dead, **retry}


def by_kind(rows: list[Mapping[str, Any]], kind: str) -> dict[str, Any]:
    return {row["name"]: row["arguments"] for row in rows if row["kind"] == kind}


def test_the_whole_plan_is_shown_without_a_broker(home: Home) -> None:
    rows = home.with_(BROKER_URL="amqp://127.0.0.1:1/").read("topology", "show")

    expected: dict[str, Any] = {}
    for queue in PLAN["default queues"]:
        expected |= queues_of(queue, PLAN["default tiers"])
    assert by_kind(rows, "queue") == expected
    assert by_kind(rows, "binding").keys() == {f"dispatcher:{name}={name}" for name in expected}
    exchange = PLAN["exchange"]
    assert by_kind(rows, "exchange") == {exchange["name"]: exchange["arguments"]}
    assert shape_faults(rows, OUTPUTS["topology show"]) == []


def test_a_producer_s_exchange_and_arguments_are_in_the_plan(home: Home) -> None:
    chosen = home.with_(
        BROKER_URL="amqp://127.0.0.1:1/",
        QUEUES="email=mails",
        RETRY_DELAYS="250ms,1m",
        BINDINGS="shop(topic):order.*=mails,till:paid=mails",
        QUEUE_ARGUMENTS='{"x-max-priority": 9}',
    )

    rows = chosen.read("topology", "show")

    assert by_kind(rows, "queue") == {
        "mails": {"x-max-priority": 9},
        "mails.dead": arguments("dead", "mails"),
        "mails.retry.250": arguments("retry", "mails", 250),
        "mails.retry.60000": arguments("retry", "mails", 60000),
    }
    exchanges = by_kind(rows, "exchange")
    assert exchanges["shop"]["type"] == "topic"
    assert exchanges["till"]["type"] == "direct"
    assert {"shop:order.*=mails", "till:paid=mails"} <= by_kind(rows, "binding").keys()


@pytest.fixture
def queue(broker_url: str) -> Iterator[str]:
    """A queue's name; what belongs to it is deleted."""
    name = unique("contract-plan")["email"]
    yield name
    with RabbitPeer(broker_url) as peer:
        peer.delete(queues_of(name, [250, 60000]))
        peer.delete_exchange(f"{name}-shop")


@pytest.fixture
def operator(home: Home, broker_url: str, queue: str) -> Home:
    """Commands about that queue."""
    return home.with_(
        BROKER_URL=broker_url,
        QUEUES=f"email={queue}",
        RETRY_DELAYS="250ms,1m",
        BINDINGS=f"{queue}-shop(topic):order.*={queue}",
    )


def test_what_is_applied_is_what_is_there(operator: Home, queue: str, broker_url: str) -> None:
    before = operator.run("topology", "check", "--json")
    operator.ok("topology", "apply")
    after = operator.run("topology", "check", "--json")

    assert before.code == 1
    assert shape_faults(before.json, OUTPUTS["topology check"]) == []
    absent = {row["name"] for row in before.json if row["finding"] == "absent"}
    assert set(queues_of(queue, [250, 60000])) <= absent
    assert (after.code, after.json) == (0, [])
    with RabbitPeer(broker_url) as peer:
        for name, expected in queues_of(queue, [250, 60000]).items():
            assert peer.exists_as(name, expected), name
            peer.publish(name, b"through the exchange", exchange="dispatcher")
        peer.publish("order.paid", b"through their exchange", exchange=f"{queue}-shop")
        assert peer.exchange_exists_as("dispatcher", "direct")
        assert peer.exchange_exists_as(f"{queue}-shop", "topic")
        assert (peer.ready(queue) or 0) >= 2
        assert peer.ready(f"{queue}.dead") == 1


def test_a_queue_of_other_arguments_is_adopted_and_not_owned(
    operator: Home, queue: str, broker_url: str
) -> None:
    with RabbitPeer(broker_url) as peer:
        peer.declare(queue, {"x-queue-type": "classic"})

    adopted = operator.run("topology", "apply")
    checked = operator.run("topology", "check", "--json")
    owned = operator.with_(TOPOLOGY="own").run("topology", "apply")

    assert adopted.code == 0
    assert checked.code == 1
    assert [(row["name"], row["finding"]) for row in checked.json] == [(queue, "differs")]
    assert owned.code == 78
    assert queue in owned.stderr


def test_in_mode_none_the_work_queue_is_left_to_its_producer(
    operator: Home, queue: str, broker_url: str
) -> None:
    operator.with_(TOPOLOGY="none", BINDINGS="").run("topology", "apply")

    with RabbitPeer(broker_url) as peer:
        assert peer.ready(queue) is None
        assert peer.exists_as(f"{queue}.dead", arguments("dead", queue))
        assert peer.exists_as(f"{queue}.retry.250", arguments("retry", queue, 250))
