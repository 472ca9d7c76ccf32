"""Make the deliveries that a message asks for: to all its channels at once, or to the next one only
where the one before has refused."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
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


Tried = list[tuple[Attempt, Outcome]]
"""The result of each delivery; for a fallback, of the one where it ended."""


async def dispatch_several(
    dispatcher: Dispatcher, attempts: Sequence[Attempt], *, is_fallback: bool
) -> tuple[Tried, list[Claim | None]]:
    """Return the result of each channel, and the claims of every start on the way."""
    claims: list[Claim | None] = []

    async def dispatch(delivery: Delivery, start: Start | None) -> Outcome:
        try:
            outcome = await dispatcher.dispatch(delivery, start)
        except Exception as error:  # noqa: BLE001 - a fault of ours
            outcome = after_fault(dispatcher, delivery, error)
        claims.append(outcome.kept_claim)
        if is_fallback and _goes_on(delivery, outcome):
            why = refusal(delivery, outcome)
            log.info("channel refused for good", id=delivery.notification.id, error=why)
        return outcome

    try:
        tried = await try_each(attempts, dispatcher.resume, dispatch, is_fallback=is_fallback)
    except Exception as error:  # noqa: BLE001 - a fault of ours
        # Not knowing who has it, nothing is sent.
        tried = [(attempts[0], after_fault(dispatcher, attempts[0].delivery, error))]
    return tried, claims


async def try_each(
    attempts: Sequence[Attempt],
    resume: Callable[[Delivery], Awaitable[_T | None]],
    try_one: Callable[[Delivery, _T | None], Awaitable[Outcome]],
    *,
    is_fallback: bool,
) -> Tried:
    """Try all at once; in a fallback one after the other, until one is not refused for good or may
    have arrived before. If all are refused, the result is the first one's, with the refusals of
    all: a retry of it must begin with the first channel. `resume` says what an earlier appearance
    of the message has begun; for `try_one`."""
    if not is_fallback:
        outcomes = await asyncio.gather(*(try_one(one.delivery, None) for one in attempts))
        return list(zip(attempts, outcomes, strict=True))
    at, begun = await _come_to(attempts, resume)
    refused: Tried = []
    for attempt in attempts[at:]:
        outcome = await try_one(attempt.delivery, begun)
        if not _goes_on(attempt.delivery, outcome):
            return [(attempt, outcome)]
        refused.append((attempt, outcome))
        begun = None
    first, outcome = refused[0]
    refusals = [refusal(one.delivery, each) for one, each in refused]
    others = [rejected for _, each in refused[1:] for rejected in each.rejected]
    return [(first, outcome.explained("; ".join(refusals), others))]


async def _come_to(
    attempts: Sequence[Attempt], resume: Callable[[Delivery], Awaitable[_T | None]]
) -> tuple[int, _T | None]:
    """Return how far a fallback came when this message came before, and what `resume` says of it.
    An earlier channel must not be asked again: it might accept now what a later one has sent."""
    for index in range(len(attempts) - 1, 0, -1):
        if begun := await resume(attempts[index].delivery):
            return index, begun
    return 0, None


def _goes_on(delivery: Delivery, outcome: Outcome) -> bool:
    return outcome.is_refused_for_good and not delivery.may_have_arrived


def refusal(delivery: Delivery, outcome: Outcome) -> str:
    """Return why a channel has refused."""
    return f"{delivery.notification.channel}: {outcome.rejected[0].error}"


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
