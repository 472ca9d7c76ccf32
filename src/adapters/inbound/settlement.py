"""Outcome -> what must be stored before the message may be acked. Pure; one copy for each cause."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from adapters.inbound.contract import DeadCopy, RetryCopy
from adapters.message_format.headers import DeliveryHeaders
from domain.outcome import Deferred, Outcome, Rejected

LONGEST_WAIT = timedelta(days=366)
"""A provider that asks for more is wrong, and its due time might be beyond the calendar."""


def settle(
    headers: DeliveryHeaders, outcome: Outcome, now: datetime, priority: int | None = None
) -> Sequence[RetryCopy | DeadCopy]:
    """Copies for those not reached: one for each wait, one for each reason.

    `headers` are those the message came with; `attempt` in the copies counts tries already made,
    and a try that spent no attempt leaves it as it was. `priority` is that of the copies.
    """
    failed = replace(headers, failed_at=now, due=None)
    waits = {(r.delay, r.attempt_spent, r.exact): r for r in outcome.deferred}
    reasons = {r.reason for r in outcome.rejected}
    retries = [
        _retry(failed, [r for r in outcome.deferred if _wait_of(r) == wait], outcome.attempt)
        for wait in waits
    ]
    dead = [
        _dead(failed, [r for r in outcome.rejected if r.reason is reason], outcome.attempt)
        for reason in sorted(reasons)
    ]
    if priority is None:
        return [*retries, *dead]
    return [
        *(replace(copy, priority=priority) for copy in retries),
        *(replace(copy, priority=priority) for copy in dead),
    ]


def _wait_of(result: Deferred) -> tuple[object, ...]:
    return (result.delay, result.attempt_spent, result.exact)


def _retry(failed: DeliveryHeaders, group: list[Deferred], attempt: int) -> RetryCopy:
    first = group[0]
    delay = min(first.delay, LONGEST_WAIT)
    headers = replace(
        failed,
        attempt=attempt if first.attempt_spent else failed.attempt,
        reason=None,
        error=_errors(r.error for r in group),
        remaining=tuple(r.recipient for r in group),
        due=failed.failed_at + delay if first.exact and failed.failed_at else None,
    )
    return RetryCopy(delay=delay, exact=first.exact, headers=headers.to_wire())


def _dead(failed: DeliveryHeaders, group: list[Rejected], attempt: int) -> DeadCopy:
    headers = replace(
        failed,
        attempt=attempt,
        reason=group[0].reason,
        error=_errors(r.error for r in group),
        remaining=tuple(r.recipient for r in group),
    )
    return DeadCopy(headers=headers.to_wire())


def _errors(texts: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(texts))
