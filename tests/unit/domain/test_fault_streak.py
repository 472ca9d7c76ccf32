"""Refusals one after the other: which wait, which are final, and when all of them are about us."""

from datetime import timedelta

import pytest

from domain.errors import (
    DeliveryError,
    InDoubt,
    RefusedInARow,
    Throttled,
    Transient,
    Unavailable,
)
from domain.turns import Caller
from tests.unit.domain.refusing_relay import BUSY, LEAVES, NO_USER, QUOTA, SENDER, TEN, WAITS, Relay


def test_a_final_refusal_that_may_be_about_us_waits_and_spends_no_attempt() -> None:
    relay = Relay()

    answers = relay.answer("a", SENDER, NO_USER)

    assert isinstance(answers[0], Throttled)
    assert str(answers[0]) == "553 sender"
    assert answers[0].retry_after == timedelta(seconds=5)
    assert answers[1] is NO_USER


def test_a_passing_refusal_that_is_not_certain_stays_as_it_is() -> None:
    assert Relay().answer("a", BUSY) == [BUSY]


def test_the_first_wait_is_ten_seconds_where_the_first_delay_is_longer() -> None:
    assert Relay((timedelta(minutes=1),)).wait_of("a", SENDER) == TEN
    assert Relay(()).wait_of("a", SENDER) == TEN


def test_a_message_that_stays_alone_is_final_at_the_third_try() -> None:
    relay = Relay()

    waits = [relay.wait_of("a", SENDER) for _ in range(2)]

    assert waits == [timedelta(seconds=5)] * 2
    assert relay.answer("a", SENDER) == [SENDER]
    assert relay.wait_of("a", SENDER) == timedelta(seconds=5)  # it came back: all begins again


def test_what_is_certainly_not_about_the_recipient_waits_all_delays() -> None:
    relay = Relay()

    waits = [relay.wait_of("a", QUOTA) for _ in range(3)]

    assert waits == [timedelta(seconds=s) for s in (5, 60, 300)]
    assert relay.answer("a", QUOTA) == [QUOTA]


def test_a_later_wait_is_ten_seconds_at_least() -> None:
    relay = Relay((timedelta(seconds=1), timedelta(seconds=2)))

    assert [relay.wait_of("a", QUOTA) for _ in range(2)] == [timedelta(seconds=1), TEN]


def test_the_wait_that_the_provider_names_goes_first() -> None:
    named = Transient(
        "421", retry_after=timedelta(seconds=77), provider_fault=True, is_certain=True
    )

    assert Relay().wait_of("a", named) == timedelta(seconds=77)


def test_the_fifth_message_in_a_row_shows_that_it_is_about_us() -> None:
    relay = Relay()
    relay.row(SENDER, *"abcd")
    assert relay.streak.is_over()

    with pytest.raises(RefusedInARow, match=r"^553 sender \(5 messages in a row met it\)$"):
        relay.answer("e", SENDER)

    assert not relay.streak.is_over()


def test_five_passing_refusals_in_a_row_pause_without_a_final_one() -> None:
    relay = Relay()
    relay.row(LEAVES, *"abcd")

    with pytest.raises(Unavailable, match="421 closing") as raised:
        relay.answer("e", LEAVES)

    assert not isinstance(raised.value, RefusedInARow)


def test_one_message_again_and_again_is_no_row() -> None:
    relay = Relay()
    relay.row(BUSY, *"abcd")

    relay.row(BUSY, "d", "d", "d")

    assert relay.streak.is_over()


def test_tries_are_forgotten_once_it_is_about_us() -> None:
    relay = Relay()
    relay.row(SENDER, "a", "a", "b", "c", "d")
    with pytest.raises(RefusedInARow):
        relay.answer("e", SENDER)
    relay.answer("good", None)

    assert relay.wait_of("a", SENDER) == timedelta(seconds=5)


def test_who_is_accepted_leaves_the_row_and_is_as_new() -> None:
    relay = Relay()
    relay.row(SENDER, "a", "a")
    relay.answer("a", None)

    assert relay.wait_of("a", SENDER) == timedelta(seconds=5)
    relay.row(SENDER, *"bcd")  # four stand in the row
    assert relay.streak.is_over()
    with pytest.raises(RefusedInARow):
        relay.answer("e", SENDER)


def test_one_accepted_that_began_later_shows_the_refused_to_be_the_cause() -> None:
    relay = Relay()
    relay.answer("a", SENDER)
    relay.answer("good", None)

    assert relay.answer("a", SENDER) == [SENDER]


@pytest.mark.parametrize("began", [1, 2], ids=["before", "in the same moment"])
def test_one_accepted_that_began_no_later_shows_nothing(began: int) -> None:
    relay = Relay()
    tries = [relay.begin(), relay.begin()]
    relay.end(tries[0], "a", SENDER)
    relay.end(began, "good", None)

    assert relay.wait_of("a", SENDER) == timedelta(seconds=5)


def test_a_passing_refusal_that_is_shown_to_be_its_own_spends_attempts_from_then_on() -> None:
    relay = Relay(WAITS[:1])
    relay.answer("a", LEAVES)

    assert [relay.answer("a", LEAVES) for _ in range(3)] == [[LEAVES]] * 3


def test_no_message_is_the_cause_where_one_is_accepted_during_a_pause() -> None:
    relay = Relay()
    relay.row(SENDER, *"abcd")
    with pytest.raises(RefusedInARow):
        relay.answer("e", SENDER)
    relay.answer("good", None)

    assert relay.streak.is_over()
    assert relay.wait_of("a", SENDER) == timedelta(seconds=5)
    relay.answer("better", None)  # no pause stands any more: now it shows
    assert relay.answer("a", SENDER) == [SENDER]


def test_five_refusals_of_recipients_show_that_all_is_as_usual() -> None:
    relay = Relay()
    relay.row(BUSY, *"abcd")
    relay.row(NO_USER, *"vwxyz")

    relay.row(BUSY, *"efgh")

    assert relay.streak.is_over()


def test_four_refusals_of_recipients_show_nothing() -> None:
    relay = Relay()
    relay.row(BUSY, *"abcd")
    relay.row(NO_USER, *"wxyz")

    with pytest.raises(Unavailable):
        relay.answer("e", BUSY)


@pytest.mark.parametrize("between", [None, BUSY], ids=["accepted", "refused"])
def test_refusals_of_recipients_are_counted_in_a_row(between: DeliveryError | None) -> None:
    relay = Relay()
    began = relay.begin()
    relay.row(BUSY, *"abc")
    relay.row(NO_USER, *"wxyz")
    relay.end(began, "d", between)
    relay.row(NO_USER, *"wxyz")

    with pytest.raises(Unavailable):
        relay.row(BUSY, *"def")


def test_refusals_of_recipients_before_a_row_do_not_count() -> None:
    relay = Relay()
    relay.row(NO_USER, *"vwxyz")
    relay.row(BUSY, *"abcd")
    relay.row(NO_USER, "v")

    with pytest.raises(Unavailable):
        relay.answer("e", BUSY)


def test_an_answer_of_another_kind_is_no_sign_that_all_is_as_usual() -> None:
    relay = Relay()
    relay.row(BUSY, *"abcd")
    for name in "vwxyz":
        relay.answer(name, Unavailable("away"))

    with pytest.raises(Unavailable, match="451 busy"):
        relay.answer("e", BUSY)


def test_what_may_have_been_sent_is_not_sent_again_because_others_were_refused() -> None:
    relay, cut = Relay(), InDoubt("cut")
    relay.row(SENDER, *"abcd")

    doubted, waits = relay.answer("e", cut, SENDER)

    assert doubted is cut
    assert isinstance(waits, Throttled)
    with pytest.raises(RefusedInARow):
        relay.answer("f", SENDER)


def test_a_list_in_which_nothing_changes_is_returned_itself() -> None:
    relay = Relay()
    answers: list[DeliveryError | None] = [NO_USER]

    assert relay.streak.judge(Caller, relay.begin(), answers) is answers


def remembering(others: int) -> Relay:
    """Two tries of `first` were refused, and then one of each of so many others."""
    relay = Relay()
    relay.row(SENDER, "first", "first")
    for n in range(others):
        relay.answer(f"n{n}", SENDER)
        relay.row(NO_USER, *"vwxyz")  # ends the row, and shows no message to be the cause
    return relay


def test_the_tries_of_a_thousand_messages_are_remembered() -> None:
    assert remembering(999).answer("first", SENDER) == [SENDER]


def test_the_tries_of_more_than_a_thousand_are_not() -> None:
    assert remembering(1000).wait_of("first", SENDER) == timedelta(seconds=5)
