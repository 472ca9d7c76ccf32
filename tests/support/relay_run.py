"""Many mails through a real mail server: how long it takes, and what it costs in attempts."""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.support.mail_servers import MARK, MailServer
from tests.support.orders import an_order, shop_settings
from tests.support.rabbit import Broker, Peer
from tests.support.worker import Worker, running

PAUSED = "channel is paused: what it needs is away"
_LOOK = 0.25
_PATIENCE = 240.0


@dataclass(frozen=True)
class RelayResult:
    """How a run ended. `accepted`: mails in the server's spool by id. `seconds`: from the first
    worker's start of consuming to the last mail."""

    published: int
    accepted: Counter[str]
    dead: int
    deferred: int
    pauses: int
    attempts: Counter[int]
    seconds: float

    @property
    def lost(self) -> int:
        return self.published - len(self.accepted) - self.dead

    @property
    def twice(self) -> int:
        return sum(self.accepted.values()) - len(self.accepted)

    @property
    def all_at_once(self) -> bool:
        """Whether each mail was sent once, at the first attempt, with no deferral and no pause."""
        return (
            len(self.accepted) == self.published
            and not (self.twice or self.dead or self.deferred or self.pauses)
            and set(self.attempts) == {1}
        )

    def __str__(self) -> str:
        return (
            f"{self.published} published, {len(self.accepted)} accepted, {self.twice} twice, "
            f"{self.dead} dead, {self.lost} lost, {self.deferred} deferrals, {self.pauses} pauses, "
            f"attempts {dict(self.attempts)}, {self.seconds:.1f} s"
        )


@dataclass(kw_only=True)
class RelayRun:
    """`workers` worker processes send `mails` mails to `server` in `mode` (see MailServer.url)."""

    folder: Path
    broker: Broker
    queue: str
    server: MailServer
    mails: int
    mode: str = "plain"
    workers: int = 1
    pool: int = 10

    def run(self, *, at_half: Callable[[], None] = lambda: None) -> RelayResult:
        """Publish, send everything, count. `at_half` is called once half of the mails are out."""
        settings = shop_settings(
            self.folder, self.broker.url, self.server.url(self.mode), self.queue
        )
        settings |= {"email_pool": str(self.pool), "email_ca_file": str(self.server.ca_file)}
        bodies = [an_order(number, headers={MARK: f"id-{number};"}) for number in range(self.mails)]
        with Peer(self.broker.url) as peer, ExitStack() as stack:
            peer.declare(self.queue, {"x-queue-type": "quorum"})
            peer.flood(self.queue, bodies)
            began = time.monotonic()
            workers = [
                stack.enter_context(running(self.folder, settings)) for _ in range(self.workers)
            ]
            ended = self._await_end(peer, workers, at_half)
            for worker in workers:
                assert worker.terminate() == 0, worker.output
            dead = peer.ready(f"{self.queue}.dead") or 0
        return self._result(workers, dead, ended - began)

    def _await_end(self, peer: Peer, workers: list[Worker], at_half: Callable[[], None]) -> float:
        give_up = time.monotonic() + _PATIENCE
        half_done = False
        while True:
            sent = sum(len(worker.events("notification sent")) for worker in workers)
            settled = sent + (peer.ready(f"{self.queue}.dead") or 0)
            if settled >= self.mails:
                return time.monotonic()
            if not half_done and sent >= self.mails // 2:
                half_done = True
                at_half()
            assert time.monotonic() < give_up, f"{settled} settled: {workers[0].output[-4000:]}"
            time.sleep(_LOOK)

    def _result(self, workers: list[Worker], dead: int, seconds: float) -> RelayResult:
        return RelayResult(
            published=self.mails,
            accepted=self.server.accepted(),
            dead=dead,
            deferred=sum(len(worker.events("notification deferred")) for worker in workers),
            pauses=sum(len(worker.events(PAUSED)) for worker in workers),
            attempts=Counter(
                entry["attempt"]
                for worker in workers
                for entry in worker.events("notification sent")
            ),
            seconds=seconds,
        )
