"""Three workers, a RabbitMQ cluster of three nodes and a ledger on Redis lose a node and a worker.

`python -m tests.support.cluster_run MAILS`. All mails are queued first. The node that leads the
queue is killed when a quarter is sent, a worker when half is; both stay away. Exits with 1 when a
mail is lost or dead, or is sent twice with no kill in its reply window, or when more are sent twice
than one worker has in hand.
"""

import os
import random
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pika.exceptions

from tests.integration.faults.scene import Scene
from tests.support.chaos_cluster import Node, rabbitmq_cluster
from tests.support.chaos_log import ChaoticServer
from tests.support.containers import RABBITMQ
from tests.support.orders import an_order
from tests.support.rabbit import Peer
from tests.support.redis_server import redis_server
from tests.support.worker import Worker, wait_until

WORKERS = 3
QUEUE = "cluster"
IN_HAND = 80
"""The most messages that one of them has in hand: eight for each of its ten connections."""


@dataclass(frozen=True)
class Result:
    """How a run ended. `seconds`: from the start of the workers to the last mail; `pause`: the
    longest time with no mail; `window`: from the earliest mail that was sent twice to the kill."""

    published: int
    sent: int
    dead: Counter[str]
    lost: list[str]
    duplicates: Counter[str]
    unexplained: list[str]
    node: str
    seconds: float
    pause: float
    window: float

    @property
    def holds(self) -> bool:
        has_sent_all = self.sent == self.published and not (self.dead or self.lost)
        return has_sent_all and not self.unexplained and self.duplicates.total() <= IN_HAND

    def __str__(self) -> str:
        return "\n".join(
            (
                f"killed       node {self.node}, which led the queue; one of {WORKERS} workers",
                f"published    {self.published}",
                f"delivered    {self.sent}",
                f"dead         {self.dead.total()} {dict(self.dead)}",
                f"lost         {len(self.lost)} {self.lost[:10]}",
                f"duplicates   {self.duplicates.total()} {dict(self.duplicates)}",
                f"earliest     {self.window:.2f} s before the kill",
                f"unexplained  {len(self.unexplained)}",
                *self.unexplained[:10],
                f"pause        {self.pause:.1f} s at most between two mails",
                f"took         {self.seconds:.0f} s, {self.published / self.seconds:.0f} mails/s",
            )
        )


class ClusterRun:
    """One run on a cluster and a Redis of its own."""

    def __init__(self, folder: Path, nodes: list[Node], ledger_url: str, *, mails: int) -> None:
        self._nodes = nodes
        self._mails = mails
        self._ledger_url = ledger_url
        self._server = ChaoticServer(random.Random(0))
        self._server.is_chaotic = False
        self._scene = Scene(folder, nodes[-1].broker, QUEUE, self._server)

    def run(self) -> Result:
        """Queue all, let them flow, kill a node and a worker, wait for the rest, count."""
        self._publish()
        with self._scene.playing() as scene, ExitStack() as running:
            scene.settings |= {"ledger_url": self._ledger_url, "lease": "10s"}
            began = time.monotonic()
            workers = [self._worker(running, place) for place in range(WORKERS)]
            self._await_sent(self._mails // 4, workers)
            leader = self._leader()
            leader.kill()
            self._await_sent(self._mails // 2, workers)
            self._server.struck("kill")
            workers.pop(0).kill()
            self._await_end(workers)
            seconds = time.monotonic() - began
            codes = [worker.terminate() for worker in workers]
            assert codes == [0] * len(codes), codes
            return self._count(leader, seconds)

    def _publish(self) -> None:
        bodies = [an_order(number) for number in range(self._mails)]
        self._scene.published = [f"id-{number}" for number in range(self._mails)]
        with Peer(self._nodes[0].broker.url) as peer:
            peer.declare(QUEUE, {"x-queue-type": "quorum"})  # led by this node
            peer.flood(QUEUE, bodies)
            wait_until(lambda: peer.ready(QUEUE) == self._mails, seconds=300)

    def _worker(self, running: ExitStack, place: int) -> Worker:
        """Its first node is another one than its neighbour's; the others follow."""
        nodes = [*self._nodes[place:], *self._nodes[:place]]
        urls = ",".join(node.broker.url for node in nodes)
        return running.enter_context(self._scene.worker(broker_url=urls))

    def _leader(self) -> Node:
        names: list[str] = []

        def is_told() -> bool:
            with suppress(OSError):  # a busy node does not answer in time
                queue = self._nodes[-1].broker.api("GET", f"queues/%2F/{QUEUE}?columns=leader")
                names.append(queue["leader"])
            return bool(names)

        wait_until(is_told, seconds=120)
        return next(node for node in self._nodes if node.name == names[-1])

    def _sent(self) -> int:
        return len(self._server.acceptances)

    def _await_sent(self, count: int, workers: list[Worker]) -> None:
        wait_until(
            lambda: self._sent() >= count,
            seconds=60 + self._mails / 20,
            on_failure=lambda: f"{self._sent()} sent\n{workers[-1].output}",
        )

    def _await_end(self, workers: list[Worker]) -> None:
        def is_settled() -> bool:
            # Asked once a second at most, and again where the node is too busy to answer.
            time.sleep(1)
            with suppress(pika.exceptions.AMQPError, OSError), Peer(url) as peer:
                dead = peer.ready(f"{QUEUE}.dead") or 0
                return self._sent() + dead >= self._mails and not peer.ready(QUEUE)
            return False

        url = self._nodes[-1].broker.url
        wait_until(
            is_settled,
            seconds=300 + self._mails / 20,
            on_failure=lambda: f"{self._sent()} sent\n{workers[-1].output}",
        )

    def _count(self, leader: Node, seconds: float) -> Result:
        sent = self._server.sent()
        dead, waiting = self._scene.left()
        repetitions = list(self._server.repetitions())
        ended = {*sent, *dead, *waiting}
        return Result(
            published=self._mails,
            sent=len(sent),
            dead=Counter(dead.values()),
            lost=sorted(set(self._scene.published) - ended),
            duplicates=Counter(str(blow) for _, blow, _ in repetitions),
            unexplained=[seen for _, blow, seen in repetitions if blow is None],
            node=leader.name,
            seconds=seconds,
            pause=self._pause(),
            window=self._window(),
        )

    def _pause(self) -> float:
        accepted = sorted(one.at for each in self._server.acceptances.values() for one in each)
        return max(after - before for before, after in pairwise(accepted))

    def _window(self) -> float:
        """The server records the earlier of two."""
        firsts = [each[0].at for each in self._server.acceptances.values() if len(each) > 1]
        return max((self._server.blows[0].at - first for first in firsts), default=0.0)


def cluster_run(folder: Path, mails: int) -> Result:
    """Start what is needed, and run."""
    with (
        redis_server(folder) as redis,
        rabbitmq_cluster(os.environ.get(*RABBITMQ)) as nodes,
    ):
        return ClusterRun(folder, nodes, redis.url, mails=mails).run()


def main() -> int:
    """Print what was counted."""
    with tempfile.TemporaryDirectory(prefix="cluster-") as folder:
        result = cluster_run(Path(folder), int(sys.argv[1]))
    print(result)
    return 0 if result.holds else 1


if __name__ == "__main__":
    sys.exit(main())
