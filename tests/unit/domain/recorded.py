"""A worker over a ledger that outlives it."""

import asyncio
from typing import Any

from adapters.memory.ledger import MemoryLedger, MemoryStore
from domain.dispatcher import Progress
from domain.ledger import Sight
from domain.notification import Notification
from domain.once import OnceDispatcher
from domain.outcome import Outcome
from tests.unit.domain.house import House


class Worker:
    """One process: a house of its own over a store that outlives it."""

    def __init__(self, store: MemoryStore, **settings: Any) -> None:
        self.house = House(**settings)
        self.ledger = MemoryLedger(store)
        self.pauses: list[tuple[str, str | None]] = []
        self.once = OnceDispatcher(
            dispatcher=self.house.dispatcher,
            ledger=self.ledger,
            clock=self.house.clock,
            on_pause=lambda name, error: self.pauses.append((name, error)),
        )

    def dispatch(self, notification: Notification, sight: Sight | None = None) -> Outcome:
        outcome, _claim = asyncio.run(
            self.once.dispatch(notification, Progress(), sight or a_sight(notification))
        )
        return outcome

    def die_with(self, sight: Sight, *, sending: bool = False) -> None:
        """Start, perhaps let the payload leave, and be no more."""

        async def last_moments() -> None:
            start = await self.ledger.start(sight)
            if sending:
                await self.ledger.sending(start.claim, list(start.standings))
            await self.ledger.close()

        asyncio.run(last_moments())


def a_sight(notification: Notification, **changes: Any) -> Sight:
    values: dict[str, Any] = {
        "channel": notification.channel,
        "key": notification.id,
        "fingerprint": "body",
        "has_id": True,
        "session": "s-1",
        "redelivered": False,
        "recipients": tuple(r.address for r in notification.recipients),
    }
    return Sight(**{**values, **changes})
