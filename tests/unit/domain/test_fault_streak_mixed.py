"""Refusals in words that say little, next to accepted recipients, and mixed with accepted mails."""

import pytest

from domain.errors import FailureReason, Permanent, RefusedInARow, Throttled, Unavailable
from tests.unit.domain.refusing_relay import BUSY, LEAVES, NO_USER, QUOTA, SENDER, WAITS, Relay


def vague(text: str = "550 Blocked - see https://check.example/?ip=192.0.2.7") -> Permanent:
    return Permanent(text, reason=FailureReason.CONTENT_REFUSED, is_vague=True)


def test_field_5_1_a_refusal_in_unknown_words_is_about_us_from_the_fifth_message_on() -> None:
    relay = Relay()
    for name in "abcd":
        assert relay.wait_of(name, vague()) is None
    for name in "efgh":
        assert (
            relay.wait_of(name, vague(f"550 Blocked - see https://c.example/{name}1")) is not None
        )
    with pytest.raises(RefusedInARow):
        relay.answer("i", vague())


def test_field_5_1_refusals_in_several_unknown_words_are_about_the_messages() -> None:
    relay = Relay()
    for n in range(50):
        assert relay.wait_of(f"m{n}", vague(f"550 {'abcde'[n % 5] * 5}")) is None


def test_field_5_1_one_message_again_and_again_is_not_several() -> None:
    relay = Relay()
    assert [relay.wait_of("a", vague()) for _ in range(20)] == [None] * 20


def test_field_5_1_an_accepted_message_begins_the_count_of_unknown_words_again() -> None:
    relay = Relay()
    for name in "abcd":
        relay.answer(name, vague())
    relay.answer("good", None)

    assert [relay.wait_of(name, vague()) for name in "efgh"] == [None] * 4


def test_refusals_in_unknown_words_do_not_show_that_all_is_as_usual() -> None:
    relay = Relay()
    relay.row(BUSY, *"abcd")
    for n in range(4):
        relay.answer(f"v{n}", vague())
    with pytest.raises(Unavailable):
        relay.answer("e", BUSY)


def test_field_5_4_next_to_one_accepted_what_names_us_waits_and_spends_no_attempt() -> None:
    relay = Relay()

    answers = relay.answer("a", None, NO_USER, QUOTA, SENDER, QUOTA, LEAVES)

    assert answers[:2] == [None, NO_USER]
    assert answers[3] is SENDER
    assert [type(answers[at]) for at in (2, 4, 5)] == [Throttled] * 3


def test_field_5_4_many_recipients_of_one_message_are_one_try() -> None:
    relay = Relay()
    for _ in range(len(WAITS)):
        answers = relay.answer("a", *[QUOTA] * 8)
        assert {type(answer) for answer in answers} == {Throttled}
    assert relay.answer("a", *[QUOTA] * 8) == [QUOTA] * 8


def test_field_5_14_many_refused_among_many_accepted_die_and_pause_twice_at_most() -> None:
    relay = Relay()
    pauses, dead = 0, set()
    for turn in range(8):
        for first in range(0, 60, 6):
            for n in range(first, first + 6):
                if n not in dead:
                    try:
                        if relay.answer(f"bad{n}", SENDER) == [SENDER]:
                            dead.add(n)
                    except RefusedInARow:
                        pauses += 1
            relay.answer(f"good{turn}-{first}", None)
    assert len(dead) == 60
    assert pauses <= 2


def test_after_a_quiet_time_five_are_a_row_again() -> None:
    relay = Relay()
    relay.row(SENDER, *"abcd")
    with pytest.raises(RefusedInARow):
        relay.answer("e", SENDER)
    for n in range(1100):
        relay.answer(f"good{n}", None)
    assert relay.streak.is_quiet
    relay.row(SENDER, *"fghi")
    with pytest.raises(RefusedInARow):
        relay.answer("j", SENDER)


def refuse_until_a_pause(relay: Relay, names: str) -> None:
    for n in range(81):
        try:
            relay.answer(f"{names}-{n}", SENDER)
        except RefusedInARow:
            return
    raise AssertionError("no pause")


def test_what_began_before_a_full_row_makes_the_next_one_twice_as_long_and_no_more() -> None:
    relay = Relay()
    began = [relay.begin() for _ in range(4)]
    relay.row(SENDER, *"abcd")
    with pytest.raises(RefusedInARow):
        relay.answer("e", SENDER)
    for number, at in enumerate(began):
        relay.end(at, f"good{number}", None)

    for name in "fghi":
        assert relay.wait_of(name, SENDER) is not None
    with pytest.raises(RefusedInARow):
        relay.answer("j", SENDER)
    for n in range(60):
        with pytest.raises(RefusedInARow):
            relay.answer(f"later{n}", SENDER)


def test_five_whose_refusal_names_us_are_always_enough() -> None:
    relay = Relay()
    for turn in range(3):  # pauses by chance
        refuse_until_a_pause(relay, f"bad{turn}")
        relay.answer(f"good{turn}", None)

    relay.row(QUOTA, *"vwxy")
    with pytest.raises(RefusedInARow):
        relay.answer("z", QUOTA)


def test_after_a_thousand_accepted_messages_that_never_came_back_are_forgotten() -> None:
    relay = Relay()
    relay.answer("gone", SENDER)
    for turn in range(4):
        refuse_until_a_pause(relay, f"bad{turn}")
        for n in range(1100):
            relay.answer(f"good{turn}-{n}", None)
        assert relay.streak.is_quiet
    relay.row(SENDER, *"abcd")
    with pytest.raises(RefusedInARow):
        relay.answer("e", SENDER)
