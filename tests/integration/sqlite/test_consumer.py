"""A consumer of the embedded queue on a slow handler, a failing disk, and a machine that slept."""

import asyncio
import sqlite3
from collections import Counter
from contextlib import closing
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median

from adapters.clock import SystemClock
from adapters.inbound.contract import DeadCopy, InboundMessage, Settlement
from adapters.message_format.rules import Properties
from adapters.sqlite.consumer import SqliteConsumer, SqliteConsumerSettings
from adapters.sqlite.queue import SqliteQueue
from tests.contracts.inbound_harness import Recorder, consuming
from tests.fakes import FakeClock
from tests.support.embedded import a_consumer, drained, fill

SHORT_LEASE = timedelta(seconds=1)


def test_a_long_handler_keeps_its_message_while_another_worker_looks_for_work(
    queue: SqliteQueue, path: Path
) -> None:
    async def scenario() -> Counter[bytes]:
        seen: Counter[bytes] = Counter()

        async def slow(message: InboundMessage) -> Settlement:
            seen[message.body] += 1
            await asyncio.sleep(SHORT_LEASE.total_seconds() * 2.2)
            return Settlement()

        await fill(queue, 3)
        other = SqliteQueue(path, SystemClock())
        await asyncio.gather(
            *(a_consumer(q, lease=SHORT_LEASE).run(slow, drain=True) for q in (queue, other))
        )
        await other.close()
        return seen

    assert asyncio.run(scenario()) == {b"0": 1, b"1": 1, b"2": 1}


def test_a_machine_that_slept_does_not_take_its_own_messages_twice(path: Path) -> None:
    async def scenario() -> list[bytes]:
        clock = FakeClock()
        queue = SqliteQueue(path, clock)
        settings = SqliteConsumerSettings(queues=("email",))
        consumer = SqliteConsumer(queue, settings, clock)
        release, recorder = asyncio.Event(), Recorder()

        async def handle(message: InboundMessage) -> Settlement:
            await recorder(message)
            await release.wait()
            return Settlement()

        async with consuming(consumer, handle):
            await fill(queue, 2)
            await recorder.saw(2)
            clock.time += timedelta(hours=8)
            await asyncio.sleep(0.5)
            release.set()
        await queue.close()
        return recorder.bodies

    assert asyncio.run(scenario()) == [b"0", b"1"]


def test_a_drain_waits_for_a_handler_whose_message_another_worker_took_over(
    queue: SqliteQueue, path: Path
) -> None:
    async def scenario() -> tuple[bool, int]:
        started, release, ended = asyncio.Event(), asyncio.Event(), 0

        async def handle(_: InboundMessage) -> Settlement:
            nonlocal ended
            started.set()
            await release.wait()
            ended += 1
            return Settlement([DeadCopy(headers={})])

        await fill(queue, 1)
        running = asyncio.create_task(a_consumer(queue).run(handle, drain=True))
        await started.wait()
        later = FakeClock(SystemClock().now() + timedelta(hours=1))
        other = SqliteQueue(path, later)
        await SqliteConsumer(other, SqliteConsumerSettings(queues=("email",)), later).run(
            Recorder(), drain=True
        )
        await other.close()
        await asyncio.sleep(0.4)
        was_done = running.done()
        release.set()
        await running
        assert await queue.dead_ids("email") == []
        return was_done, ended

    assert asyncio.run(scenario()) == (False, 1)


def test_what_ends_while_another_process_holds_the_file_is_settled_afterwards(
    queue: SqliteQueue, path: Path
) -> None:
    async def scenario() -> list[bytes]:
        recorder = Recorder()

        async def handle(message: InboundMessage) -> Settlement:
            await asyncio.sleep(0.2 + 0.1 * int(message.body))
            return await recorder(message)

        await fill(queue, 3)
        async with consuming(a_consumer(queue), handle):
            await asyncio.sleep(0.1)
            with closing(sqlite3.connect(path, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                await recorder.saw(3)
                other.execute("COMMIT")
        return recorder.bodies

    assert asyncio.run(scenario()) == [b"0", b"1", b"2"]
    assert asyncio.run(drained(queue)) == []


def test_messages_published_in_the_same_process_are_heard_without_polling(
    queue: SqliteQueue,
) -> None:
    async def scenario() -> list[float]:
        recorder, loop = Recorder(), asyncio.get_running_loop()
        latencies = []
        async with consuming(a_consumer(queue), recorder):
            for number in range(20):
                await asyncio.sleep(0.005)
                await queue.publish("email", b"x", Properties(), {})
                stored = loop.time()
                await recorder.saw(number + 1)
                latencies.append(loop.time() - stored)
        return latencies

    # A poll comes after 0.1 seconds at the earliest. The quickest one: the machine may be busy.
    assert min(asyncio.run(scenario())) < 0.05


def test_messages_that_end_together_are_followed_by_the_next_at_once(queue: SqliteQueue) -> None:
    async def scenario() -> list[float]:
        together, taken = asyncio.Event(), 0
        times: list[float] = []

        async def end_together(_: InboundMessage) -> Settlement:
            nonlocal together, taken
            mine, taken = together, taken + 1
            if taken % 4 == 0:
                times.append(asyncio.get_running_loop().time())
                asyncio.get_running_loop().call_later(0.002, mine.set)
                together = asyncio.Event()
            await mine.wait()
            return Settlement()

        await fill(queue, 120)
        await a_consumer(queue, prefetch=4).run(end_together, drain=True)
        return [later - before for before, later in pairwise(times)]

    assert median(asyncio.run(scenario())) < 0.1  # a poll would take longer
