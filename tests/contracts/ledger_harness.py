"""What a ledger brings to be tested, and the words of its suite."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any, Protocol

from domain.delivery import Delivery
from domain.ledger import DeliveryLedger, RecipientState, Start
from domain.notification import Recipient
from tests.fakes import a_delivery, a_notification

CLEAR, SENT, IN_DOUBT = RecipientState.CLEAR, RecipientState.SENT, RecipientState.IN_DOUBT
BUSY, CONFLICT, POISON = RecipientState.BUSY, RecipientState.CONFLICT, RecipientState.POISON
ANN, BOB = "ann@example.com", "bob@example.com"
ID = a_delivery(a_notification(to=ANN), key="order-1", fingerprint="f-1")
"""Handed out for the first time, with the producer's id."""
NO_ID = replace(ID, key="hash-1", has_id=False)
"""Handed out for the first time, without an id: known by its content alone."""
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


def changed(delivery: Delivery, **changes: Any) -> Delivery:
    """The same delivery but for these fields; `channel` and `recipients` (addresses) too."""
    of_notification: dict[str, Any] = {}
    if "channel" in changes:
        of_notification["channel"] = changes.pop("channel")
    if "recipients" in changes:
        remaining = tuple(Recipient(address=address) for address in changes.pop("recipients"))
        of_notification["to"] = changes["remaining"] = remaining
    notification = replace(delivery.notification, **of_notification)
    return replace(delivery, notification=notification, **changes)


def again(delivery: Delivery, session: str = "s-2") -> Delivery:
    """The broker's redelivery of it, through another session."""
    return replace(delivery, session=session, redelivered=True)


async def deliver(ledger: DeliveryLedger, delivery: Delivery) -> Start:
    """Start, send to everybody who may be sent to, and finish."""
    start = await ledger.start(delivery)
    going = [r for r, known in start.states.items() if known in (CLEAR, IN_DOUBT)]
    await ledger.sending(start.claim, going)
    await ledger.finish(start.claim, going)
    return start


async def die(ledger: DeliveryLedger, delivery: Delivery, *, sending: bool = False) -> Start:
    """Start, and end the process in the middle, with the payload on its way or not yet."""
    start = await ledger.start(delivery)
    if sending:
        await ledger.sending(start.claim, delivery.addresses)
    await ledger.close()
    return start


async def state_of(ledger: DeliveryLedger, delivery: Delivery) -> RecipientState:
    """What a start answers for its only recipient."""
    (answer,) = (await ledger.start(delivery)).states.values()
    return answer


def everybody(delivery: Delivery, known: RecipientState) -> Mapping[str, RecipientState]:
    """The same state for all of its recipients."""
    return dict.fromkeys(delivery.addresses, known)
