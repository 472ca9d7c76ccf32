"""Make the deliveries that a message asks for: to all its channels at once, or to the next one only
where the one before has refused."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import structlog

from adapters.message_format.fields import hints
from adapters.message_format.message import Attempt
from domain.delivery import Delivery
from domain.dispatcher import Dispatcher
from domain.errors import FailureReason
from domain.ledger import Claim, Start
from domain.outcome import Outcome, Rejected

log = structlog.get_logger()

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Dispatched:
    """What became of one delivery; `claims` are those of every start on the way."""

    attempt: Attempt
    outcome: Outcome
    claims: Sequence[Claim | None]


async def dispatch_several(
    dispatcher: Dispatcher, attempts: Sequence[Attempt], *, is_fallback: bool
) -> Sequence[Dispatched]:
    """Return the result of each channel; for a fallback, of the channel where it ended."""
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
    """Return how far a fallback came when this message came before, and what `has_begun` says of
    it. An earlier channel must not be asked again: it might accept now what a later one has
    sent."""
    for index in range(len(attempts) - 1, 0, -1):
        if begun := await has_begun(attempts[index].delivery):
            return index, begun
    return 0, None


async def fall_back(
    attempts: Sequence[Attempt], try_one: Callable[[Delivery], Awaitable[Outcome]]
) -> tuple[Attempt, Outcome]:
    """Try one after the other, until one is not refused for good. If all are refused, the result is
    the first one's, with the refusals of all: a retry of it must begin with the first channel."""
    outcomes: list[Outcome] = []
    for attempt in attempts:
        outcome = await try_one(attempt.delivery)
        if not outcome.is_refused_for_good:
            return attempt, outcome
        outcomes.append(outcome)
    refusals = map(refusal, (one.delivery for one in attempts), outcomes)
    return attempts[0], outcomes[0].explained("; ".join(refusals))


def refusal(delivery: Delivery, outcome: Outcome) -> str:
    """Return why a channel has refused."""
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
