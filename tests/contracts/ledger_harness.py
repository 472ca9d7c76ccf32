"""What a ledger brings to be tested, and the words of its suite."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any, Protocol

from domain.ledger import DeliveryLedger, Sight, Standing, Start

CLEAR, SENT, IN_DOUBT = Standing.CLEAR, Standing.SENT, Standing.IN_DOUBT
BUSY, CONFLICT, POISON = Standing.BUSY, Standing.CONFLICT, Standing.POISON
ANN, BOB = "ann@example.com", "bob@example.com"
ID = Sight(
    channel="email",
    key="order-1",
    fingerprint="f-1",
    has_id=True,
    session="s-1",
    redelivered=False,
    recipients=(ANN,),
)
"""First seen, with the producer's id."""
TWIN = replace(ID, key="hash-1", has_id=False)
"""First seen, without an id: known by its content alone."""
LIMIT = 60.0
"""Seconds after which a scenario has failed."""


class Storage(Protocol):
    """Empty storage behind a ledger."""

    def process(self) -> DeliveryLedger:
        """A ledger as another process would have it; closing it is that process's end."""


OpenStorage = Callable[[], AbstractAsyncContextManager[Storage]]
Run = Callable[[Callable[[Storage], Awaitable[None]]], None]


def runner(open_storage: OpenStorage) -> Run:
    """Runs a scenario on fresh storage."""

    def run(scenario: Callable[[Storage], Awaitable[None]]) -> None:
        async def main() -> None:
            async with asyncio.timeout(LIMIT), open_storage() as storage:
                await scenario(storage)

        asyncio.run(main())

    return run


def changed(sight: Sight, **changes: Any) -> Sight:
    """The same sight but for these fields."""
    return replace(sight, **changes)


def again(sight: Sight, session: str = "s-2") -> Sight:
    """The broker's redelivery of it, through another session."""
    return replace(sight, session=session, redelivered=True)


async def deliver(ledger: DeliveryLedger, sight: Sight) -> Start:
    """Start, send to everybody who may be sent to, and finish."""
    start = await ledger.start(sight)
    going = [r for r, known in start.standings.items() if known in (CLEAR, IN_DOUBT)]
    await ledger.sending(start.claim, going)
    await ledger.finish(start.claim, going)
    return start


async def die(ledger: DeliveryLedger, sight: Sight, *, sending: bool = False) -> Start:
    """Start, and end the process in the middle, with the payload on its way or not yet."""
    start = await ledger.start(sight)
    if sending:
        await ledger.sending(start.claim, sight.recipients)
    await ledger.close()
    return start


async def standing(ledger: DeliveryLedger, sight: Sight) -> Standing:
    """What a start answers for its only recipient."""
    (answer,) = (await ledger.start(sight)).standings.values()
    return answer


def everybody(sight: Sight, known: Standing) -> Mapping[str, Standing]:
    """The same standing for all of its recipients."""
    return dict.fromkeys(sight.recipients, known)
