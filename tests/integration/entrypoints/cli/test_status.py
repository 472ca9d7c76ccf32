"""`dispatcher status` over both brokers."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pika
import pytest

from adapters.clock import SystemClock
from adapters.inbound.contract import DeadCopy, RetryCopy
from adapters.message_format.rules import Properties
from adapters.sqlite.queue import SqliteQueue
from adapters.sqlite.queue_rows import Ended
from tests.support.rabbit import Broker, Peer
from tests.support.worker import run_command


def status(home: Path, **settings: str) -> list[dict[str, Any]]:
    done = run_command("status", "--json", settings=settings, cwd=home)
    assert done.returncode == 0, done.stderr
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


async def fill(path: Path) -> None:
    """Two ready, one in somebody's hands, one waiting, three dead."""
    queue = SqliteQueue(path, SystemClock())
    lease = timedelta(minutes=5)
    for _ in range(7):
        await queue.publish("email", b"{}", Properties(), {})
    leased, _ = await queue.exchange("me", ended=[], held=[], room={"email": 5}, lease=lease)
    dead = [{"x-dispatcher-reason": r} for r in ("expired", "malformed", "expired")]
    settlements: list[Any] = [DeadCopy(headers=headers) for headers in dead]
    settlements.append(RetryCopy(delay=timedelta(minutes=1), headers={}))
    ended = [
        Ended(message=one, copies=(settlement,))
        for one, settlement in zip(leased, settlements, strict=False)
    ]
    await queue.exchange("me", ended=ended, held=[], room={}, lease=lease)
    await queue.close()


def test_the_embedded_queue_is_counted_by_state_and_reason(tmp_path: Path) -> None:
    asyncio.run(fill(tmp_path / "var/queue.db"))

    [email, *others] = status(tmp_path)

    assert email == {
        "queue": "email",
        "channel": "email",
        "exists": True,
        "ready": 2,
        "unacked": 1,
        "consumers": None,
        "waiting": [{"delay": None, "messages": 1}],
        "dead": 3,
        "dead_by_reason": {"expired": 2, "malformed": 1},
        "oldest": email["oldest"],
        "pauses": [],
        "workers": [],
    }
    assert email["oldest"] is not None
    assert [(row["queue"], row["ready"], row["dead"]) for row in others] == [
        ("telegram", 0, 0),
        ("slack", 0, 0),
    ]


def test_a_person_reads_a_table(tmp_path: Path) -> None:
    asyncio.run(fill(tmp_path / "var/queue.db"))

    shown = run_command("status", settings={}, cwd=tmp_path)

    [row] = [line for line in shown.stdout.splitlines() if line.startswith("email")]
    assert [cell.strip() for cell in row.split("│")] == [
        "email",
        "2",
        "1",
        "?",
        "1",
        "3 (2 expired, 1 malformed)",
    ]


def test_looking_at_an_embedded_queue_that_is_not_there_makes_none(tmp_path: Path) -> None:
    rows = status(tmp_path)

    assert [row["exists"] for row in rows] == [False] * 3
    assert list(tmp_path.iterdir()) == []


def test_a_queue_of_another_program_is_never_counted(tmp_path: Path) -> None:
    settings = {"queues": "email=email,webgui=webgui"}

    refused = run_command("status", "--json", settings=settings, cwd=tmp_path)

    assert (refused.returncode, refused.stdout) == (78, "")
    assert "webgui" in refused.stderr


def test_an_unreachable_broker_is_69(tmp_path: Path) -> None:
    settings = {"broker_url": "amqp://user:sentinel@127.0.0.1:1/"}

    away = run_command("status", settings=settings, cwd=tmp_path)

    assert (away.returncode, away.stdout) == (69, "")
    assert "cannot reach the broker" in away.stderr
    assert "sentinel" not in away.stderr


def test_a_file_that_is_no_queue_is_69(tmp_path: Path) -> None:
    (tmp_path / "queue.db").write_bytes(b"no database at all, and long enough to be seen as none")

    broken = run_command("status", settings={"broker_url": "sqlite:///queue.db"}, cwd=tmp_path)

    assert broken.returncode == 69
    assert "no SQLite database" in broken.stderr


@pytest.fixture
def settings(broker: Broker, queue: str) -> dict[str, str]:
    return {
        "broker_url": broker.url,
        "queues": f"email={queue},telegram={queue}-telegram",
        "email_url": "maildir:mail",
        "retry_delays": "1m,90s",
    }


def test_rabbitmq_tells_of_ready_waiting_dead_and_consumers(
    tmp_path: Path, broker: Broker, queue: str, settings: dict[str, str]
) -> None:
    with Peer(broker.url) as peer:
        made = run_command("topology", "apply", settings=settings, cwd=tmp_path)
        assert made.returncode == 0, made.stderr
        peer.publish(queue, b"1", b"2")
        peer.publish(f"{queue}.retry.90000", b"3")
        peer.publish(f"{queue}.dead", b"4", b"5")
        consuming = pika.BlockingConnection(pika.URLParameters(broker.url))
        channel = consuming.channel()
        channel.basic_qos(prefetch_count=1)
        channel.basic_consume(queue, lambda *_: None)
        consuming.process_data_events(time_limit=1)

        [email, telegram] = status(tmp_path, **settings, telegram_token="1:x")
        consuming.close()

    assert email == {
        "queue": queue,
        "channel": "email",
        "exists": True,
        "ready": 1,
        "unacked": None,
        "consumers": 1,
        "waiting": [{"delay": "1m", "messages": 0}, {"delay": "90s", "messages": 1}],
        "dead": 2,
        "dead_by_reason": None,
        "oldest": None,
        "pauses": [],
        "workers": [],
    }
    assert (telegram["exists"], telegram["ready"]) == (False, 0)


def test_looking_makes_no_queue_on_rabbitmq(
    tmp_path: Path, broker: Broker, queue: str, settings: dict[str, str]
) -> None:
    shown = run_command("status", settings=settings, cwd=tmp_path)

    assert shown.returncode == 0
    assert f"queue {queue} does not exist yet" in shown.stderr
    with Peer(broker.url) as peer:
        assert peer.ready(queue) is None
