"""Waits that double."""

from itertools import accumulate, repeat

import pytest

from domain.backoff import DoublingWait


def _row(waits: DoublingWait, age: float, count: int) -> list[float]:
    return list(accumulate(repeat(age, count), waits.after, initial=0.0))[1:]


def test_each_wait_is_twice_the_one_before_up_to_the_longest() -> None:
    waits = DoublingWait(first=1, longest=10, longest_early=3)

    assert _row(waits, 300, 6) == [1, 2, 4, 8, 10, 10]
    assert waits.after(0) == 1
    assert waits.after(8) == 10


@pytest.mark.parametrize(("age", "longest"), [(0, 3), (299.9, 3), (300, 10), (-1, 10)])
def test_the_waits_are_shorter_while_an_outage_is_young(age: float, longest: float) -> None:
    waits = DoublingWait(first=1, longest=10, longest_early=3)

    assert waits.after(8, age) == longest


def test_no_wait_is_longer_than_the_longest_at_any_age() -> None:
    assert DoublingWait(first=20, longest=10, longest_early=15).after(0, 0) == 10
    assert DoublingWait(first=1, longest=10).after(9, 0) == 10
