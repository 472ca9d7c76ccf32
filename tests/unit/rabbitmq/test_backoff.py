"""How long to wait after failures."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from adapters.rabbitmq.backoff import Backoff
from domain.backoff import DoublingWait

_TO_30 = DoublingWait(first=1, longest=30)


def _longest(_: float, ceiling: float) -> float:
    return ceiling


def test_each_failure_doubles_the_ceiling_up_to_the_cap() -> None:
    backoff = Backoff(_TO_30, pick=_longest)

    assert [backoff.failed(0) for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]


@given(st.integers(1, 5_000))
def test_the_wait_is_never_zero_and_never_above_the_cap(failures: int) -> None:
    backoff = Backoff(_TO_30)

    waits = [backoff.failed(0) for _ in range(failures)]

    assert all(0 < wait <= 30 for wait in waits)


def test_a_success_counts_only_once_it_has_lasted() -> None:
    backoff = Backoff(_TO_30, stable=10, pick=_longest)
    backoff.failed(0)
    backoff.failed(0)

    backoff.succeeded(100)
    flapping = backoff.failed(105)
    backoff.succeeded(200)
    backoff.succeeded(209)
    stable = backoff.failed(211)

    assert (flapping, stable) == (4, 1)


def test_field_7_8_a_broker_is_asked_every_few_seconds_in_the_first_five_minutes() -> None:
    backoff = Backoff(pick=_longest)
    now, tries = 1000.0, []
    while now < 1000.0 + 3600:
        tries.append(now)
        now += backoff.failed(now)

    waits = [(later - earlier, earlier - 1000) for earlier, later in pairwise(tries)]
    assert max(wait for wait, age in waits if age < 300) <= 3
    assert max(wait for wait, _ in waits) <= 25


def test_field_7_8_each_outage_is_young_again_once_the_broker_has_worked() -> None:
    backoff = Backoff(pick=_longest)
    for age in range(0, 600, 3):
        backoff.failed(age)
    assert backoff.failed(600) == 25

    backoff.succeeded(700)
    assert [backoff.failed(10_000 + age) for age in (0, 1, 3, 6)] == [1, 2, 3, 3]
