"""Outcome -> what must be stored before the message may be acked. Pure; one copy for each cause."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from adapters.inbound.contract import DeadCopy, RetryCopy
from adapters.message_format.headers import DeliveryHeaders
from domain.errors import FailureReason
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
    waits: dict[tuple[object, ...], list[Deferred]] = {}
    for result in outcome.deferred:
        wait = (result.delay, result.attempt_spent, result.exact)
        waits.setdefault(wait, []).append(result)
    reasons: dict[FailureReason, list[Rejected]] = {}
    for rejected in outcome.rejected:
        reasons.setdefault(rejected.reason, []).append(rejected)
    return [
        *(_retry(failed, group, outcome.attempt, now, priority) for group in waits.values()),
        *(_dead(failed, reasons[one], outcome.attempt, priority) for one in sorted(reasons)),
    ]


def _retry(
    failed: DeliveryHeaders,
    group: list[Deferred],
    attempt: int,
    now: datetime,
    priority: int | None,
) -> RetryCopy:
    first = group[0]
    delay = min(first.delay, LONGEST_WAIT)
    headers = replace(
        failed,
        attempt=attempt if first.attempt_spent else failed.attempt,
        reason=None,
        error=_errors(group),
        remaining=tuple(r.recipient for r in group),
        due=now + delay if first.exact else None,
    )
    return RetryCopy(delay=delay, exact=first.exact, headers=headers.to_wire(), priority=priority)


def _dead(
    failed: DeliveryHeaders, group: list[Rejected], attempt: int, priority: int | None
) -> DeadCopy:
    headers = replace(
        failed,
        attempt=attempt,
        reason=group[0].reason,
        error=_errors(group),
        remaining=tuple(r.recipient for r in group),
    )
    return DeadCopy(headers=headers.to_wire(), priority=priority)


def _errors(group: Sequence[Deferred] | Sequence[Rejected]) -> str:
    return "; ".join(dict.fromkeys([result.error for result in group]))
