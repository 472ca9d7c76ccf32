"""Turns and the learned pace, as pure functions of time."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.learned_pace import Pace
from domain.pace import PARTS, Lane, Rate, Spacing

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


def limited(rate: float = 10.0, since: float = 1000.0) -> Pace:
    return Pace(rate=rate, since=since, episode=1)


def test_the_first_refusal_stops_all_but_a_probe() -> None:
    pace = Pace().refused(1000.0)

    assert pace.is_blocked
    assert pace.episode == 1


def test_what_was_accepted_before_the_block_becomes_the_pace() -> None:
    pace = Pace().refused(1000.0).passed(1001.0, 1001.0, 14)

    assert not pace.is_blocked
    assert pace.rate_at(1001.0) == pytest.approx(14 * 0.95)


def test_two_senders_that_met_it_count_for_two() -> None:
    pace = Pace().refused(1000.0, counted=1).joined(13).passed(1001.0, 1001.0, 1)

    assert pace.rate_at(1001.0) == pytest.approx(14 * 0.95)


def test_the_probe_that_was_accepted_is_the_least_that_the_relay_takes() -> None:
    pace = Pace().refused(1000.0).passed(1001.0, 1001.0, 0)

    assert pace.rate_at(1001.0) == pytest.approx(0.95)


def test_a_refused_probe_makes_the_pause_longer_up_to_minutes() -> None:
    pace, pauses = Pace().refused(1000.0), []

    for _ in range(30):
        pace = pace.refused(1000.0)
        pauses.append(pace.pause)

    assert pauses[0] == 1.5
    assert pauses == sorted(pauses)
    assert pauses[-1] == 300


def test_the_wait_that_the_relay_names_is_kept() -> None:
    assert Pace().refused(1000.0, wait=30).pause == 30
    assert limited().refused(1100.0, wait=30).pause == 30


def test_refusals_lower_the_pace_by_a_part_and_time_raises_it_by_steps() -> None:
    pace = limited(10.0).refused(1010.0)

    lowered = pace.rate_at(1010.0)
    assert not pace.is_blocked
    assert lowered < limited(10.0).rate_at(1010.0)
    assert lowered < pace.rate_at(1011.0) < pace.rate_at(1012.0) < pace.rate_at(1030.0)


def test_refusals_soon_after_one_another_lower_it_more_and_then_stop_it() -> None:
    pace, rates = limited(10.0), [10.0]

    for _ in range(2):
        pace = pace.refused(pace.since + 0.5)
        rates.append(pace.rate_at(pace.since))

    factors = [after / before for before, after in itertools.pairwise(rates)]
    assert factors[1] < factors[0] < 1
    assert pace.is_blocked


def test_a_limit_that_is_not_met_any_more_is_forgotten() -> None:
    assert limited().rate_at(1000.0 + 1200) == 0.0
    assert limited().rate_at(1000.0 + 30) > 0.0


@given(
    st.lists(st.tuples(st.sampled_from(["refused", "passed", "joined"]), st.floats(0, 5000)),
             max_size=40)
)  # fmt: skip
def test_whatever_happens_the_pace_stays_one_and_survives_its_note(
    events: list[tuple[str, float]],
) -> None:
    pace, now = Pace(), 1000.0

    for event, gap in events:
        now += gap
        if event == "refused":
            pace = pace.refused(now)
        elif event == "joined":
            pace = pace.joined(1)
        elif pace.is_blocked:
            pace = pace.passed(now, now, 3)
        assert pace.rate_at(now) >= 0
        assert 0 <= pace.pause <= 300
        read = Pace.decode(pace.encode())
        assert read.rate == pytest.approx(pace.rate, abs=1e-6)
        assert (read.episode, read.counted) == (pace.episode, pace.counted)


@pytest.mark.parametrize("note", ["", "x", "1 2", "a b c d e f g h"])
def test_a_note_that_cannot_be_read_is_as_good_as_none(note: str) -> None:
    assert Pace.decode(note) == Pace()
