"""Lanes: which queues hand out urgent messages first, on each version of RabbitMQ."""

import asyncio
from collections.abc import Mapping

import pika
import pytest

from tests.support.consuming import Recorder, consuming, settings_for
from tests.support.rabbit import Broker, Peer

QUORUM = {"x-queue-type": "quorum"}
CLASSIC = {"x-queue-type": "classic", "x-max-priority": 10}
USUAL = [f"usual {number}".encode() for number in range(8)]
URGENT = [f"urgent {number}".encode() for number in range(4)]


def order_of(broker: Broker, queue: str, arguments: Mapping[str, object]) -> list[bytes]:
    """How twelve messages that waited are handed out, one after the other: the usual ones came
    first, and without a priority."""
    with Peer(broker.url) as peer:
        peer.declare(queue, arguments)
        peer.publish(queue, *USUAL)
        urgent = pika.BasicProperties(delivery_mode=2, priority=9)
        peer.publish(queue, *URGENT, properties=urgent)

    async def scenario() -> Recorder:
        recorder = Recorder()
        async with consuming(settings_for(broker, queue, prefetch=1), recorder):
            await recorder.saw(len(USUAL) + len(URGENT))
        return recorder

    return asyncio.run(scenario()).bodies


def test_a_classic_queue_with_priorities_hands_out_the_urgent_first(
    any_broker: Broker, queue: str
) -> None:
    assert order_of(any_broker, queue, CLASSIC) == [*URGENT, *USUAL]


def test_a_quorum_queue_of_4_0_hands_out_two_urgent_for_each_usual_one(
    rabbitmq: Broker, queue: str
) -> None:
    order = order_of(rabbitmq, queue, QUORUM)

    assert set(order[:6]) == {*URGENT, *USUAL[:2]}
    assert [body for body in order if body in USUAL] == USUAL


def test_a_quorum_queue_of_4_3_hands_out_the_urgent_first(rabbitmq_new: Broker, queue: str) -> None:
    assert order_of(rabbitmq_new, queue, QUORUM) == [*URGENT, *USUAL]


@pytest.mark.parametrize("arguments", [QUORUM, {"x-queue-type": "classic"}], ids=str)
def test_other_queues_of_3_10_take_no_notice_of_a_priority(
    rabbitmq_old: Broker, queue: str, arguments: Mapping[str, object]
) -> None:
    assert order_of(rabbitmq_old, queue, arguments) == [*USUAL, *URGENT]
