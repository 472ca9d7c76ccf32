"""A relay that takes a mail and never answers: the worker says that nothing is settled."""

import asyncio
import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adapters.clock import SystemClock
from adapters.message_format.rules import Properties
from adapters.sqlite.queue import SqliteQueue
from tests.support.orders import an_order, shop_settings
from tests.support.ports import free_port
from tests.support.rabbit import Broker, Peer
from tests.support.smtp_script import Hang
from tests.support.smtp_server import SmtpServer
from tests.support.threads import in_thread
from tests.support.worker import clean_environment, wait_until

IMPATIENT = """
from entrypoints.container import Container
from entrypoints.cli import main
Container.settlement_period.override(1.0)
main(["worker"])
"""


@contextmanager
def worker(folder: Path, settings: dict[str, str]) -> Iterator[int]:
    """A worker that waits a second instead of two minutes; the port of its pages."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", IMPATIENT],
        env=clean_environment(**settings, http=f"127.0.0.1:{port}"),
        cwd=folder,
        stdin=subprocess.DEVNULL,
    )
    try:
        yield port
    finally:
        process.kill()
        process.wait()


def readiness(port: int) -> tuple[int, dict[str, str]]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=30) as reply:
            code, text = reply.status, reply.read()
    except urllib.error.HTTPError as error:
        code, text = error.code, error.read()
        error.close()
    except urllib.error.URLError:
        return 0, {}
    return code, {cause["name"]: cause["cause"] for cause in json.loads(text)["causes"]}


def stalled(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as reply:
        found = re.search(r"^dispatcher_settlement_stalled (\d)$", reply.read().decode(), re.M)
    return found.group(1) if found else ""


def publish_embedded(path: Path, *bodies: bytes) -> None:
    async def fill() -> None:
        queue = SqliteQueue(path, SystemClock())
        for body in bodies:
            await queue.publish("email", body, Properties(), {})
        await queue.close()

    asyncio.run(fill())


def _becomes_unready(port: int) -> None:
    wait_until(lambda: readiness(port)[0] == 503 and "settlement" in readiness(port)[1], seconds=20)
    cause = readiness(port)[1]["settlement"]
    assert cause.startswith("1 messages are in hand and no message was settled")
    assert stalled(port) == "1"


def test_field_1_3_a_stall_makes_a_worker_of_the_embedded_queue_unready_until_it_settles(
    tmp_path: Path,
) -> None:
    with in_thread(SmtpServer()) as server:
        relay = f"smtp://127.0.0.1:{server.port}"
        settings = shop_settings(tmp_path, f"sqlite:///{tmp_path}/queue.db", relay, "email")
        server.on("dot", Hang(), times=1)
        publish_embedded(tmp_path / "queue.db", an_order(1))
        with worker(tmp_path, settings) as port:
            _becomes_unready(port)
            publish_embedded(tmp_path / "queue.db", an_order(2))
            wait_until(lambda: readiness(port) == (200, {}))
            assert stalled(port) == "0"


def test_field_1_3_a_stall_makes_a_worker_of_rabbitmq_unready_until_it_settles(
    tmp_path: Path, rabbitmq: Broker, queue: str
) -> None:
    with in_thread(SmtpServer()) as server, Peer(rabbitmq.url) as peer:
        relay = f"smtp://127.0.0.1:{server.port}"
        settings = shop_settings(tmp_path, rabbitmq.url, relay, queue)
        server.on("dot", Hang(), times=1)
        peer.declare(queue, {"x-queue-type": "quorum"})
        peer.publish(queue, an_order(1))
        with worker(tmp_path, settings) as port:
            _becomes_unready(port)
            peer.publish(queue, an_order(2))
            wait_until(lambda: readiness(port) == (200, {}))
            assert stalled(port) == "0"
