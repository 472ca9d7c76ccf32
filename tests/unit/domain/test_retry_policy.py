"""When to try again is a pure rule."""

from datetime import timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.content import InDoubtPolicy
from domain.duration import parse_duration
from domain.errors import FailureReason, Transient
from domain.ledger import RecipientState
from domain.notification import Recipient
from domain.outcome import Deferred, Rejected
from domain.retry_policy import RetryPolicy, result_of_state

EIGHT = tuple(map(parse_duration, ["10s", "1m", "5m", "30m", "2h", "6h", "12h", "24h"]))
MINUTE = timedelta(minutes=1)

delays = st.timedeltas(min_value=timedelta(milliseconds=1), max_value=timedelta(days=30))
tier_lists = st.lists(delays, max_size=10).map(tuple)
attempts = st.integers(min_value=1, max_value=12)


@given(tiers=tier_lists, attempt=attempts)
def test_each_attempt_waits_its_own_tier_and_the_last_gives_up(
    tiers: tuple[timedelta, ...], attempt: int
) -> None:
    expected = tiers[attempt - 1] if attempt <= len(tiers) else None

    assert RetryPolicy(tiers).delay_after(attempt) == expected


@given(tiers=tier_lists, attempt=attempts, at_least=delays)
def test_an_error_may_ask_for_more_but_gets_no_more_attempts(
    tiers: tuple[timedelta, ...], attempt: int, at_least: timedelta
) -> None:
    policy = RetryPolicy(tiers)

    delay = policy.delay_after(attempt, Transient("busy", at_least=at_least))

    assert (delay is None) == (policy.delay_after(attempt) is None)


@given(tiers=tier_lists, attempt=attempts, at_least=delays)
def test_the_wait_is_a_tier_that_is_long_enough_or_the_longest(
    tiers: tuple[timedelta, ...], attempt: int, at_least: timedelta
) -> None:
    assume(attempt <= len(tiers))

    delay = RetryPolicy(tiers).delay_after(attempt, Transient("busy", at_least=at_least))

    assert delay in tiers
    assert delay >= at_least or delay == max(tiers)


def test_eight_tiers_give_nine_attempts() -> None:
    policy = RetryPolicy(EIGHT)

    waits = [policy.delay_after(attempt) for attempt in range(1, 10)]

    assert waits == [*EIGHT, None]


def test_greylisting_moves_up_to_the_first_tier_that_is_long_enough() -> None:
    error = Transient("greylisted", at_least=5 * MINUTE)

    waits = [RetryPolicy(EIGHT).delay_after(attempt, error) for attempt in (1, 2, 3, 4)]

    assert waits == [5 * MINUTE, 5 * MINUTE, 5 * MINUTE, 30 * MINUTE]


def test_a_wait_longer_than_every_tier_gets_the_longest() -> None:
    error = Transient("greylisted", at_least=5 * MINUTE)

    assert RetryPolicy((MINUTE, 2 * MINUTE)).delay_after(1, error) == 2 * MINUTE


@given(tiers=tier_lists, attempt=attempts, most=st.integers(min_value=1, max_value=12))
def test_an_error_may_allow_fewer_attempts_and_no_more(
    tiers: tuple[timedelta, ...], attempt: int, most: int
) -> None:
    policy = RetryPolicy(tiers)
    plain = policy.delay_after(attempt)

    delay = policy.delay_after(attempt, Transient("busy", most_attempts=most))

    assert delay == (None if attempt >= most else plain)


def test_without_tiers_there_is_one_attempt() -> None:
    assert RetryPolicy(()).delay_after(1) is None


@pytest.mark.parametrize("tier", [timedelta(0), timedelta(seconds=-1)], ids=["zero", "negative"])
def test_a_tier_takes_time(tier: timedelta) -> None:
    with pytest.raises(ValueError, match="longer than zero"):
        RetryPolicy((MINUTE, tier))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("250ms", 0.25), ("10s", 10), ("5m", 300), ("2h", 7200), ("1d", 86400), (" 1.5 s ", 1.5)],
)
def test_a_duration_is_written_as_people_write_it(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "10", "s", "-1s", "1 week", "1e3s", "1s1s", "9" * 13 + "s"])
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match=r"^must be a duration such as 250ms, 10s, 5m, 2h or 1d$"):
        parse_duration(text)


def test_a_duration_beyond_all_calendars_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^is too long a duration$"):
        parse_duration("999999999999d")


def test_a_tier_as_long_as_asked_for_is_taken() -> None:
    policy = RetryPolicy((2 * MINUTE, MINUTE))

    assert policy.delay_after(2, Transient("busy", at_least=MINUTE)) == MINUTE


def test_the_wait_that_a_provider_names_is_kept_to_the_second() -> None:
    recipient = Recipient(address="ann@example.com")

    result = RetryPolicy((MINUTE,)).after(
        1, recipient, "slow down", Transient("busy", retry_after=timedelta(seconds=7))
    )

    assert result == Deferred(
        recipient=recipient, delay=timedelta(seconds=7), error="slow down", exact=True
    )


@pytest.mark.parametrize(
    ("state", "reason", "error"),
    [
        (
            RecipientState.CONFLICT,
            FailureReason.CONFLICT,
            "this id was used before with another body; every message needs an id of its own",
        ),
        (
            RecipientState.POISON,
            FailureReason.POISON,
            "the worker died each time it had this message in hand; see its log before a retry",
        ),
        (
            RecipientState.IN_DOUBT,
            FailureReason.IN_DOUBT,
            "its worker died while it was sent, or the answer was lost: it may have arrived",
        ),
    ],
)
def test_what_the_ledger_refuses_has_its_recipient_and_its_cause(
    state: RecipientState, reason: FailureReason, error: str
) -> None:
    recipient = Recipient(address="ann@example.com")

    result = result_of_state(recipient, state, InDoubtPolicy.HOLD)

    in_doubt = state is RecipientState.IN_DOUBT
    assert result == Rejected(recipient=recipient, reason=reason, error=error, in_doubt=in_doubt)
    assert result_of_state(recipient, RecipientState.IN_DOUBT, InDoubtPolicy.RESEND) is None
