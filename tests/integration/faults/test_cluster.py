"""Three nodes, and the death of the one that leads the queue (fault 21)."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import RABBITMQ
from tests.integration.faults.scene import Scene
from tests.support.chaos_cluster import Node, rabbitmq_cluster
from tests.support.rabbit import Broker, Peer
from tests.support.smtp_script import Say
from tests.support.worker import wait_until

ORDERS = 2000


@pytest.fixture
def cluster(rabbitmq: Broker) -> Iterator[list[Node]]:
    if rabbitmq.control is None:
        pytest.skip("needs Docker, and was given a broker")
    with rabbitmq_cluster(os.environ.get(*RABBITMQ)) as nodes:
        yield nodes


@pytest.mark.slow
def test_fault_21_the_queues_leader_dies_while_two_thousand_messages_flow(
    tmp_path: Path, cluster: list[Node]
) -> None:
    ours, leader, _ = cluster
    queue = "leaderless"
    with Peer(leader.broker.url) as peer:
        peer.declare(queue, {"x-queue-type": "quorum"})  # led by the node that it is declared at
    assert _leader(ours, queue) == leader.name

    with Scene(tmp_path, ours.broker, queue).playing() as scene:
        scene.server.on("dot", Say("250 2.0.0 queued", delay=0.02))
        scene.server.on("rcpt", Say("450 4.2.1 later"), address="7@example.com", times=200)
        scene.publish_orders(ORDERS)
        with scene.worker() as worker:
            wait_until(lambda: scene.sent_so_far() > ORDERS // 4, on_failure=lambda: worker.output)
            leader.kill()
            scene.await_settled(worker, seconds=200)
            wait_until(
                lambda: ours.broker.api("GET", f"queues/%2F/{queue}")["leader"] != leader.name
            )
            assert worker.terminate() == 0

        scene.all_sent()


def _leader(node: Node, queue: str) -> str:
    return str(node.broker.api("GET", f"queues/%2F/{queue}")["leader"])
