"""The embedded queue's consumer when its file fails it, and at its end."""

import asyncio
import resource
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.inbound.contract import DeadCopy, InboundMessage, Settlement
from adapters.message_format.rules import Properties
from adapters.sqlite.queue import SqliteQueue
from domain.events import BROKER, TroubleBegan, TroubleEnded
from tests.contracts.inbound_harness import Recorder, consuming
from tests.fakes import FakeEvents, eventually
from tests.support.embedded import a_consumer, drained, fill

SHORT_LEASE = timedelta(seconds=1)


def test_what_cannot_be_settled_on_a_full_disk_is_settled_when_there_is_room(
    queue: SqliteQueue,
) -> None:
    big = b"x" * 300_000

    async def scenario() -> tuple[bool, list[bytes], int]:
        recorder = Recorder(lambda _: Settlement([DeadCopy(headers={})]))
        go_on = asyncio.Event()

        async def handle(message: InboundMessage) -> Settlement:
            await go_on.wait()
            return await recorder(message)

        consumer = a_consumer(queue)
        await queue.publish("email", big, Properties(), {})
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        async with consuming(consumer, handle):
            await asyncio.sleep(0.3)
            resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, before[1]))
            try:
                go_on.set()
                await eventually(lambda: not consumer.is_ready)
                await asyncio.sleep(0.2)
                was_ready = consumer.is_ready
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, before)
            await eventually(lambda: consumer.is_ready)
        return was_ready, recorder.bodies, len(await queue.dead_ids("email"))

    assert asyncio.run(scenario()) == (False, [big], 1)
    assert asyncio.run(drained(queue)) == []


def test_a_consumer_waits_for_a_file_that_cannot_be_opened(queue: SqliteQueue, path: Path) -> None:
    path.mkdir(parents=True)
    events = FakeEvents()

    async def scenario() -> list[bytes]:
        recorder, consumer = Recorder(), a_consumer(queue, events=events)
        running = asyncio.create_task(consumer.run(recorder))
        await asyncio.sleep(0.3)
        assert not running.done()
        assert not consumer.is_ready
        path.rmdir()
        await eventually(lambda: consumer.is_ready)
        await fill(queue, 1)
        await recorder.saw(1)
        consumer.stop()
        await running
        return recorder.bodies

    assert asyncio.run(scenario()) == [b"0"]
    *began, ended = events.events
    assert ended == TroubleEnded(BROKER)
    assert began
    assert all(isinstance(event, TroubleBegan) and event.trouble == BROKER for event in began)


def test_a_consumer_stops_at_once_though_its_file_cannot_be_opened(
    queue: SqliteQueue, path: Path
) -> None:
    path.mkdir(parents=True)

    async def scenario() -> None:
        events = FakeEvents()
        consumer = a_consumer(queue, events=events)
        running = asyncio.create_task(consumer.run(Recorder()))
        await eventually(lambda: len(events.events) == 3)  # and now it pauses for two seconds
        consumer.stop()
        async with asyncio.timeout(1.5):
            await running

    asyncio.run(scenario())


def test_a_handler_that_will_not_be_cancelled_does_not_hold_the_end(queue: SqliteQueue) -> None:
    async def scenario() -> list[bytes]:
        finish = asyncio.Event()

        async def stubborn(_: InboundMessage) -> Settlement:
            while not finish.is_set():
                try:
                    await finish.wait()
                except asyncio.CancelledError:
                    continue
            return Settlement()

        await fill(queue, 1)
        consumer = a_consumer(queue, grace=timedelta(milliseconds=100))
        running = asyncio.create_task(consumer.run(stubborn))
        await asyncio.sleep(0.2)
        consumer.stop()
        async with asyncio.timeout(15):
            await running
        again = await drained(queue)
        finish.set()
        return again

    assert asyncio.run(scenario()) == [b"0"]


def test_a_run_that_is_cancelled_hands_back_at_once_what_it_held(queue: SqliteQueue) -> None:
    async def scenario() -> list[bytes]:
        async def hang(_: InboundMessage) -> Settlement:
            await asyncio.Event().wait()
            return Settlement()

        await fill(queue, 2)
        running = asyncio.create_task(a_consumer(queue).run(hang))
        await asyncio.sleep(0.3)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        async with asyncio.timeout(8):  # much less than the lease
            return await drained(queue)

    assert asyncio.run(scenario()) == [b"0", b"1"]
