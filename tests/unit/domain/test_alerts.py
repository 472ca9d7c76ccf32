"""One alert for a cause and a window, whatever happens."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from domain.alerts import (
    GATHER,
    MAX_CAUSES,
    PATIENCE,
    WINDOW,
    DeadLetterCause,
)
from domain.errors import FailureReason
from domain.events import TEMPLATES, QueueRecreated, channel_trouble
from tests.fakes import NOON
from tests.unit.domain.operator import MISSING, Operator

SECOND = timedelta(seconds=1)


def test_letters_that_die_alike_are_one_alert_with_count_times_and_the_last_error() -> None:
    operator = Operator()
    operator.letter(error="first")
    operator.wait(4 * SECOND)
    operator.letter(error="second", queue="vip")

    assert operator.policy.due() == []
    operator.wait(GATHER)
    [alert] = operator.policy.due()

    assert (alert.cause, alert.count, alert.error) == (MISSING, 2, "second")
    assert (alert.first_seen, alert.last_seen) == (NOON, NOON + 4 * SECOND)
    assert alert.queues == ("email", "vip")
    assert operator.policy.due() == []


def test_what_dies_within_the_window_is_told_at_its_end() -> None:
    operator = Operator()
    operator.letter()
    operator.wait(GATHER)
    assert len(operator.policy.due()) == 1
    for _ in range(50):
        operator.wait(SECOND)
        operator.letter()
        assert operator.policy.due() == []

    operator.wait(WINDOW - 50 * SECOND)
    [alert] = operator.policy.due()

    assert alert.count == 50


def test_another_template_is_another_cause() -> None:
    operator = Operator()
    other = DeadLetterCause(
        reason=FailureReason.TEMPLATE_MISSING, template="other", channel="email"
    )
    operator.letter()
    operator.letter(other)
    operator.wait(GATHER)

    assert {alert.cause for alert in operator.policy.due()} == {MISSING, other}


def test_any_number_of_invented_causes_makes_a_bounded_number_of_alerts() -> None:
    operator = Operator()
    for number in range(500):
        operator.letter(
            DeadLetterCause(reason=FailureReason.TEMPLATE_MISSING, template=f"t{number}")
        )
    operator.wait(GATHER)

    alerts = operator.policy.due()

    assert len(alerts) == MAX_CAUSES + 1
    assert (alerts[-1].cause, alerts[-1].count) == (DeadLetterCause(), 500 - MAX_CAUSES)
    assert sum(alert.count for alert in alerts) == 500


def test_a_short_pause_is_not_told_nor_is_its_end() -> None:
    operator = Operator()
    operator.policy.trouble(channel_trouble("email"), "refused")
    operator.wait(PATIENCE - SECOND)
    assert operator.policy.due() == []

    operator.policy.trouble(channel_trouble("email"), None)
    operator.wait(PATIENCE)

    assert operator.policy.due() == []


def test_a_long_pause_is_told_once_and_so_is_its_end() -> None:
    operator = Operator()
    operator.policy.trouble(channel_trouble("email"), "refused")
    operator.wait(PATIENCE)
    operator.policy.trouble(channel_trouble("email"), "still refused")
    [pause] = operator.policy.due()
    operator.wait(3 * WINDOW)
    assert operator.policy.due() == []

    operator.policy.trouble(channel_trouble("email"), None)
    [all_clear] = operator.policy.due()

    assert (pause.cause, pause.is_over, pause.error) == (
        channel_trouble("email"),
        False,
        "still refused",
    )
    assert (all_clear.cause, all_clear.is_over) == (channel_trouble("email"), True)
    assert all_clear.last_seen - all_clear.first_seen == PATIENCE + 3 * WINDOW
    assert operator.policy.due() == []


def test_a_long_pause_that_nobody_could_be_told_of_is_told_at_its_end() -> None:
    operator = Operator()
    operator.policy.trouble(channel_trouble("email"), "refused")
    operator.wait(2 * PATIENCE)  # nobody asks what is due: the channel that carries alerts is away

    operator.policy.trouble(channel_trouble("email"), None)
    [alert] = operator.policy.due()

    assert alert.is_over
    assert alert.error == "refused"


def test_a_flapping_channel_is_told_of_once_in_a_window() -> None:
    operator = Operator()
    told = []
    for _ in range(7):
        operator.policy.trouble(channel_trouble("email"), "refused")
        operator.wait(PATIENCE)
        told += operator.policy.due()
        operator.policy.trouble(channel_trouble("email"), None)
        operator.wait(PATIENCE)
        told += operator.policy.due()

    assert [alert.is_over for alert in told] == [False, True]


def test_incidents_are_told_once_in_a_window_with_their_count_and_no_all_clear() -> None:
    operator = Operator()
    operator.policy.recreated(QueueRecreated("email"), "it was deleted")
    operator.wait(GATHER)
    [first] = operator.policy.due()
    for _ in range(3):
        operator.wait(SECOND)
        operator.policy.recreated(QueueRecreated("email"), "it was deleted")
        assert operator.policy.due() == []
    operator.wait(WINDOW)

    [second] = operator.policy.due()

    assert (first.cause, first.count) == (QueueRecreated("email"), 1)
    assert (second.count, second.is_over) == (3, False)
    assert not operator.policy.open_dead_letters


def test_a_broken_template_set_may_be_told_at_once() -> None:
    operator = Operator()

    operator.policy.trouble(TEMPLATES, "line 1", patience=timedelta(0))

    assert len(operator.policy.due()) == 1


def test_a_worker_that_ends_does_not_wait_for_more_letters_but_keeps_to_the_window() -> None:
    operator = Operator()
    operator.letter()
    assert len(operator.policy.due(is_last=True)) == 1

    operator.letter()

    assert operator.policy.due(is_last=True) == []


def test_the_replay_command_names_exactly_the_cause() -> None:
    malformed = DeadLetterCause(reason=FailureReason.MALFORMED, channel="email")
    strange = DeadLetterCause(
        reason=FailureReason.CHANNEL_UNKNOWN, template="a", channel="x; rm -rf /"
    )

    assert MISSING.replay == (
        "dispatcher failed retry --reason template_missing --template invoice --channel email"
    )
    assert malformed.replay == "dispatcher failed retry --reason malformed --channel email"
    assert strange.replay.endswith("--channel 'x; rm -rf /'")
    assert DeadLetterCause().replay == "dispatcher failed list"


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["letter", "other", "down", "up", "gone", "ask"]),
            st.integers(min_value=0, max_value=1200),
        ),
        max_size=80,
    )
)
def test_no_history_tells_a_cause_twice_within_a_window(history: list[tuple[str, int]]) -> None:
    operator = Operator()
    told = []
    for event, seconds in history:
        operator.wait(seconds * SECOND)
        match event:
            case "letter":
                operator.letter()
            case "other":
                operator.letter(DeadLetterCause(reason=FailureReason.POISON))
            case "down":
                operator.policy.trouble(channel_trouble("email"), "refused")
            case "up":
                operator.policy.trouble(channel_trouble("email"), None)
            case "gone":
                operator.policy.drained(MISSING)
            case _:
                told += [(a.cause, a.is_over, operator.clock.time) for a in operator.policy.due()]

    for position, (cause, is_over, time) in enumerate(told):
        if not is_over:
            later = [t for c, over, t in told[position + 1 :] if c == cause and not over]
            assert all(t - time >= WINDOW for t in later)
        elif isinstance(cause, DeadLetterCause):
            again = [over for c, over, _ in told[position + 1 :] if c == cause]
            assert again[:1] != [True]


def test_an_alert_of_a_recreated_queue_says_what_happened() -> None:
    operator = Operator()
    operator.policy.recreated(QueueRecreated("email"), "it was deleted")
    operator.wait(GATHER)

    [alert] = operator.policy.due()

    assert (alert.error, alert.queues, alert.is_over) == ("it was deleted", (), False)


def test_an_alert_of_a_trouble_says_since_when_and_when_it_was_seen_last() -> None:
    operator = Operator()
    operator.policy.trouble(TEMPLATES, "broken")
    operator.wait(PATIENCE)
    operator.policy.trouble(TEMPLATES, "more broken")

    [alert] = operator.policy.due()

    assert (alert.first_seen, alert.last_seen) == (NOON, NOON + PATIENCE)
    assert (alert.error, alert.count, alert.is_over) == ("more broken", 2, False)


def test_a_trouble_whose_end_was_its_first_report_is_quiet_for_a_window() -> None:
    operator = Operator()
    operator.policy.trouble(TEMPLATES, "broken")
    operator.wait(PATIENCE)
    operator.policy.trouble(TEMPLATES, None)
    assert [alert.is_over for alert in operator.policy.due()] == [True]

    operator.policy.trouble(TEMPLATES, "broken")
    operator.wait(PATIENCE)
    assert operator.policy.due() == []

    operator.wait(WINDOW)
    assert [alert.is_over for alert in operator.policy.due()] == [False]
