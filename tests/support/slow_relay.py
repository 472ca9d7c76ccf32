"""A relay in virtual time that takes so many mails in a period, and workers that send to it."""

import asyncio
from dataclasses import dataclass, field
from random import Random
from typing import Any

from adapters.channels.email.limits import RateRefused
from adapters.channels.email.paced import PacedNotifier
from adapters.channels.email.relay_pace import PaceRules, RelayPace
from adapters.channels.shared.learned import Learned
from domain.content import Content
from domain.errors import Throttled
from domain.notification import Notification
from domain.pace import PaceStore, Rate
from domain.ports import AboutToSend, EventSink, proceed
from tests.fakes import a_notification
from tests.support.ledger_store import MemoryPaces
from tests.support.virtual_time import now

RELAY = "relay.example:25"
CONTENT = Content(subject="Hello", parts={"text": "Hi."}, version="v1")


@dataclass
class Relay:
    """Takes `count` mails in `period` seconds, else says so; each takes it `latency` seconds, and
    `connections` at once."""

    count: int
    period: float
    latency: float = 0.02
    connections: int = 10
    is_fixed: bool = False
    random: Random = field(default_factory=lambda: Random(1))
    accepted: list[tuple[float, str]] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.slots = asyncio.Semaphore(self.connections)

    def has_room(self, now: float) -> bool:
        start = now - now % self.period if self.is_fixed else now - self.period
        return sum(at > start for at, _ in self.accepted[-self.count :]) < self.count

    async def take(self, name: str) -> None:
        async with self.slots:
            await asyncio.sleep(self.latency * self.random.uniform(0.5, 1.5))
            now = asyncio.get_running_loop().time()
            if not self.has_room(now):
                self.refused.append(now)
                raise RateRefused("454 Throttling failure")
            self.accepted.append((now, name))


class RelayNotifier:
    """A notifier whose only trouble is the relay's rate."""

    one_by_one = False

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    async def notify(
        self,
        notification: Notification,
        content: Content,
        recipients: Any,
        about_to_send: AboutToSend = proceed,
    ) -> dict[Any, None]:
        await about_to_send()
        await self._relay.take(notification.id)
        return dict.fromkeys(recipients)

    async def check(
        self, notification: Notification, content: Content, recipients: Any
    ) -> dict[Any, None]:
        return dict.fromkeys(recipients)

    async def close(self) -> None: ...


def paced(
    relay: Relay,
    *,
    store: PaceStore | None = None,
    learned: Learned | None = None,
    ceiling: str | None = None,
    longest_hold: float = 60.0,
    events: EventSink | None = None,
) -> PacedNotifier:
    rules = PaceRules(
        ceiling=Rate.parse(ceiling) if ceiling else None, clock=now, longest_hold=longest_hold
    )
    return PacedNotifier(
        RelayNotifier(relay),
        RelayPace(RELAY, store or MemoryPaces(now), learned or Learned(), rules),
        connections=min(relay.connections, 10),
        events=events,
    )


async def deliver(notifier: PacedNotifier, name: str) -> None:
    """As the dispatcher and the broker do: at once where it stays in hand, else after the wait."""
    notification = a_notification(id=name)
    while True:
        try:
            await notifier.notify(notification, CONTENT, notification.recipients)
        except Throttled as error:
            if not error.in_hand:
                await asyncio.sleep(error.retry_after.total_seconds())
        else:
            return


async def deliver_once(notifier: PacedNotifier, name: str) -> None:
    notification = a_notification(id=name)
    await notifier.notify(notification, CONTENT, notification.recipients)


async def work(notifier: PacedNotifier, names: list[str], in_hand: int = 80) -> None:
    waiting = list(reversed(names))

    async def hand() -> None:
        while waiting:
            await deliver(notifier, waiting.pop())

    await asyncio.gather(*(hand() for _ in range(in_hand)))


def names(count: int, prefix: str = "m") -> list[str]:
    return [f"{prefix}{number:05}" for number in range(count)]
