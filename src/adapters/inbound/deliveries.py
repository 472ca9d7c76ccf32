"""The deliveries that a message asks for, and what became of them: all at once, or the next only
where one has refused."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

import structlog

from adapters.inbound.contract import InboundMessage
from adapters.message_format.headers import DeliveryHeaders
from adapters.message_format.message import DecodedMessage, hints
from domain.delivery import Delivery, still_to_send
from domain.dispatcher import Dispatcher
from domain.errors import FailureReason
from domain.ledger import Claim, Start
from domain.outcome import Outcome, Rejected

log = structlog.get_logger()

_T = TypeVar("_T")


class Attempt(NamedTuple):
    """One of a message's deliveries, and the headers that are about it."""

    delivery: Delivery
    headers: DeliveryHeaders


@dataclass(frozen=True, slots=True)
class Dispatched:
    """What became of one delivery; `claims` are those of every start on the way."""

    attempt: Attempt
    outcome: Outcome
    claims: Sequence[Claim | None]


def attempts_of(
    message: InboundMessage,
    decoded: DecodedMessage,
    headers: DeliveryHeaders,
    own_channel: str | None = None,
) -> list[Attempt]:
    """This appearance of the message's notifications, in order. The headers are about the first;
    the others have no attempt behind them. `own_channel`: that of the message's queue."""
    first, *others = decoded.notifications
    about = [(first, headers)]
    if decoded.is_multiple:
        fresh = replace(headers, attempt=0, remaining=None)
        about = [(first, replace(headers, channel=first.channel))]
        about += [(other, replace(fresh, channel=other.channel)) for other in others]
    is_alone = decoded.is_fallback or not others
    return [
        Attempt(
            Delivery(
                notification=notification,
                remaining=notification.recipients
                if its.remaining is None
                else still_to_send(notification, its.remaining),
                attempts_made=its.attempt,
                first_seen=its.first_seen,
                may_wait=is_alone and notification.channel == own_channel,
                key=decoded.key,
                fingerprint=decoded.fingerprint,
                has_id=decoded.has_id,
                session=message.session,
                redelivered=message.redelivered,
            ),
            its,
        )
        for notification, its in about
    ]


async def dispatch_several(
    dispatcher: Dispatcher, attempts: Sequence[Attempt], *, is_fallback: bool
) -> Sequence[Dispatched]:
    """What became of each channel; of a fallback where it came to rest."""
    if not is_fallback:
        outcomes = await asyncio.gather(*(_outcome(dispatcher, one.delivery) for one in attempts))
        pairs = zip(attempts, outcomes, strict=True)
        return [Dispatched(one, outcome, [outcome.claim]) for one, outcome in pairs]
    start: Start | None
    claims: list[Claim | None] = []
    try:
        at, start = await come_to(attempts, dispatcher.resume)
    except Exception as error:  # noqa: BLE001 - a fault of ours
        # Not knowing who has it, nothing is sent.
        outcome = after_fault(dispatcher, attempts[0].delivery, error)
        return [Dispatched(attempts[0], outcome, claims)]

    async def dispatch(delivery: Delivery) -> Outcome:
        nonlocal start
        outcome = await _outcome(dispatcher, delivery, start)
        start = None
        claims.append(outcome.claim)
        if outcome.is_refused_for_good:
            error = refusal(delivery, outcome)
            log.info("channel refused for good", id=delivery.notification.id, error=error)
        return outcome

    return [Dispatched(*await fall_back(attempts[at:], dispatch), claims)]


async def come_to(
    attempts: Sequence[Attempt], has_begun: Callable[[Delivery], Awaitable[_T]]
) -> tuple[int, _T | None]:
    """How far an earlier appearance of this message came in a fallback, and what `has_begun` says
    of it: an earlier channel, asked again, might take by now what a later one has sent."""
    for index in range(len(attempts) - 1, 0, -1):
        if begun := await has_begun(attempts[index].delivery):
            return index, begun
    return 0, None


async def fall_back(
    attempts: Sequence[Attempt], try_one: Callable[[Delivery], Awaitable[Outcome]]
) -> tuple[Attempt, Outcome]:
    """Try one after the other, until one is not refused for good. Where each is: the first, since
    sent again it is to begin there, with all their refusals."""
    outcomes: list[Outcome] = []
    for attempt in attempts:
        outcome = await try_one(attempt.delivery)
        if not outcome.is_refused_for_good:
            return attempt, outcome
        outcomes.append(outcome)
    refusals = map(refusal, (one.delivery for one in attempts), outcomes)
    return attempts[0], outcomes[0].explained("; ".join(refusals))


def refusal(delivery: Delivery, outcome: Outcome) -> str:
    """Why a channel has refused."""
    return f"{delivery.notification.channel}: {outcome.rejected[0].error}"


async def _outcome(
    dispatcher: Dispatcher, delivery: Delivery, start: Start | None = None
) -> Outcome:
    try:
        return await dispatcher.dispatch(delivery, start)
    except Exception as error:  # noqa: BLE001 - a fault of ours
        return after_fault(dispatcher, delivery, error)


def after_fault(dispatcher: Dispatcher, delivery: Delivery, error: Exception) -> Outcome:
    """Log a fault of ours, and return the outcome: it must neither lose the message nor loop."""
    log.error("unexpected error while dispatching", id=delivery.notification.id, exc_info=error)
    return dispatcher.after_fault(delivery, error)


def explained(outcome: Outcome, meant: Mapping[str, str]) -> Outcome:
    """`outcome`, where a variable is undefined with what may be its cause: an unknown field that
    was probably meant as another."""
    if not meant:
        return outcome
    results = tuple(
        replace(result, error="; ".join([result.error, *hints(meant)]))
        if isinstance(result, Rejected) and result.reason is FailureReason.TEMPLATE_UNDEFINED
        else result
        for result in outcome.results
    )
    return replace(outcome, results=results)
