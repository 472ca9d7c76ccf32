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
from adapters.secret import Secret
from domain.events import (
    Event,
    QueueRecreated,
    Trouble,
    TroubleBegan,
    TroubleEnded,
    TroubleUncertain,
)
from domain.ports import EventSink
from tests.fakes import eventually
from tests.support.rabbit import Broker


class Recorder:
    """A handler that remembers every message, and settles it as it was told."""

    def __init__(
        self,
        decide: Callable[[InboundMessage], Settlement] = lambda _: Settlement(),
        delay: float = 0.0,
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


class Troubles:
    """An EventSink that keeps what the broker is in trouble with: `now` holds what holds now with
    its last error; `changes`: what began (True) and ended."""

    def __init__(self) -> None:
        self.changes: list[tuple[Trouble, bool]] = []
        self.now: dict[Trouble, str] = {}
        self.recreated: list[str] = []
        self.given_up: list[Trouble] = []

    def emit(self, event: Event) -> None:
        match event:
            case TroubleBegan(trouble, error):
                if trouble not in self.now:
                    self.changes.append((trouble, True))
                self.now[trouble] = error
            case TroubleEnded(trouble) if self.now.pop(trouble, None) is not None:
                self.changes.append((trouble, False))
            case TroubleUncertain(trouble) if self.now.pop(trouble, None) is not None:
                self.given_up.append(trouble)
            case QueueRecreated(queue):
                self.recreated.append(queue)


def settings_for(
    broker: Broker, queue: str, *, url: str | Secret = "", **changes: object
) -> RabbitSettings:
    """Settings with one short tier, unless told otherwise. `url`: another than the broker's."""
    values: dict[str, Any] = {
        "url": url if isinstance(url, Secret) else Secret(url or broker.url),
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
    events: EventSink | None = None,
) -> AsyncIterator[RabbitConsumer]:
    """A consumer that runs while the block does; with `wait`, the block begins once it is ready."""
    consumer = RabbitConsumer(settings, backoff=backoff, events=events)
    running = asyncio.create_task(consumer.run(handler))
    try:
        if wait:
            await eventually(lambda: consumer.is_ready or running.done())
        yield consumer
    finally:
        consumer.stop()
        await running
