"""The turns that are handed out, as pure functions of time."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.pace import PARTS, Lane, Rate, Spacing, part_of

TIMES = st.lists(st.floats(0, 30), min_size=1, max_size=300)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("14/s", Rate(14, 1)),
        ("600/m", Rate(600, 60)),
        ("500/h", Rate(500, 3600)),
        ("10000/d", Rate(10000, 86400)),
        (" 14 / s ", Rate(14, 1)),
    ],
)
def test_a_rate_is_a_number_for_each_period(text: str, rate: Rate) -> None:
    assert Rate.parse(text) == rate
    assert Rate.parse(str(rate)) == rate


@pytest.mark.parametrize(
    "text",
    ["", "14", "14/", "/s", "0/s", "-1/s", "1.5/s", "14/w", "14/ss", "14 a second", "14/S"],
)
def test_what_is_no_rate_is_refused_with_the_forms(text: str) -> None:
    with pytest.raises(ValueError, match=r"14/s, 600/m, 500/h or 10000/d"):
        Rate.parse(text)


def test_turns_are_evenly_spaced() -> None:
    lane, spacing = Lane(), Spacing(interval=0.5)

    waits = [lane.take(spacing, 100.0, 60).wait for _ in range(4)]

    assert waits == [0, 0.5, 1.0, 1.5]


def test_a_burst_may_come_at_once() -> None:
    lane, spacing = Lane(), Spacing(interval=1.0, burst=3)

    waits = [lane.take(spacing, 100.0, 60).wait for _ in range(5)]

    assert waits == [0, 0, 0, 1, 2]


def test_a_turn_that_is_too_far_away_stays_free() -> None:
    lane, spacing = Lane(), Spacing(interval=10.0)
    lane.take(spacing, 100.0, 60)

    refused = lane.take(spacing, 101.0, 5)

    assert (refused.taken, refused.wait) == (False, 9.0)
    assert lane.take(spacing, 101.0, 60).wait == 9.0


def test_a_clock_that_was_set_back_stops_nothing() -> None:
    lane, spacing = Lane(), Spacing(interval=1.0, budgets=(Rate(1, 60),))
    lane.take(spacing, 1_000_000.0, 0)

    assert lane.take(spacing, 1000.0, 0).taken


@given(TIMES, st.integers(1, 20))
def test_a_budget_is_never_exceeded_in_any_period(gaps: list[float], count: int) -> None:
    lane, spacing = Lane(), Spacing(budgets=(Rate(count, 60),))
    now, taken = 1000.0, []

    for gap in gaps:
        now += gap
        turn = lane.take(spacing, now, 0)
        if turn.taken:
            taken.append(turn.at)

    for start in taken:
        assert sum(start <= at < start + 60 for at in taken) <= count


@given(st.integers(1, 50))
def test_a_budget_is_given_back_when_its_period_is_over(count: int) -> None:
    lane, spacing = Lane(), Spacing(budgets=(Rate(count, 60),))
    for _ in range(count):
        assert lane.take(spacing, 1000.0, 0).taken

    turn = lane.take(spacing, 1000.0, 0)

    assert not turn.taken
    assert 60 <= turn.wait <= 60 + 60 / PARTS
    assert lane.take(spacing, 1000.0 + turn.wait, 0).taken


def test_what_was_not_accepted_does_not_count() -> None:
    lane, spacing = Lane(), Spacing(budgets=(Rate(1, 60),))
    turn = lane.take(spacing, 1000.0, 0)

    lane.give_back(spacing, turn)

    assert lane.take(spacing, 1000.0, 0).taken


def test_what_is_given_back_is_one_turn_and_of_its_own_part_only() -> None:
    lane, spacing = Lane(), Spacing(budgets=(Rate(3, 60),))
    for _ in range(3):
        turn = lane.take(spacing, 1000.0, 0)

    lane.give_back(spacing, turn)

    assert [lane.take(spacing, 1000.0, 0).taken for _ in range(2)] == [True, False]


def test_more_given_back_than_taken_is_no_credit() -> None:
    lane, spacing = Lane(), Spacing(budgets=(Rate(2, 60),))
    turn = lane.take(spacing, 1000.0, 0)

    for _ in range(3):
        lane.give_back(spacing, turn)
        Lane().give_back(spacing, turn)  # nor where nothing was ever taken

    taken = [lane.take(spacing, 1000.0, 0).taken for _ in range(3)]
    assert taken == [True, True, False]


def test_a_budget_frees_as_many_turns_as_its_oldest_part_had() -> None:
    lane, spacing = Lane(), Spacing(budgets=(Rate(4, 100),))
    for at in (1000.0, 1000.0, 1000.0, 1050.0):
        assert lane.take(spacing, at, 0).taken

    assert lane.take(spacing, 1060.0, 0).at == 1101.0
    assert [lane.take(spacing, 1101.0, 0).taken for _ in range(4)] == [True, True, True, False]
    assert lane.take(spacing, 1101.0, 0).at == 1151.0


def test_a_budget_waits_for_as_many_parts_as_it_needs() -> None:
    lane, narrow = Lane(), Spacing(budgets=(Rate(1, 100),))
    wide = Spacing(budgets=(Rate(9, 100),))
    for at in (1000.0, 1010.0, 1020.0):
        lane.take(wide, at, 0)

    assert lane.take(narrow, 1030.0, 0).at == 1121.0


@pytest.mark.parametrize(("ahead", "wait"), [(3600.0, 3600.0), (3600.5, 0.0)])
def test_a_turn_more_than_an_hour_ahead_was_written_before_the_clock_was_set_back(
    ahead: float, wait: float
) -> None:
    lane = Lane(next_at=1000.0 + ahead)

    assert lane.take(Spacing(interval=1.0), 1000.0, 10_000).wait == wait


def test_a_budget_forgets_what_lies_an_hour_ahead_and_what_is_over() -> None:
    lane, spacing = Lane(), Spacing(budgets=(Rate(1, 100),))
    lane.used[100] = {800: 1, 4600: 1}  # the period of the first ends at 901

    assert lane.take(spacing, 901.0, 0).taken
    assert lane.used[100] == {901: 1}


def test_a_turn_that_was_not_taken_tells_when_it_is() -> None:
    lane, spacing = Lane(), Spacing(interval=10.0)
    lane.take(spacing, 100.0, 0)

    turn = lane.take(spacing, 101.0, 5)

    assert (turn.at, turn.wait) == (110.0, 9.0)


def test_the_forms_of_a_rate_are_named() -> None:
    with pytest.raises(ValueError, match=r"^must be a number for each second, minute, hour or day,"
                       r" such as 14/s, 600/m, 500/h or 10000/d$"):  # fmt: skip
        Rate.parse("often")


@given(
    part=st.integers(10**6, 4 * 10**9),
    period=st.sampled_from([60.0, 3600.0, 86400.0]),
    error=st.floats(-5e-7, 5e-7),
)
def test_a_turn_that_is_due_when_a_part_begins_is_in_it_however_its_time_is_rounded(
    part: int, period: float, error: float
) -> None:
    budget = Rate(20, period)
    begins = part * (period / PARTS)

    assert part_of(budget, begins) == part_of(budget, begins + error) == part


@given(
    st.builds(Spacing, interval=st.sampled_from([0.0, 0.5, 1.0]), burst=st.integers(1, 4)),
    st.lists(st.floats(0, 5), max_size=10),
    st.integers(0, 20),
)
def test_who_is_behind_others_has_the_turn_after_theirs(
    spacing: Spacing, gaps: list[float], behind: int
) -> None:
    lane, now = Lane(), 1000.0
    for gap in gaps:
        now += gap
        lane.take(spacing, now, 60)

    due = lane.due(spacing, now, behind)

    turns = [lane.take(spacing, now, 1000).at for _ in range(behind + 1)]
    assert due == pytest.approx(turns[-1])


@given(st.integers(1, 6), st.lists(st.floats(0, 30), max_size=10), st.integers(0, 20))
def test_who_is_behind_others_waits_for_their_budget_too(
    count: int, gaps: list[float], behind: int
) -> None:
    lane, spacing, now = Lane(), Spacing(budgets=(Rate(count, 60),)), 1000.0
    for gap in gaps:
        now += gap
        lane.take(spacing, now, 0)

    due = lane.due(spacing, now, behind)

    turns = [lane.take(spacing, now, 10_000).at for _ in range(behind + 1)]
    periods = behind // count + 1
    assert 0 <= turns[-1] - due <= periods * 60 / PARTS + 1e-6


def test_a_clock_that_is_never_set_back_has_no_horizon() -> None:
    lane, spacing = Lane(next_at=1e9, horizon=math.inf), Spacing(interval=1.0)

    assert lane.due(spacing, 1000.0) == 1e9
