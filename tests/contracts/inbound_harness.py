"""What a broker adapter brings to be tested, and the handlers and helpers of the suite."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Protocol

from adapters.inbound.contract import (
    Consumer,
    DeadCopy,
    DeadLetters,
    Handler,
    InboundMessage,
    Keep,
    Publisher,
    Settlement,
)
from adapters.message_format.rules import Properties

ALL_PROPERTIES = Properties(
    content_type="application/json",
    content_encoding="utf-8",
    priority=3,
    correlation_id="c-1",
    message_id="m-1",
    timestamp=1_780_000_000,
    type="welcome",
    app_id="shop",
)
HEADERS: dict[str, str | int] = {"x-dispatcher-attempt": 2, "x-dispatcher-error": "später \N{BELL}"}
AWKWARD_BODIES = [b"", b"\xff\xfe\x00 not UTF-8 \x80", bytes(range(256)) * 4096]
LIMIT = 90.0
"""Seconds after which a scenario has failed."""


class InboundHarness(Protocol):
    """One broker, real and empty, seen through its adapter.

    `tier`: the one configured retry delay, well under a second. `delays_exactly`: an exact copy is
    never handed out early. `consumer_source`: Python text that defines `make_consumer(queue)`; it
    runs in a process of its own, which is then killed.
    """

    tier: timedelta
    delays_exactly: bool
    consumer_source: str

    async def fresh_queue(self) -> str:
        """A work queue nobody has used, ready to be published to."""

    def publisher(self) -> Publisher:
        """A new one, closed by the harness."""

    def consumer(
        self, *queues: str, prefetch: int = 10, grace: timedelta = timedelta(seconds=5)
    ) -> Consumer:
        """A new one."""

    def dead_letters(self) -> DeadLetters:
        """A new one, closed by the harness."""


OpenInbound = Callable[[], AbstractAsyncContextManager[InboundHarness]]
Scenario = Callable[[InboundHarness], Awaitable[None]]
Run = Callable[[Scenario], None]


def runner(open_inbound: OpenInbound) -> Run:
    """A function that runs a scenario on a broker of its own, within LIMIT."""

    async def main(scenario: Scenario) -> None:
        async with asyncio.timeout(LIMIT), open_inbound() as inbound:
            await scenario(inbound)

    return lambda scenario: asyncio.run(main(scenario))


class Recorder:
    """A handler that remembers what it saw and answers as told."""

    def __init__(
        self, answer: Callable[[InboundMessage], Settlement] = lambda _: Settlement()
    ) -> None:
        self.seen: list[InboundMessage] = []
        self._answer = answer
        self._news = asyncio.Event()

    async def __call__(self, message: InboundMessage) -> Settlement:
        await asyncio.sleep(0)
        self.seen.append(message)
        self._news.set()
        return self._answer(message)

    @property
    def bodies(self) -> list[bytes]:
        return [message.body for message in self.seen]

    async def saw(self, count: int) -> None:
        """Wait until `count` messages were seen."""
        while len(self.seen) < count:
            self._news.clear()
            await self._news.wait()


@asynccontextmanager
async def consuming(consumer: Consumer, handler: Handler) -> AsyncIterator[None]:
    """Run the consumer meanwhile; stop it at the end and let it finish."""
    running = asyncio.create_task(consumer.run(handler))
    try:
        while not consumer.is_ready and not running.done():
            await asyncio.sleep(0.01)
        yield
    finally:
        consumer.stop()
        await running


async def publish(
    inbound: InboundHarness,
    queue: str,
    *bodies: bytes,
    properties: Properties = Properties(),  # noqa: B008 - frozen
    headers: Mapping[str, str | int] | None = None,
) -> None:
    publisher = inbound.publisher()
    for body in bodies:
        await publisher.publish(queue, body, properties=properties, headers=headers or {})


async def drained(
    inbound: InboundHarness, *queues: str, handler: Handler | None = None
) -> list[bytes]:
    """Consume until the queues are empty; the bodies seen, where no handler is given."""
    recorder = Recorder()
    await inbound.consumer(*queues).run(handler or recorder, drain=True)
    return recorder.bodies


def burying(headers: Mapping[str, str | int]) -> Recorder:
    """A handler that dead-letters every message."""
    return Recorder(lambda _: Settlement([DeadCopy(headers=headers)]))


async def bury(inbound: InboundHarness, queue: str, *bodies: bytes) -> None:
    """Publish and dead-letter, one after the other, so that their order is known."""
    for body in bodies:
        await publish(inbound, queue, body)
        await drained(inbound, queue, handler=burying({"n": 1}))


async def dead(inbound: InboundHarness, queue: str) -> list[InboundMessage]:
    """The dead letters, oldest first; all are kept."""
    letters: list[InboundMessage] = []

    async def keep(letter: InboundMessage) -> Keep:
        letters.append(letter)
        return Keep.KEEP

    shown = await inbound.dead_letters().visit(queue, keep)
    assert shown == len(letters)
    return letters


def given_headers(message: InboundMessage) -> dict[str, object]:
    """The headers but for those a broker writes itself."""
    own = ("x-death", "x-first-death-", "x-last-death-", "x-delivery-count", "x-acquired-count")
    return {name: value for name, value in message.headers.items() if not name.startswith(own)}
