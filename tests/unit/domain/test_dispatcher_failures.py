"""What a failure means for each recipient."""

from datetime import timedelta

import pytest

from domain.content import Envelope, InDoubtPolicy
from domain.errors import (
    FailureReason,
    InDoubt,
    Permanent,
    Throttled,
    Transient,
    Unavailable,
)
from domain.outcome import Deferred, Outcome, Rejected, Sent
from tests.fakes import (
    NOON,
    a_notification,
)
from tests.unit.domain.house import ANN, BOB, SECOND, House


@pytest.mark.parametrize(
    ("attempts_made", "delay"), [(0, 10 * SECOND), (1, 60 * SECOND)], ids=["first", "second"]
)
def test_a_transient_failure_waits_its_tier(attempts_made: int, delay: timedelta) -> None:
    outcome = House().fail(Transient("busy"), attempts_made=attempts_made)

    assert outcome == Outcome(
        attempt=attempts_made + 1,
        results=tuple(Deferred(recipient=r, delay=delay, error="busy") for r in (ANN, BOB)),
    )


def test_a_transient_failure_may_ask_for_a_longer_tier() -> None:
    outcome = House().fail(Transient("greylisted", at_least=30 * SECOND))

    assert {r.delay for r in outcome.deferred} == {60 * SECOND}


def test_after_the_last_tier_the_delivery_is_given_up() -> None:
    outcome = House().fail(Transient("busy"), attempts_made=2)

    reason = FailureReason.RETRIES_EXHAUSTED
    assert outcome == Outcome.all_rejected((ANN, BOB), reason, "busy", attempt=3)


def test_a_permanent_failure_is_final_at_once() -> None:
    reason = FailureReason.CONTENT_REFUSED

    outcome = House().fail(Permanent("554 spam", reason=reason))

    assert outcome == Outcome.all_rejected((ANN, BOB), reason, "554 spam", attempt=1)


@pytest.mark.parametrize("attempts_made", [0, 2, 50])
def test_a_throttled_delivery_waits_what_the_provider_said_and_spends_no_attempt(
    attempts_made: int,
) -> None:
    error = Throttled("429", retry_after=17 * SECOND)

    outcome = House().fail(error, attempts_made=attempts_made)

    assert outcome.results == tuple(
        Deferred(recipient=r, delay=17 * SECOND, error="429", attempt_spent=False, exact=True)
        for r in (ANN, BOB)
    )


def test_an_absent_provider_is_waited_for_and_costs_no_attempt() -> None:
    house = House()
    house.notifier.failures = [Unavailable("refused"), Unavailable("refused"), None]

    outcome = house.dispatch(a_notification())

    assert outcome == Outcome(attempt=1, results=(Sent(recipient=ANN),))
    assert house.clock.slept == [1, 2]
    assert house.pauses == [("email", "refused"), ("email", "refused"), ("email", None)]


@pytest.mark.parametrize(
    ("setting", "template", "reason"),
    [
        (InDoubtPolicy.RESEND, None, None),
        (InDoubtPolicy.HOLD, None, FailureReason.IN_DOUBT),
        (InDoubtPolicy.RESEND, InDoubtPolicy.HOLD, FailureReason.IN_DOUBT),
        (InDoubtPolicy.HOLD, InDoubtPolicy.RESEND, None),
    ],
    ids=["resend", "hold", "the template holds", "the template resends"],
)
def test_the_template_then_the_setting_say_what_to_do_in_doubt(
    setting: InDoubtPolicy, template: InDoubtPolicy | None, reason: FailureReason | None
) -> None:
    house = House(in_doubt=setting)
    house.renderer.envelope = Envelope(in_doubt=template)

    outcome = house.fail(InDoubt("cut"))

    held = tuple(
        Rejected(recipient=r, reason=reason, error="cut", in_doubt=True)
        for r in (ANN, BOB)
        if reason
    )
    again = tuple(
        Deferred(recipient=r, delay=10 * SECOND, error="cut", in_doubt=True) for r in (ANN, BOB)
    )
    assert outcome.results == (held or again)


def test_a_resend_in_doubt_spends_attempts_like_any_other() -> None:
    outcome = House().fail(InDoubt("cut"), attempts_made=2)

    assert {r.reason for r in outcome.rejected} == {FailureReason.RETRIES_EXHAUSTED}


@pytest.mark.parametrize(
    ("late", "sent"), [(-SECOND, 0), (0 * SECOND, 0), (SECOND, 1)], ids=["past", "now", "future"]
)
def test_an_expired_notification_is_not_sent(late: timedelta, sent: int) -> None:
    house = House()

    outcome = house.dispatch(a_notification(expires_at=NOON + late))

    assert house.notifier.calls == len(outcome.sent) == sent
    assert all(r.reason is FailureReason.EXPIRED for r in outcome.rejected)


def test_a_notification_that_expires_during_an_outage_is_not_sent_after_it() -> None:
    house = House()
    house.notifier.failures = [Unavailable("away")] * 3

    outcome = house.dispatch(a_notification(expires_at=NOON + 4 * SECOND))

    assert [r.reason for r in outcome.rejected] == [FailureReason.EXPIRED]
    assert house.notifier.delivered == []
    assert all(error is not None for _, error in house.pauses)


@pytest.mark.parametrize(
    ("age", "sent"),
    [(59 * SECOND, 1), (60 * SECOND, 0), (None, 1)],
    ids=["younger", "as old", "age unknown"],
)
def test_a_template_may_say_how_long_its_notifications_last(
    age: timedelta | None, sent: int
) -> None:
    house = House()
    house.renderer.envelope = Envelope(expires_after=60 * SECOND)

    outcome = house.dispatch(a_notification(), first_seen=NOON - age if age else None)

    assert house.notifier.calls == len(outcome.sent) == sent
    assert all(r.reason is FailureReason.EXPIRED for r in outcome.rejected)


def test_an_unknown_channel_is_said_so() -> None:
    house = House()

    outcome = house.dispatch(a_notification(channel="pigeon"))

    (result,) = outcome.rejected
    assert result.reason is FailureReason.CHANNEL_UNKNOWN
    assert "'pigeon' is not configured" in result.error
    assert house.renderer.requests == []


@pytest.mark.parametrize(
    ("change", "reason", "word"),
    [
        ({"template": "nowhere"}, FailureReason.TEMPLATE_MISSING, "'nowhere'"),
        ({"parameters": {}}, FailureReason.TEMPLATE_UNDEFINED, "'name'"),
    ],
    ids=["missing", "undefined"],
)
def test_a_template_that_fails_rejects_everybody_and_sends_nothing(
    change: dict[str, object], reason: FailureReason, word: str
) -> None:
    house = House()

    outcome = house.dispatch(a_notification(to=(ANN, BOB), **change), attempts_made=1)

    assert [(r.recipient, r.reason) for r in outcome.rejected] == [(ANN, reason), (BOB, reason)]
    assert all(word in r.error for r in outcome.rejected)
    assert (outcome.attempt, house.notifier.calls) == (2, 0)


def test_a_wait_the_provider_named_is_that_message_s_delay() -> None:
    outcome = House().fail(Transient("in 300 seconds", retry_after=300 * SECOND))

    assert [(r.delay, r.exact, r.attempt_spent) for r in outcome.deferred] == [
        (300 * SECOND, True, True)
    ] * 2


def test_five_messages_in_a_row_that_meet_the_provider_s_fault_pause_the_channel() -> None:
    house = House()
    house.notifier.failures = [Transient("421 busy", provider_fault=True)] * 7 + [None]

    outcomes = [house.dispatch(a_notification(id=f"n-{n}")) for n in range(5)]

    assert [len(outcome.deferred) for outcome in outcomes] == [1, 1, 1, 1, 0]
    assert len(outcomes[-1].sent) == 1
    assert outcomes[-1].attempt == 1
    assert "5 messages in a row" in (house.pauses[0][1] or "")


def test_one_odd_message_met_again_and_again_pauses_nothing() -> None:
    house = House()
    house.notifier.failures = [Transient("421 busy", provider_fault=True)] * 20

    for _ in range(20):
        house.dispatch(a_notification())

    assert house.pauses == []


def test_a_message_that_is_served_ends_the_row() -> None:
    house = House()
    fault = Transient("421 busy", provider_fault=True)
    house.notifier.failures = [*[fault] * 4, None, *[fault] * 4]

    for number in range(9):
        house.dispatch(a_notification(id=f"n-{number}"))

    assert house.pauses == []


def test_a_message_held_through_a_long_pause_rests_in_its_broker_and_spends_nothing() -> None:
    house = House()
    house.notifier.failures = [Unavailable("away")] * 100

    outcome = house.dispatch(a_notification())

    [deferred] = outcome.deferred
    assert (deferred.attempt_spent, deferred.exact, deferred.delay) == (False, True, 60 * SECOND)
    assert 600 <= (house.clock.now() - NOON).total_seconds() <= 660


def test_what_the_notifier_keeps_in_hand_is_sent_by_the_same_attempt() -> None:
    house = House()
    wait = timedelta(seconds=10)
    slow = [Throttled("too fast", retry_after=wait, in_hand=True) for _ in range(3)]
    house.notifier.failures = [*slow]

    outcome = house.dispatch(a_notification())

    assert outcome.attempt == 1
    assert [type(result) for result in outcome.results] == [Sent]
    assert house.notifier.calls == 4
