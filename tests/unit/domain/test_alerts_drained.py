"""An alert for dead letters stays open until none of them is left, and that is told, too."""

from domain.alerts import GATHER, MAX_CAUSES, PATIENCE, WINDOW, DeadLetterCause
from domain.errors import FailureReason
from tests.fakes import NOON
from tests.unit.domain.operator import MISSING, Operator


def test_letters_that_were_told_are_called_drained_once() -> None:
    operator = Operator()
    operator.letter()
    assert not operator.policy.open_dead_letters
    operator.wait(GATHER)
    operator.policy.due()
    operator.wait(WINDOW)
    operator.letter(queue="vip")
    operator.wait(GATHER)
    operator.policy.due()
    operator.wait(PATIENCE)

    operator.policy.drained(MISSING)
    operator.policy.drained(MISSING)
    [all_clear] = operator.policy.due()

    assert (all_clear.cause, all_clear.is_over, all_clear.count) == (MISSING, True, 2)
    assert (all_clear.first_seen, all_clear.last_seen) == (NOON, operator.clock.time)
    assert all_clear.queues == ("email", "vip")
    assert not operator.policy.open_dead_letters


def test_letters_that_nobody_was_told_of_are_not_called_drained() -> None:
    operator = Operator()
    operator.letter()
    operator.policy.drained(MISSING)
    operator.wait(GATHER)
    assert [alert.is_over for alert in operator.policy.due()] == [False]

    operator.letter()  # told at the end of the window, and not gone before it is told
    operator.policy.drained(MISSING)

    assert operator.policy.due() == []
    assert list(operator.policy.open_dead_letters) == [MISSING]


def test_any_number_of_causes_over_days_leaves_a_bounded_number_open() -> None:
    operator = Operator()
    for number in range(100):
        operator.letter(
            DeadLetterCause(reason=FailureReason.TEMPLATE_MISSING, template=f"t{number}")
        )
        operator.wait(WINDOW)
        operator.policy.due()

    left = [cause.template for cause in operator.policy.open_dead_letters]

    assert left == [f"t{number}" for number in range(100 - MAX_CAUSES - 1, 100)]
