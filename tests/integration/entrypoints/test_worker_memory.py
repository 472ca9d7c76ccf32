"""Messages of ten mebibytes, more of them than fit into the memory of a small machine."""

import asyncio
import base64
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.clock import SystemClock
from adapters.message_format.rules import Properties
from adapters.sqlite.queue import SqliteQueue
from tests.support.orders import an_order, shop_settings
from tests.support.rabbit import Broker, Peer
from tests.support.smtp_script import Call
from tests.support.smtp_server import SmtpServer
from tests.support.threads import in_thread
from tests.support.worker import running, wait_until

MAILS = 40
LIMIT = 256  # MiB of resident memory


def a_large_order(number: int) -> bytes:
    content = base64.b64encode(os.urandom(7_800_000)).decode()
    file = {"filename": "scan.bin", "content_type": "application/octet-stream", "content": content}
    body = an_order(number, attachments=[file])
    assert 9.9 * 2**20 < len(body) <= 10 * 2**20
    return body


def _all_are_sent_within_the_limit(
    folder: Path,
    settings: dict[str, str],
    server: SmtpServer,
    publish: Callable[[bytes], None],
    order: Callable[[int], bytes] = a_large_order,
    mails: int = MAILS,
) -> None:
    sent = 0

    def forget() -> None:  # the test's own memory is not what is tested
        nonlocal sent
        sent += 1
        server.accepted.clear()

    server.on("dot", Call(forget, "250 2.0.0 queued"))
    for number in range(mails):
        publish(order(number))
    with running(folder, settings) as worker:
        wait_until(lambda: sent == mails, seconds=120, on_failure=lambda: worker.output)
        peak = worker.peak_memory()
        assert worker.terminate() == 0
    print(f"peak {peak:.0f} MiB")
    assert peak < LIMIT


@pytest.mark.slow
def test_messages_of_ten_mebibytes_in_rabbitmq_fit_into_256_mebibytes(
    tmp_path: Path, rabbitmq: Broker, queue: str
) -> None:
    server = SmtpServer()
    with in_thread(server), Peer(rabbitmq.url) as peer:
        settings = shop_settings(tmp_path, rabbitmq.url, f"smtp://127.0.0.1:{server.port}", queue)
        peer.declare(queue, {"x-queue-type": "quorum"})
        _all_are_sent_within_the_limit(
            tmp_path, settings, server, lambda body: peer.publish(queue, body)
        )


@pytest.mark.slow
def test_messages_of_ten_mebibytes_in_the_embedded_queue_fit_into_256_mebibytes(
    tmp_path: Path,
) -> None:
    server = SmtpServer()
    with in_thread(server):
        relay = f"smtp://127.0.0.1:{server.port}"
        settings = shop_settings(tmp_path, f"sqlite:///{tmp_path}/queue.db", relay, "email")
        queue = SqliteQueue(tmp_path / "queue.db", SystemClock())
        _all_are_sent_within_the_limit(
            tmp_path,
            settings,
            server,
            lambda body: asyncio.run(queue.publish("email", body, Properties(), {})),
        )
        asyncio.run(queue.close())


@pytest.mark.slow
@pytest.mark.parametrize(("mails", "mebibytes"), [(80, 10), (6, 21)])
def test_field_1_3_files_named_by_path_fit_into_256_mebibytes(
    tmp_path: Path, mails: int, mebibytes: int
) -> None:
    """Their messages are small: all of them are in hand at once."""
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "scan.bin").write_bytes(os.urandom(mebibytes * 2**20))
    file = {"filename": "scan.bin", "path": "scan.bin"}
    server = SmtpServer(extensions=("PIPELINING",))  # no SIZE
    with in_thread(server):
        relay = f"smtp://127.0.0.1:{server.port}"
        settings = shop_settings(tmp_path, f"sqlite:///{tmp_path}/queue.db", relay, "email")
        settings["ATTACHMENTS_DIR"] = str(tmp_path / "files")
        queue = SqliteQueue(tmp_path / "queue.db", SystemClock())
        _all_are_sent_within_the_limit(
            tmp_path,
            settings,
            server,
            lambda body: asyncio.run(queue.publish("email", body, Properties(), {})),
            lambda number: an_order(number, attachments=[file]),
            mails,
        )
        asyncio.run(queue.close())
