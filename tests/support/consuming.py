"""Runs a consumer beside a test, and keeps count of what was handed to its handler."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from adapters.inbound.contract import InboundMessage, Settlement
from adapters.rabbitmq.backoff import Backoff
from adapters.rabbitmq.consumer import RabbitConsumer
from adapters.rabbitmq.settings import RabbitSettings
from adapters.rabbitmq.watch import Watch
from tests.fakes import eventually
from tests.support.rabbit import Broker


class Recorder:
    """A handler that remembers every message, and settles it as it was told."""

    def __init__(
        self, decide: Callable[[InboundMessage], Settlement] = lambda _: (), delay: float = 0.0
    ) -> None:
        self.messages: list[InboundMessage] = []
        self._decide = decide
        self._delay = delay

    async def __call__(self, message: InboundMessage) -> Settlement:
        if self._delay:
            await asyncio.sleep(self._delay)
        self.messages.append(message)
        return self._decide(message)

    async def saw(self, count: int) -> None:
        """Wait until so many messages were seen."""
        await eventually(lambda: len(self.messages) >= count)

    @property
    def bodies(self) -> list[bytes]:
        """What was seen, in order."""
        return [message.body for message in self.messages]


class RecordingWatch:
    """Remembers what it hears: `told` are the changes, `troubles` those that hold now."""

    def __init__(self) -> None:
        self.told: list[tuple[str, bool]] = []
        self.troubles: dict[str, str] = {}
        self.made_again: list[str] = []
        self.given_up: list[str] = []

    def trouble(self, name: str, error: str | None) -> None:
        was = self.troubles.pop(name, None)
        if error is not None:
            self.troubles[name] = error
        if (was is None) is not (error is None):
            self.told.append((name, error is not None))

    def unsure(self, name: str) -> None:
        if self.troubles.pop(name, None) is not None:
            self.given_up.append(name)

    def recreated(self, queue: str) -> None:
        self.made_again.append(queue)


def settings_for(broker: Broker, queue: str, **changes: object) -> RabbitSettings:
    """Settings with one short tier, unless told otherwise."""
    values: dict[str, Any] = {
        "url": broker.url,
        "queues": (queue,),
        "tiers": (timedelta(milliseconds=200),),
        "prefetch": 50,
        "grace": timedelta(seconds=5),
    }
    return RabbitSettings(**(values | changes))


@asynccontextmanager
async def consuming(
    settings: RabbitSettings,
    handler: Callable[[InboundMessage], Awaitable[Settlement]],
    *,
    wait: bool = True,
    backoff: Callable[[], Backoff] = Backoff,
    watch: Watch | None = None,
) -> AsyncIterator[RabbitConsumer]:
    """A consumer that runs while the block does; with `wait`, the block begins once it is ready."""
    consumer = RabbitConsumer(settings, backoff=backoff, watch=watch)
    running = asyncio.create_task(consumer.run(handler))
    try:
        if wait:
            await eventually(lambda: consumer.is_ready or running.done())
        yield consumer
    finally:
        consumer.stop()
        await running
