"""The embedded queue among real processes, some of which are killed."""

import asyncio
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

from adapters.sqlite.queue import SqliteQueue
from tests.fakes import eventually
from tests.support.embedded import drained, fill

PREFETCH = 10

WORKER = f"""
import asyncio, os, sys
from datetime import timedelta
from pathlib import Path
from adapters.clock import SystemClock
from adapters.inbound.contract import Settlement
from adapters.sqlite.consumer import SqliteConsumer, SqliteConsumerSettings
from adapters.sqlite.queue import SqliteQueue

async def handle(message):
    await asyncio.sleep(0.005)
    os.write(1, message.body + b"\\n")
    await asyncio.sleep(0.005)
    return Settlement()

clock = SystemClock()
settings = SqliteConsumerSettings(
    queues=("email",), prefetch={PREFETCH}, lease=timedelta(seconds=float(sys.argv[2]))
)
queue = SqliteQueue(Path(sys.argv[1]), clock)
asyncio.run(SqliteConsumer(queue, settings, clock).run(handle, drain=True))
"""

PRODUCER = """
import asyncio, os, sys
from pathlib import Path
from adapters.clock import SystemClock
from adapters.sqlite.queue import SqliteQueue
from adapters.message_format.rules import Properties

async def publish():
    publisher = SqliteQueue(Path(sys.argv[1]), SystemClock())
    for number in range(100_000):
        body = b"%s-%d" % (sys.argv[2].encode(), number)
        await publisher.publish("email", body, properties=Properties(), headers={})
        os.write(1, body + b"\\n")

asyncio.run(publish())
"""


def start(source: str, *arguments: str, log: Path) -> "subprocess.Popen[bytes]":
    with log.open("ab") as output:
        return subprocess.Popen([sys.executable, "-c", source, *arguments], stdout=output)


def lines(log: Path) -> list[bytes]:
    return log.read_bytes().splitlines() if log.exists() else []


def test_three_processes_share_a_backlog_with_none_lost_and_none_twice(
    path: Path, queue: SqliteQueue, tmp_path: Path
) -> None:
    bodies = asyncio.run(fill(queue, 1500))
    logs = [tmp_path / f"worker-{n}" for n in range(3)]

    workers = [start(WORKER, str(path), "30", log=log) for log in logs]
    codes = [worker.wait(timeout=60) for worker in workers]

    assert codes == [0, 0, 0]
    assert Counter(body for log in logs for body in lines(log)) == Counter(bodies)
    assert asyncio.run(drained(queue)) == []


def test_workers_killed_under_load_lose_nothing_and_repeat_only_what_was_in_flight(
    path: Path, queue: SqliteQueue, tmp_path: Path
) -> None:
    bodies = asyncio.run(fill(queue, 600))
    log, kills = tmp_path / "log", 4

    async def scenario() -> None:
        for kill in range(kills):
            worker = start(WORKER, str(path), "2", log=log)
            await eventually(lambda: len(lines(log)) > 60 * (kill + 1))  # noqa: B023
            worker.send_signal(signal.SIGKILL)
            assert worker.wait() == -signal.SIGKILL
        assert start(WORKER, str(path), "2", log=log).wait(timeout=60) == 0

    asyncio.run(scenario())

    handled = Counter(lines(log))
    assert set(handled) == set(bodies)
    assert handled.total() - len(bodies) <= kills * PREFETCH
    assert asyncio.run(drained(queue)) == []


def test_what_a_killed_producer_was_told_is_stored_is_stored(
    path: Path, queue: SqliteQueue, tmp_path: Path
) -> None:
    log = tmp_path / "confirmed"

    async def scenario() -> None:
        producers = [start(PRODUCER, str(path), str(n), log=log) for n in range(2)]
        await eventually(lambda: len(lines(log)) > 200)
        for producer in producers:
            producer.send_signal(signal.SIGKILL)
            producer.wait()

    asyncio.run(scenario())

    stored = Counter(asyncio.run(drained(queue)))
    assert set(lines(log)) <= set(stored)
    assert stored.total() - len(lines(log)) <= 2  # one each, stored but not yet told
    assert set(stored.values()) == {1}
