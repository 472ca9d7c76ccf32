"""Three nodes: two of them fall silent, and the one that leads the queue dies (fault 21)."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.faults.scene import Scene
from tests.support.chaos_cluster import Node, rabbitmq_cluster
from tests.support.cluster_run import cluster_run
from tests.support.containers import RABBITMQ, require_docker
from tests.support.rabbit import Broker, Peer
from tests.support.smtp_script import Say
from tests.support.tools import tool
from tests.support.worker import wait_until

ORDERS = 2000


@pytest.fixture
def cluster(rabbitmq: Broker) -> Iterator[list[Node]]:
    """Of its own for each test, since a node that was killed stays dead."""
    if rabbitmq.control is None:
        pytest.skip("needs Docker, and was given a broker")
    with rabbitmq_cluster(os.environ.get(*RABBITMQ)) as nodes:
        yield nodes


@pytest.mark.slow
def test_fault_21_a_node_left_alone_takes_no_copies_until_the_others_are_back(
    tmp_path: Path, cluster: list[Node]
) -> None:
    ours, *others = cluster
    queue = "lonely"
    with Peer(ours.broker.url) as peer:
        peer.declare(queue, {"x-queue-type": "quorum"})

    with Scene(tmp_path, ours.broker, queue).playing() as scene:
        scene.server.on("dot", Say("250 2.0.0 queued", delay=0.05))
        scene.server.on("rcpt", Say("450 4.2.1 later"), address="7@example.com", times=100)
        scene.publish_orders(ORDERS // 2)
        with scene.worker() as worker:
            wait_until(lambda: scene.sent_so_far() > ORDERS // 8, on_failure=lambda: worker.output)
            for node in others:
                node.freeze()
            try:
                time.sleep(10)
                alone = scene.sent_so_far()
                time.sleep(5)
                assert scene.sent_so_far() == alone < ORDERS // 2
                assert worker.process.poll() is None
            finally:
                for node in others:
                    node.thaw()
            scene.await_settled(worker, seconds=200)
            assert worker.terminate() == 0

        scene.all_sent()


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


@pytest.mark.slow
def test_a_node_and_a_worker_die_while_three_workers_share_a_ledger_and_no_mail_is_lost(
    tmp_path: Path,
) -> None:
    require_docker()
    tool("redis-server")

    result = cluster_run(tmp_path, 50_000)

    assert result.holds, str(result)
