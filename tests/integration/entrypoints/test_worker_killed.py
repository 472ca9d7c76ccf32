"""kill -9 on a worker, and a new one on the same machine: its messages do not wait for a lease."""

import asyncio
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from adapters.clock import SystemClock
from adapters.message_format.rules import Properties
from adapters.sqlite.queue import SqliteQueue
from tests.support.orders import an_order, shop_settings
from tests.support.rabbit import Broker, Peer
from tests.support.smtp_script import Hang
from tests.support.smtp_server import SmtpServer
from tests.support.threads import in_thread
from tests.support.worker import running, wait_until

MAILS = 20
SOON = 12.0
"""Seconds from the start of the new worker: much less than a lease of 30 seconds."""


def _killed_and_replaced(tmp_path: Path, settings: dict[str, str], server: SmtpServer) -> None:
    server.on("dot", Hang(), times=5)
    with running(tmp_path, settings) as worker:
        wait_until(
            lambda: sum(session.payloads for session in server.sessions) >= 5,
            on_failure=lambda: worker.output,
        )
        worker.kill()
    before = len(server.accepted)

    with running(tmp_path, settings) as worker:
        worker.wait_for("worker starting")
        began = time.monotonic()
        wait_until(lambda: len(server.accepted) >= before + 5, on_failure=lambda: worker.output)
        took = time.monotonic() - began
        wait_until(
            lambda: {a for m in server.accepted for a in m.recipients} >= expected(),
            on_failure=lambda: worker.output,
        )
        assert worker.terminate() == 0

    assert took < SOON


def expected() -> set[str]:
    return {f"user{number}@example.com" for number in range(MAILS)}


def test_field_7_9_messages_of_a_killed_worker_of_the_embedded_queue_flow_at_once(
    tmp_path: Path,
) -> None:
    async def fill() -> None:
        queue = SqliteQueue(tmp_path / "queue.db", SystemClock())
        for number in range(MAILS):
            await queue.publish("email", an_order(number), Properties(), {})
        await queue.close()

    asyncio.run(fill())
    with in_thread(SmtpServer()) as server:
        relay = f"smtp://127.0.0.1:{server.port}"
        settings = shop_settings(tmp_path, f"sqlite:///{tmp_path}/queue.db", relay, "email")
        _killed_and_replaced(tmp_path, settings | {"email_pool": "5"}, server)

    with closing(sqlite3.connect(tmp_path / "queue.db")) as file:
        assert file.execute("SELECT count(*) FROM message").fetchone() == (0,)
    assert not list(tmp_path.glob("queue.db-alive-*"))


def test_field_7_9_messages_of_a_killed_worker_of_rabbitmq_flow_at_once(
    tmp_path: Path, rabbitmq: Broker, queue: str
) -> None:
    with Peer(rabbitmq.url) as peer, in_thread(SmtpServer()) as server:
        peer.declare(queue, {"x-queue-type": "quorum"})
        peer.publish(queue, *(an_order(number) for number in range(MAILS)))
        relay = f"smtp://127.0.0.1:{server.port}"
        settings = shop_settings(tmp_path, rabbitmq.url, relay, queue)
        _killed_and_replaced(tmp_path, settings | {"email_pool": "5"}, server)
