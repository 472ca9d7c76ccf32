"""The pace that refusals teach, as a pure function of time."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.learned_pace import Pace


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


def test_the_growth_is_steady_first_and_then_faster() -> None:
    pace = limited(10.0)

    growth = [pace.rate_at(1000.0 + waited) / 10.0 - 1 for waited in (0, 10, 40, 80)]

    # a step of 0.8 % a second, times 1 + (seconds / 40) squared
    assert growth == pytest.approx([0, 0.008 * 10 * 1.0625, 0.008 * 40 * 2, 0.008 * 80 * 5])


def test_a_provider_that_counts_over_long_is_tried_more_slowly() -> None:
    counts_over_a_minute = Pace(rate=10.0, since=1000.0, window=64.0)
    counts_over_half_a_second = Pace(rate=10.0, since=1000.0, window=0.5)

    assert counts_over_a_minute.rate_at(1080.0) == pytest.approx(limited().rate_at(1010.0))
    assert counts_over_half_a_second.rate_at(1010.0) == limited().rate_at(1010.0)


def test_each_change_has_a_number_of_its_own() -> None:
    stopped = Pace().refused(1000.0)
    slower = limited().refused(1100.0)

    assert (stopped.episode, stopped.refused(1001.0).episode) == (1, 2)
    assert stopped.passed(1001.0, 1001.0, 5).episode == 2
    assert slower.episode == 2
    assert slower.joined(3).episode == 2


def test_a_refusal_counts_what_this_sender_got_through() -> None:
    assert Pace().refused(1000.0).counted == 0
    assert Pace().refused(1000.0, counted=7).joined(2).counted == 9
    assert limited().refused(1100.0, counted=7).counted == 7


def test_a_stop_begins_when_it_was_refused() -> None:
    first, later = Pace().refused(1000.0), limited().refused(1100.0, wait=30)

    assert (first.since, first.blocked_at) == (1000.0, 1000.0)
    assert (later.since, later.blocked_at) == (1100.0, 1100.0)
    assert later.horizon(1130.0) == 30.0
    assert later.horizon(1100.2) == 1.0


def test_a_refusal_long_after_the_last_begins_the_row_again() -> None:
    twice = limited().refused(1100.0).refused(1103.0)
    soon = limited().refused(1100.0).refused(1102.9)

    assert limited().refused(1100.0).rate == pytest.approx(limited().rate_at(1100.0) * 0.95)
    assert twice.rate == pytest.approx(limited().refused(1100.0).rate_at(1103.0) * 0.95)
    assert soon.rate == pytest.approx(limited().refused(1100.0).rate_at(1102.9) * 0.88)
    assert not soon.is_blocked
    assert soon.refused(1103.5).is_blocked


def test_soon_is_measured_by_the_time_over_which_the_provider_counts() -> None:
    pace = Pace(rate=10.0, since=1000.0, window=60.0)
    slower = pace.refused(1170.0)

    assert slower.rate == pytest.approx(pace.rate_at(1170.0) * 0.88)


def test_refusals_in_a_row_stop_it_for_two_turns_at_least() -> None:
    slow, fast = limited(0.1), limited(100.0)
    for _ in range(2):
        slow, fast = slow.refused(slow.since + 0.5), fast.refused(fast.since + 0.5)

    assert fast.pause == 1.0
    assert slow.pause == pytest.approx(2 / (slow.rate / 0.7))


def test_what_passed_is_divided_by_the_time_until_the_probe() -> None:
    pace = Pace().refused(1000.0).passed(1011.0, 1010.0, 20)

    assert pace.rate == pytest.approx(20 / 10 * 0.95)
    assert (pace.since, pace.window, pace.pause) == (1011.0, 10.0, 0.0)


@pytest.mark.parametrize(("counted", "rate"), [(2, 7.0), (3, 3 * 0.95)])
def test_fewer_than_three_say_nothing_against_a_pace_that_is_known(
    counted: int, rate: float
) -> None:
    stopped = Pace(rate=7.0, since=1000.0, pause=1.0, blocked_at=1000.0)

    assert stopped.passed(1001.0, 1001.0, counted).rate == pytest.approx(rate)


def test_a_known_window_only_grows_and_to_an_hour_at_most() -> None:
    stopped = Pace(rate=7.0, since=1000.0, window=60.0, pause=1.0, blocked_at=1000.0)
    unknown = Pace(window=60.0, pause=1.0, blocked_at=1000.0)

    assert stopped.passed(1010.0, 1010.0, 5).window == 60.0
    assert stopped.passed(1100.0, 1100.0, 5).window == 100.0
    assert stopped.passed(9000.0, 9000.0, 5).window == 3600.0
    assert unknown.passed(1010.0, 1010.0, 5).window == 10.0


def test_a_note_has_all_that_is_known() -> None:
    pace = Pace(rate=1.5, since=2.25, window=3.5, pause=4.75, blocked_at=5.125,
                episode=6, counted=7, streak=8)  # fmt: skip

    assert Pace.decode(pace.encode()) == pace


def test_a_note_with_other_blanks_is_as_good_as_none() -> None:
    note = Pace(rate=1.5).encode()

    assert Pace.decode(note.replace(" ", "  ")) == Pace()
    assert Pace.decode(note.replace(" ", "\t")) == Pace()
