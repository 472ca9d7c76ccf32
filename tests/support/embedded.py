"""Filling the embedded queue, and taking out what is left."""

import asyncio
from typing import Any

from adapters.clock import SystemClock
from adapters.message_format.rules import Properties
from adapters.sqlite.consumer import SqliteConsumer, SqliteConsumerSettings
from adapters.sqlite.queue import SqliteQueue
from domain.ports import EventSink
from tests.contracts.inbound_harness import Recorder


def a_consumer(
    queue: SqliteQueue, *, events: EventSink | None = None, **changes: Any
) -> SqliteConsumer:
    """A consumer of the queue `email`."""
    settings = SqliteConsumerSettings(**{"queues": ("email",)} | changes)
    return SqliteConsumer(queue, settings, SystemClock(), events=events)


async def fill(queue: SqliteQueue, count: int) -> list[bytes]:
    """Publish so many different bodies."""
    bodies = [b"%d" % number for number in range(count)]
    for body in bodies:
        await queue.publish("email", body, Properties(), {})
    return bodies


async def drained(queue: SqliteQueue) -> list[bytes]:
    """What is left, without waiting for a lease to run out."""
    recorder = Recorder()
    async with asyncio.timeout(10):
        await a_consumer(queue).run(recorder, drain=True)
    return recorder.bodies
