"""A shop under a fault: broker, proxy, scripted SMTP server, worker processes, and the oracle."""

import asyncio
import json
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pika

from tests.support.orders import an_order, shop_settings
from tests.support.rabbit import Broker, Peer
from tests.support.smtp_script import Call, CutAfter
from tests.support.smtp_server import SmtpServer
from tests.support.tcp_proxy import TcpProxy, tcp_proxy
from tests.support.threads import loop_in_thread
from tests.support.worker import Worker, running, wait_until

TIERS = (200, 210, 220, 230, 240, 250, 260, 270)
REASON = "x-dispatcher-reason"


@dataclass(frozen=True)
class Account:
    """Where every published id has ended. `sent`: by the SMTP server's log; `dead`: its reason."""

    sent: Counter[str]
    dead: dict[str, str]
    waiting: Counter[str]

    @property
    def duplicates(self) -> int:
        return sum(self.sent.values()) - len(self.sent)


class Scene:
    """Publishes straight to the broker; workers reach it through the proxy."""

    def __init__(
        self, folder: Path, broker: Broker, queue: str, server: SmtpServer | None = None
    ) -> None:
        self.folder, self.broker, self.queue = folder, broker, queue
        self.published: list[str] = []
        self.server = server or SmtpServer()
        self.proxy: TcpProxy
        self.settings: dict[str, str] = {}
        self.workers: list[Worker] = []
        self._loop: asyncio.AbstractEventLoop

    @contextmanager
    def playing(self) -> Iterator["Scene"]:
        """Server and proxy run in one loop of their own thread, so that a call of the server's
        script happens to the proxy before the reply that it goes with."""
        stack = AsyncExitStack()
        with loop_in_thread() as self._loop:
            try:
                asyncio.run_coroutine_threadsafe(self._enter(stack), self._loop).result(10)
                yield self
            finally:
                asyncio.run_coroutine_threadsafe(stack.aclose(), self._loop).result(20)

    async def _enter(self, stack: AsyncExitStack) -> None:
        host, _, port = self.broker.url.rpartition("@")[2].partition("/")[0].partition(":")
        await stack.enter_async_context(self.server)
        self.proxy = await stack.enter_async_context(tcp_proxy(host, int(port)))
        relay = f"smtp://127.0.0.1:{self.server.port}"
        settings = shop_settings(self.folder, self.broker_url(), relay, self.queue)
        tiers = ",".join(f"{tier}ms" for tier in TIERS)
        self.settings = settings | {"lease": "2s", "grace": "5s", "retry_delays": tiers}

    def broker_url(self, query: str = "") -> str:
        """The broker's address through the proxy."""
        return self.broker.with_(port=self.proxy.port, query=query)

    def in_loop(self, function: Callable[[], object]) -> None:
        """Call it in the loop of server and proxy."""
        self._loop.call_soon_threadsafe(function)

    @contextmanager
    def worker(self, *arguments: str, **changes: str) -> Iterator[Worker]:
        """A worker that consumes; the latest is the one that `kill` kills."""
        with self.worker_unawaited(*arguments, **changes) as worker:
            worker.wait_for("consuming")
            yield worker

    @contextmanager
    def worker_unawaited(self, *arguments: str, **changes: str) -> Iterator[Worker]:
        """The same, which may not consume yet."""
        with running(self.folder, self.settings | changes, *arguments) as worker:
            self.workers.append(worker)
            yield worker

    def kill(self) -> None:
        """kill -9 once what was accepted before is recorded; does not wait for the end."""
        time.sleep(0.2)
        self.workers[-1].process.kill()

    def has_ended(self) -> bool:
        """Whether the latest worker has."""
        return self.workers[-1].process.poll() is not None

    def kill_at(self, phase: str, *, address: str | None = None, times: int = 1) -> None:
        """Kill the worker when it has come to `phase` of a mail."""
        mild = {"connect": "220 hello", "data": "354 go on", "dot": "250 2.0.0 queued"}
        reply = mild.get(phase, "250 2.0.0 ok")
        self.server.on(phase, Call(self.kill, reply), address=address, times=times)

    def kill_in_payload(self, size: int) -> None:
        """Kill the worker when so many bytes of a mail have arrived."""
        self.server.on("payload", CutAfter(size, before=self.kill), times=1)

    def publish(self, *bodies: bytes) -> None:
        """Publish, and count on each id."""
        with Peer(self.broker.url) as peer:
            if peer.ready(self.queue) is None:
                peer.declare(self.queue, {"x-queue-type": "quorum"})
            peer.publish(self.queue, *bodies)
        self.published += [json.loads(body)["id"] for body in bodies]

    def publish_orders(self, count: int, first: int = 0) -> None:
        """So many orders, numbered from `first`, each to a recipient of its own."""
        self.publish(*(an_order(number) for number in range(first, first + count)))

    def await_end(self, worker: Worker) -> int:
        """Wait until the process has ended; its code."""
        wait_until(lambda: worker.process.poll() is not None, on_failure=lambda: worker.output)
        return worker.process.wait()

    def finish(self, *, dead: int = 0, seconds: float = 60, **changes: str) -> Worker:
        """A worker that runs until everything is sent or dead and acked, and ends with 0."""
        with self.worker(**changes) as worker:
            self.await_settled(worker, dead=dead, seconds=seconds)
            assert worker.terminate() == 0, worker.output
        return worker

    def await_settled(self, worker: Worker, *, dead: int = 0, seconds: float = 60) -> None:
        """Wait until all but `dead` are sent, those are dead, and the work queue is empty."""
        live = len(set(self.published)) - dead
        with Peer(self.broker.url) as peer:
            wait_until(
                lambda: (
                    len(set(self.server.deliveries)) >= live
                    and (peer.ready(f"{self.queue}.dead") or 0) >= dead
                    and not peer.ready(self.queue)
                ),
                seconds=seconds,
                on_failure=lambda: f"{len(set(self.server.deliveries))} sent\n{worker.output}",
            )

    def _drain(self) -> None:
        """Let workers work until nothing waits. Asked between them: what an ended worker had in
        hand is among the ready again."""

        def is_drained() -> bool:
            with Peer(self.broker.url) as peer:
                if not any(peer.ready(name) for name in (self.queue, *self.tiers())):
                    return True
            with self.worker_unawaited("--drain") as worker:
                assert self.await_end(worker) == 0, worker.output
            return False

        wait_until(is_drained)

    def tiers(self) -> list[str]:
        """The names of the retry queues."""
        delays = self.settings["retry_delays"].replace("ms", "").split(",")
        return [f"{self.queue}.retry.{delay}" for delay in delays]

    def sent_so_far(self) -> int:
        return len(self.server.accepted)

    def has_sent(self, count: int) -> Callable[[], bool]:
        """Whether so many mails have been sent, as `wait_until` asks."""
        return lambda: self.sent_so_far() >= count

    @contextmanager
    def ledger_held(self) -> Iterator[None]:
        """The ledger's file is held by somebody else meanwhile: nobody can write it."""
        with closing(sqlite3.connect(self.folder / "ledger.db", isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            try:
                yield
            finally:
                holder.execute("ROLLBACK")

    def account(self) -> Account:
        """Take everything out of every queue, and prove that each id ended in exactly one place."""
        sent: Counter[str] = Counter()
        for address in self.server.deliveries:
            sent[f"id-{address.removeprefix('user').partition('@')[0]}"] += 1
        dead, waiting = self.left()
        places = Counter((*sent, *dead, *waiting))
        assert set(places) == set(self.published), "lost or invented"
        twice = [name for name, n in places.items() if n > 1]
        assert not twice, f"in two places: {twice}; dead: {dead}; waiting: {waiting}"
        assert all(n == 1 for n in waiting.values()), f"queued twice: {waiting}"
        return Account(sent, dead, waiting)

    def left(self) -> tuple[dict[str, str], Counter[str]]:
        """Take everything out of every queue: the dead with their reason, and what waits."""
        with Peer(self.broker.url) as peer:
            dead = {
                _id(body): str((properties.headers or {})[REASON])
                for properties, body in _take(peer, f"{self.queue}.dead")
            }
            names = (self.queue, *self.tiers())
            waiting = Counter(_id(body) for name in names for _, body in _take(peer, name))
        return dead, waiting

    def all_sent(self, *, duplicates: int = 0) -> None:
        """Every id is sent, and at most so many a second time. A copy of what is sent, left by a
        lost confirm, must go without another mail."""
        self._drain()
        account = self.account()
        assert (account.dead, account.waiting) == ({}, Counter())
        assert account.duplicates <= duplicates, [n for n in account.sent if account.sent[n] > 1]
        print(f"{len(account.sent)} sent, {account.duplicates} duplicates of {duplicates} allowed")


def _take(peer: Peer, queue: str) -> list[tuple[pika.BasicProperties, bytes]]:
    return [] if peer.ready(queue) is None else peer.take_all(queue)


def _id(body: bytes) -> str:
    return str(json.loads(body)["id"])
