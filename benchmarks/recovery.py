"""How soon mails flow again: after a broker's restart, a worker's death, a relay's outage.

`python -m benchmarks.recovery [--runs N]`. Real parts: RabbitMQ in a container, which is stopped
and started; worker processes; a scripted SMTP server. Exits with 1 when a time is above its limit.
"""

import argparse
import asyncio
import logging
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pika.exceptions import AMQPError
from tests.support.orders import an_order, shop_settings
from tests.support.rabbit import Broker, Peer
from tests.support.smtp_script import Hang
from tests.support.smtp_server import SmtpServer
from tests.support.threads import in_thread
from tests.support.worker import Worker, running, wait_until

from adapters.clock import SystemClock
from adapters.message_format.rules import Properties
from adapters.sqlite.queue import SqliteQueue
from benchmarks.services import Unavailable, rabbitmq_container

OUTAGE = 10.0  # seconds
IN_HAND = 5
_LOOK = 0.02


@dataclass
class Recovery:
    """What is measured, in seconds: each run, and the limit."""

    name: str
    limit: float
    times: list[float] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether every run was within the limit."""
        return max(self.times) <= self.limit

    def __str__(self) -> str:
        runs = "  ".join(f"{time:5.2f}" for time in self.times)
        return f"{self.name:<52} {runs}   limit {self.limit:g}   {'ok' if self.holds else 'LATE'}"


@contextmanager
def _broker() -> Iterator[Broker]:
    with rabbitmq_container() as container:

        def control(*arguments: str) -> None:
            code, output = container.exec(["rabbitmqctl", *arguments])
            if code != 0:
                raise Unavailable(f"rabbitmqctl {' '.join(arguments)}: {output!r}")

        where = f"{container.get_container_host_ip()}:{container.get_exposed_port(5672)}"
        yield Broker(url=f"amqp://guest:guest@{where}/%2F", version="current", control=control)


def _until(holds: Callable[[], bool], worker: Worker) -> float:
    """Seconds until it holds, from now."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > 60:
            raise Unavailable(f"not within a minute: {worker.output[-2000:]}")
        time.sleep(_LOOK)
    return time.monotonic() - began


def broker_back(folder: Path, broker: Broker, queue: str) -> float:
    """From the broker's return, when it takes a connection, until its queue is consumed."""
    assert broker.control is not None
    settings = shop_settings(folder, broker.url, f"maildir:{folder}/mail", queue)
    with running(folder, settings) as worker:
        worker.wait_for("consuming")
        broker.control("stop_app")
        time.sleep(OUTAGE)
        starting = threading.Thread(target=broker.control, args=("start_app",))
        starting.start()
        _until(lambda: _takes_a_connection(broker), worker)
        took = _until(lambda: len(worker.events("consuming")) > 1, worker)
        starting.join()
        return took


def _takes_a_connection(broker: Broker) -> bool:
    try:
        with Peer(broker.url):
            return True
    except (AMQPError, OSError):
        return False


def killed(folder: Path, broker_url: str, queue: str, publish: Callable[[int], None]) -> float:
    """From the start of the new worker until the first mail that the dead one had in hand."""
    server = SmtpServer()
    with in_thread(server):
        relay = f"smtp://127.0.0.1:{server.port}"
        settings = shop_settings(folder, broker_url, relay, queue) | {"email_pool": str(IN_HAND)}
        server.on("dot", Hang(), times=IN_HAND)
        for number in range(IN_HAND):
            publish(number)
        with running(folder, settings) as worker:
            wait_until(lambda: sum(s.payloads for s in server.sessions) == IN_HAND)
            worker.kill()
        with running(folder, settings) as worker:
            return _until(lambda: bool(server.accepted), worker)


def relay_back(folder: Path, queue_url: str, publish: Callable[[int], None]) -> float:
    """From the relay's return until the first mail."""
    with in_thread(SmtpServer()) as first:
        port = first.port
    settings = shop_settings(folder, queue_url, f"smtp://127.0.0.1:{port}", "email")
    for number in range(100):
        publish(number)
    with running(folder, settings) as worker:
        worker.wait_for("channel is paused: what it needs is away")
        time.sleep(OUTAGE)
        server = SmtpServer(port=port)
        with in_thread(server):
            return _until(lambda: bool(server.accepted), worker)


def _embedded(folder: Path) -> tuple[str, Callable[[int], None]]:
    path = folder / "queue.db"

    async def publish(number: int) -> None:
        queue = SqliteQueue(path, SystemClock())
        await queue.publish("email", an_order(number), Properties(), {})
        await queue.close()

    return f"sqlite:///{path}", lambda number: asyncio.run(publish(number))


def _on_broker(peer: Peer, queue: str) -> Callable[[int], None]:
    return lambda number: peer.publish(queue, an_order(number))


def measure(runs: int) -> list[Recovery]:
    """Every recovery, so many times."""
    back = Recovery("broker back after 10 s: consuming", 5.0)
    rabbit = Recovery("kill -9, new worker (RabbitMQ, ledger in SQLite)", 2.0)
    embedded = Recovery("kill -9, new worker (embedded queue)", 2.0)
    relay = Recovery("relay back after 10 s: first mail", 5.0)
    with ExitStack() as stack:
        broker = stack.enter_context(_broker())
        for run in range(runs):
            folders = [
                Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="recovery-")))
                for _ in range(4)
            ]
            queue = f"recovery-{run}"
            with Peer(broker.url) as peer:
                peer.declare(queue, {"x-queue-type": "quorum"})
                publish = _on_broker(peer, queue)
                rabbit.times.append(killed(folders[0], broker.url, queue, publish))
            back.times.append(broker_back(folders[1], broker, queue))
            url, publish = _embedded(folders[2])
            embedded.times.append(killed(folders[2], url, "email", publish))
            url, publish = _embedded(folders[3])
            relay.times.append(relay_back(folders[3], url, publish))
    return [back, rabbit, embedded, relay]


def main() -> int:
    """Print the table."""
    logging.getLogger("pika").setLevel(logging.CRITICAL)  # it reports each look at a broker away
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.recovery")
    parser.add_argument("--runs", type=int, default=3)
    try:
        table = measure(parser.parse_args().runs)
    except Unavailable as error:
        print(error, file=sys.stderr)
        return 69
    print("seconds, each run")
    for line in table:
        print(line)
    return 0 if all(line.holds for line in table) else 1


if __name__ == "__main__":
    sys.exit(main())
