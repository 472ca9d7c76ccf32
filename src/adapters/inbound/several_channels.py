"""One message for several channels: all at once, or the next only where one has refused."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from adapters.inbound.contract import InboundMessage
from adapters.inbound.deliveries import (
    Attempt,
    Dispatched,
    after_fault,
    attempts_of,
    claims_of,
    delivery_of,
)
from adapters.message_format.headers import DeliveryHeaders
from adapters.message_format.message import DecodedMessage
from domain.delivery import Delivery
from domain.dispatcher import Dispatcher
from domain.ledger import Claim, Start
from domain.outcome import Outcome

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SeveralChannels:
    """Dispatches each of a message's notifications. `own_channel` is that of the message's queue:
    on another one a delivery may not wait in hand."""

    dispatcher: Dispatcher
    message: InboundMessage
    decoded: DecodedMessage
    own_channel: str | None

    async def dispatch(self, headers: DeliveryHeaders) -> Sequence[Dispatched]:
        """What became of each channel; of a fallback where it came to rest."""
        attempts = attempts_of(self.decoded, headers)
        if self.decoded.is_fallback:
            return [await self._fall_back(attempts)]
        return await asyncio.gather(*(self._dispatch_one(attempt) for attempt in attempts))

    async def _dispatch_one(self, attempt: Attempt) -> Dispatched:
        outcome = await self._outcome(self._delivery(attempt))
        return Dispatched(*attempt, outcome, claims_of(outcome))

    async def _fall_back(self, attempts: Sequence[Attempt]) -> Dispatched:
        try:
            at, start = await self._come_to(attempts)
        except Exception as error:  # noqa: BLE001 - a fault of ours
            # Not knowing who has it, nothing is sent.
            outcome = after_fault(self.dispatcher, self._delivery(attempts[0]), error)
            return Dispatched(*attempts[0], outcome, ())
        outcomes: list[Outcome] = []
        refusals: list[str] = []
        claims: tuple[Claim, ...] = ()
        for notification, headers in attempts[at:]:
            outcome = await self._outcome(self._delivery((notification, headers)), start)
            claims += claims_of(outcome)
            if not outcome.is_refused_for_good:
                return Dispatched(notification, headers, outcome, claims)
            start = None
            outcomes.append(outcome)
            refusals.append(f"{notification.channel}: {outcome.rejected[0].error}")
            log.info("channel refused for good", id=notification.id, error=refusals[-1])
        # Sent again, it is to begin where it began now.
        return Dispatched(*attempts[at], outcomes[0].explained("; ".join(refusals)), claims)

    async def _come_to(self, attempts: Sequence[Attempt]) -> tuple[int, Start | None]:
        """How far an earlier appearance of this message came: an earlier channel, asked again,
        might take by now what a later one has sent."""
        for index in range(len(attempts) - 1, 0, -1):
            if start := await self.dispatcher.resume(self._delivery(attempts[index])):
                return index, start
        return 0, None

    async def _outcome(self, delivery: Delivery, start: Start | None = None) -> Outcome:
        try:
            return await self.dispatcher.dispatch(delivery, start)
        except Exception as error:  # noqa: BLE001 - a fault of ours
            return after_fault(self.dispatcher, delivery, error)

    def _delivery(self, attempt: Attempt) -> Delivery:
        notification, headers = attempt
        is_alone = self.decoded.is_fallback or len(self.decoded.notifications) == 1
        may_wait = is_alone and notification.channel == self.own_channel
        return delivery_of(self.message, self.decoded, notification, headers, may_wait=may_wait)
