"""What refused messages share: a few of them, and then several accepted without it."""

import pytest

from domain.culprits import Culprits
from domain.turns import Caller

SENDER = (0, frozenset({"bad@example.com"}))


def from_sender(name: str, sender: str = "bad@example.com", *more: str) -> Caller:
    return Caller(name, (frozenset({sender}), *(frozenset({one}) for one in more)))


def refused_thrice() -> Culprits:
    culprits = Culprits()
    for at in (1, 2, 3):
        culprits.refused(from_sender(f"bad-{at}"), at)
    return culprits


def accept(culprits: Culprits, *began: int, sender: str = "good@example.com") -> None:
    for at in began:
        culprits.accepted(from_sender(f"good-{at}", sender), at)


def test_three_refused_with_it_and_three_accepted_without_it_show_a_cause() -> None:
    culprits = refused_thrice()
    accept(culprits, 4, 5)
    assert culprits.blame(from_sender("next")) is None

    accept(culprits, 6)

    assert culprits.blame(from_sender("next")) == SENDER
    assert culprits.blame(from_sender("next", "good@example.com")) is None


def test_two_refused_messages_show_nothing_however_often_they_are_refused() -> None:
    culprits = Culprits()
    for at in range(1, 9):
        culprits.refused(from_sender(f"bad-{at % 2}"), at)
    accept(culprits, 9, 10, 11)

    assert culprits.blame(from_sender("next")) is None


def test_what_was_tried_before_the_refusals_shows_nothing() -> None:
    culprits = refused_thrice()

    accept(culprits, 1, 2, 3)

    assert culprits.blame(from_sender("next")) is None


def test_only_the_first_three_refusals_move_the_time() -> None:
    culprits = refused_thrice()
    accept(culprits, 4, 5, 6)
    culprits.refused(from_sender("bad-4"), 7)

    assert culprits.blame(from_sender("next")) == SENDER


def test_a_refusal_of_another_kind_of_message_begins_the_count_again() -> None:
    culprits = refused_thrice()
    accept(culprits, 4, 5)
    culprits.refused(from_sender("else", "else@example.com"), 6)
    accept(culprits, 7, 8)
    assert culprits.blame(from_sender("next")) is None

    accept(culprits, 9)

    assert culprits.blame(from_sender("next")) == SENDER


def test_one_accepted_with_it_clears_it() -> None:
    culprits = refused_thrice()
    accept(culprits, 4, sender="bad@example.com")

    accept(culprits, 5, 6, 7)

    assert culprits.blame(from_sender("next")) is None
    assert culprits.watched == {}


def test_the_very_first_try_counts() -> None:
    culprits = Culprits()
    for name in "abc":
        culprits.refused(from_sender(name), 0)

    accept(culprits, 1, 1, 1)

    assert culprits.blame(from_sender("next")) == SENDER


def test_a_message_without_that_kind_of_trait_does_not_have_it() -> None:
    culprits = Culprits()
    for at in (1, 2, 3):
        culprits.refused(from_sender(f"bad-{at}", f"s{at}@example.com", "here.example"), at)

    accept(culprits, 4, 5, 6)  # these have a sender and no domain

    assert culprits.blame(from_sender("next", "x", "here.example")) == (
        1,
        frozenset({"here.example"}),
    )


@pytest.mark.parametrize(("accepted", "is_watched"), [(999, True), (1000, False)])
def test_all_is_forgotten_after_a_thousand_accepted_in_a_row(
    accepted: int, is_watched: bool
) -> None:
    culprits = Culprits()
    accept(culprits, *range(500))
    culprits.refused(from_sender("bad"), 0)

    accept(culprits, *range(accepted))

    assert bool(culprits.watched) is is_watched


def test_a_thousand_traits_are_watched_and_the_one_refused_last_stays() -> None:
    culprits = Culprits()
    for at in range(1000):
        culprits.refused(from_sender(str(at), f"s{at}"), at)
    culprits.refused(from_sender("again", "s0"), 1000)
    assert len(culprits.watched) == 1000

    culprits.refused(from_sender("new", "new"), 1001)

    assert len(culprits.watched) == 1000
    assert (0, frozenset({"s0"})) in culprits.watched
    assert (0, frozenset({"s1"})) not in culprits.watched
