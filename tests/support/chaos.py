"""Two workers on one ledger and one broker, and everything that can happen to them, seeded.

`python -m tests.support.chaos SEED MINUTES [redis]`; the ledger is on SQLite unless told. Exits
with 1 when a message is lost, or sent twice with no kill or cut in its reply window.
"""

import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import pika.exceptions

from tests.integration.faults.scene import Scene
from tests.support.brokers import start_rabbitmq
from tests.support.chaos_log import NEVER, ChaoticServer
from tests.support.containers import RABBITMQ
from tests.support.orders import an_order
from tests.support.rabbit import Broker, Peer
from tests.support.redis_server import redis_server
from tests.support.worker import Worker, wait_until

WORKERS = 2
SETTLE = 300
"""Seconds: a broker that restarted repeats a dead-lettering of its own after three minutes."""


@dataclass(frozen=True)
class Result:
    """How a run ended. `strokes`: what was done to whom, how often."""

    published: int
    sent: int
    dead: Counter[str]
    waiting: int
    lost: list[str]
    duplicates: Counter[str]
    unexplained: list[str]
    strokes: Counter[str]

    @property
    def holds(self) -> bool:
        return not self.lost and not self.unexplained

    def __str__(self) -> str:
        return "\n".join(
            (
                f"strokes      {dict(self.strokes)}",
                f"published    {self.published}",
                f"sent         {self.sent}",
                f"dead         {self.dead.total()} {dict(self.dead)}",
                f"waiting      {self.waiting}",
                f"lost         {len(self.lost)} {self.lost[:10]}",
                f"duplicates   {self.duplicates.total()}",
                f"  explained by what fell into the reply window: {dict(self.duplicates)}",
                f"unexplained  {len(self.unexplained)}",
                *self.unexplained[:10],
            )
        )


class Chaos:
    """One run. `holds`: what is in doubt is held and not sent again, and each id is published once:
    then an id may be sent and dead in doubt, but never sent twice."""

    def __init__(
        self,
        folder: Path,
        broker: Broker,
        queue: str,
        *,
        seed: int,
        seconds: float,
        ledger_url: str | None = None,
        holds: bool = False,
    ) -> None:
        self._random = random.Random(seed)
        self._server = ChaoticServer(random.Random(seed + 1))
        self._scene = Scene(folder, broker, queue, self._server)
        self._broker = broker
        self._ledger_url = ledger_url
        self._holds = holds
        self._end = time.monotonic() + seconds
        self._restarts = broker.control is not None and seconds >= 120
        self._workers: list[Worker] = []
        self._strokes: Counter[str] = Counter()

    def run(self) -> Result:
        """Let it happen, then let it settle, then count."""
        with self._scene.playing() as scene, ExitStack() as running:
            scene.settings["retry_delays"] = "200ms,400ms,600ms,800ms,1000ms,1200ms,1400ms,1600ms"
            scene.settings["in_doubt"] = "hold" if self._holds else "resend"
            if self._ledger_url is not None:
                scene.settings["ledger_url"] = self._ledger_url
            scene.publish_orders(1)  # makes the queue
            for _ in range(WORKERS):
                self._workers.append(self._started(running))
            producing = threading.Thread(target=self._produce, daemon=True)
            producing.start()
            self._strike_until_the_end(running)
            producing.join()
            self._server.is_chaotic = False
            scene.in_loop(scene.proxy.thaw)
            self._settle(running)
            for worker in self._workers:
                worker.terminate()
            return self._count()

    def _started(self, running: ExitStack) -> Worker:
        return running.enter_context(self._scene.worker_unawaited())

    def _produce(self) -> None:
        """Some thirty a second; what is not confirmed is published again, some twice anyway."""
        number = 1
        chance = random.Random(number)
        while time.monotonic() < self._end:
            try:
                with Peer(self._broker.url) as peer:
                    while time.monotonic() < self._end:
                        changes = {"to": f"{NEVER}{number}@example.com"} if number % 50 == 0 else {}
                        order = an_order(number, **changes)
                        copies = 2 if chance.random() < 0.05 and not self._holds else 1
                        peer.publish(self._scene.queue, *[order] * copies)
                        self._scene.published.append(f"id-{number}")
                        number += 1
                        time.sleep(0.03)
            except (pika.exceptions.AMQPError, OSError):
                time.sleep(0.5)  # the broker restarts

    def _strike_until_the_end(self, running: ExitStack) -> None:
        strokes: list[Callable[[], None]] = [
            self._kill,
            self._kill,
            self._terminate,
            self._cut,
            self._freeze,
        ]
        next_restart = time.monotonic() + 60
        while time.monotonic() < self._end:
            time.sleep(self._random.uniform(0.5, 3))
            stroke = self._random.choice(strokes)
            if self._restarts and time.monotonic() > next_restart:
                stroke, next_restart = self._restart_broker, time.monotonic() + 120
            self._strokes[stroke.__name__.strip("_")] += 1
            stroke()
            self._revive(running)

    def _revive(self, running: ExitStack) -> None:
        for place, worker in enumerate(self._workers):
            if worker.process.poll() is not None:
                self._workers[place] = self._started(running)

    def _kill(self) -> None:
        self._server.struck("kill")
        self._random.choice(self._workers).kill()

    def _terminate(self) -> None:
        self._random.choice(self._workers).terminate()

    def _cut(self) -> None:
        self._scene.in_loop(self._scene.proxy.cut)

    def _freeze(self) -> None:
        self._scene.in_loop(self._scene.proxy.freeze)
        time.sleep(self._random.uniform(0.2, 3))
        if self._random.random() < 0.5:
            self._cut()
        self._scene.in_loop(self._scene.proxy.thaw)

    def _restart_broker(self) -> None:
        assert self._broker.control is not None
        self._broker.control("stop_app")
        self._broker.control("start_app")

    def _settle(self, running: ExitStack) -> None:
        self._revive(running)
        with suppress(AssertionError), Peer(self._broker.url) as peer:
            names = [self._scene.queue, *self._scene.tiers()]
            wait_until(
                lambda: (
                    len(self._server.sent()) + (peer.ready(f"{names[0]}.dead") or 0)
                    >= len(self._scene.published)
                    and not any(peer.ready(name) for name in names)
                ),
                seconds=SETTLE,
            )

    def _count(self) -> Result:
        sent = self._server.sent()
        dead, waiting = self._scene.left()
        both = [
            f"{name} is sent and dead"
            for name in sent
            if name in dead and not (self._holds and dead[name] == "in_doubt")
        ]
        repetitions = list(self._server.repetitions())
        published = set(self._scene.published)
        return Result(
            published=len(published),
            sent=len(sent),
            dead=Counter(dead.values()),
            waiting=len(set(waiting) - set(sent) - set(dead)),
            lost=sorted(published - set(sent) - set(dead) - set(waiting)),
            duplicates=Counter(str(blow) for _, blow, _ in repetitions),
            unexplained=[*(seen for _, blow, seen in repetitions if blow is None), *both],
            strokes=self._strokes,
        )


def main() -> int:
    """Run on a broker of its own, which it may restart."""
    seed, minutes = int(sys.argv[1]), float(sys.argv[2])
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chaos-")))
        broker = start_rabbitmq(stack, RABBITMQ, "current")
        ledger = None
        if sys.argv[3:] == ["redis"]:
            ledger = stack.enter_context(redis_server(folder)).url
        print(f"seed {seed}, {minutes} minutes; logs in {folder} while it runs", flush=True)
        chaos = Chaos(folder, broker, "chaos", seed=seed, seconds=minutes * 60, ledger_url=ledger)
        result = chaos.run()
        print(result)
        return 0 if result.holds else 1


if __name__ == "__main__":
    sys.exit(main())
