"""Outcome -> what must be stored before the message is acked."""

from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.inbound.contract import DeadCopy, RetryCopy
from adapters.inbound.handler import LONGEST_WAIT, settle
from adapters.message_format.headers import DeliveryHeaders, iso
from domain.errors import FailureReason
from domain.notification import Recipient
from domain.outcome import Deferred, Outcome, Rejected, Result, Sent
from tests.fakes import NOON, recipients
from tests.unit.inbound.office import past, the_retry

ANN, BOB, CY, DEE = recipients("ann@a.org", "bob@b.org", "cy@c.org", "dee@d.org")
MINUTE = timedelta(minutes=1)
BEFORE = NOON - timedelta(hours=1)
ARRIVED = DeliveryHeaders(
    attempt=1, first_seen=BEFORE, queue="email", key="n-1", due=BEFORE, traceparent="00-1-2-01"
)
DOUBTED = replace(ARRIVED, in_doubt=True)


def settled(*results: Result, attempt: int = 2) -> list[RetryCopy | DeadCopy]:
    return list(settle(ARRIVED, Outcome(attempt=attempt, results=results), NOON))


def later(recipient: Recipient, delay: timedelta = MINUTE, error: str = "busy") -> Deferred:
    return Deferred(recipient=recipient, delay=delay, error=error)


def never(recipient: Recipient, reason: FailureReason, error: str = "no") -> Rejected:
    return Rejected(recipient=recipient, reason=reason, error=error)


def test_when_all_were_sent_nothing_is_stored() -> None:
    assert settled(Sent(recipient=ANN), Sent(recipient=BOB)) == []


def test_a_deferred_recipient_waits_its_tier_with_its_past() -> None:
    assert settled(Sent(recipient=ANN), later(BOB)) == [
        RetryCopy(
            delay=MINUTE,
            exact=False,
            headers={
                "x-dispatcher-attempt": 2,
                "x-dispatcher-error": "busy",
                "x-dispatcher-first-seen": iso(BEFORE),
                "x-dispatcher-failed-at": iso(NOON),
                "x-dispatcher-queue": "email",
                "x-dispatcher-key": "n-1",
                "x-dispatcher-remaining": '["bob@b.org"]',
                "traceparent": "00-1-2-01",
            },
        )
    ]


def test_a_rejected_recipient_is_dead_with_the_reason_and_its_past() -> None:
    assert settled(never(ANN, FailureReason.RECIPIENT_REFUSED, "550 unknown")) == [
        DeadCopy(
            headers={
                "x-dispatcher-attempt": 2,
                "x-dispatcher-reason": "recipient_refused",
                "x-dispatcher-error": "550 unknown",
                "x-dispatcher-first-seen": iso(BEFORE),
                "x-dispatcher-failed-at": iso(NOON),
                "x-dispatcher-queue": "email",
                "x-dispatcher-key": "n-1",
                "x-dispatcher-remaining": '["ann@a.org"]',
                "traceparent": "00-1-2-01",
            }
        )
    ]


def test_a_wait_named_from_outside_is_exact_and_spends_no_attempt() -> None:
    result = Deferred(recipient=ANN, delay=MINUTE, error="429", attempt_spent=False, exact=True)

    copy = the_retry(settled(result))

    assert (copy.delay, copy.exact) == (MINUTE, True)
    assert (past(copy).attempt, past(copy).due) == (1, NOON + MINUTE)


def test_a_wait_beyond_the_calendar_is_cut_to_a_year() -> None:
    result = Deferred(recipient=ANN, delay=timedelta.max, error="429", exact=True)

    copy = the_retry(settled(result))

    assert copy.delay == LONGEST_WAIT
    assert past(copy).due == NOON + LONGEST_WAIT


def test_there_is_one_copy_for_each_wait() -> None:
    exact = Deferred(recipient=DEE, delay=MINUTE, error="429", attempt_spent=False, exact=True)

    copies = settled(later(ANN), later(BOB, 2 * MINUTE), later(CY), exact)

    retries = [copy for copy in copies if isinstance(copy, RetryCopy)]
    assert retries == copies
    assert [(c.delay, c.exact, past(c).remaining) for c in retries] == [
        (MINUTE, False, (ANN, CY)),
        (2 * MINUTE, False, (BOB,)),
        (MINUTE, True, (DEE,)),
    ]


def test_there_is_one_copy_for_each_reason() -> None:
    copies = settled(
        never(ANN, FailureReason.RECIPIENT_REFUSED),
        never(BOB, FailureReason.CONTENT_REFUSED),
        never(CY, FailureReason.RECIPIENT_REFUSED),
    )

    assert [(past(c).reason, past(c).remaining) for c in copies] == [
        (FailureReason.CONTENT_REFUSED, (BOB,)),
        (FailureReason.RECIPIENT_REFUSED, (ANN, CY)),
    ]


def test_each_recipient_not_reached_is_in_exactly_one_copy() -> None:
    copies = settled(
        Sent(recipient=ANN), later(BOB), never(CY, FailureReason.GUARDED), later(DEE, 2 * MINUTE)
    )

    owed = [recipient for copy in copies for recipient in past(copy).remaining or ()]
    assert sorted(map(str, owed)) == ["bob@b.org", "cy@c.org", "dee@d.org"]
    assert [type(copy) for copy in copies] == [RetryCopy, RetryCopy, DeadCopy]


def test_a_recipient_who_was_not_tried_spends_no_attempt() -> None:
    listed = Rejected(
        recipient=ANN, reason=FailureReason.SUPPRESSED, error="listed", attempt_spent=False
    )

    copies = settled(listed, never(BOB, FailureReason.RECIPIENT_REFUSED))

    assert [(past(c).reason, past(c).attempt) for c in copies] == [
        (FailureReason.RECIPIENT_REFUSED, 2),
        (FailureReason.SUPPRESSED, ARRIVED.attempt),
    ]


def test_errors_are_told_once_each() -> None:
    (copy,) = settled(later(ANN), later(BOB, error="full"), later(CY))

    assert past(copy).error == "busy; full"


def test_a_replayed_letter_forgets_the_reason_it_died_of() -> None:
    replayed = DeliveryHeaders(reason=FailureReason.EXPIRED, error="old")

    (copy,) = settle(replayed, Outcome(attempt=1, results=(later(ANN),)), NOON)

    assert (past(copy).reason, past(copy).error) == (None, "busy")


@pytest.mark.parametrize("is_known", [True, False], ids=["known before", "in this attempt"])
def test_what_may_have_arrived_is_remembered_by_its_copies(*, is_known: bool) -> None:
    doubtful = replace(later(ANN), in_doubt=not is_known)
    outcome = Outcome(attempt=2, results=(doubtful, never(BOB, FailureReason.RECIPIENT_REFUSED)))

    retry, dead = settle(DOUBTED if is_known else ARRIVED, outcome, NOON)

    assert past(retry).in_doubt
    assert past(dead).in_doubt == is_known
    assert past(dead).error == ("an earlier attempt may have arrived; no" if is_known else "no")


def test_a_letter_that_is_dead_because_of_doubt_says_so_once() -> None:
    outcome = Outcome(attempt=2, results=(never(ANN, FailureReason.IN_DOUBT, "cut"),))

    (dead,) = settle(DOUBTED, outcome, NOON)

    assert past(dead).error == "cut"
