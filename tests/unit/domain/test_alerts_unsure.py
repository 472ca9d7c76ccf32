"""A trouble that nobody can see any more is not over."""

from datetime import timedelta

from domain.alerts import PATIENCE, WINDOW
from domain.events import queue_trouble
from tests.unit.domain.operator import Operator


def told_of_trouble() -> Operator:
    operator = Operator()
    operator.policy.trouble(queue_trouble("email.dead"), "it is full")
    operator.wait(PATIENCE)
    [alert] = operator.policy.due()
    assert not alert.is_over
    return operator


def test_one_that_was_told_waits_for_its_end() -> None:
    operator = told_of_trouble()
    operator.policy.unsure(queue_trouble("email.dead"))
    operator.wait(3 * WINDOW)
    assert operator.policy.due() == []

    operator.policy.trouble(queue_trouble("email.dead"), None)

    assert [alert.is_over for alert in operator.policy.due()] == [True]


def test_one_that_shows_again_soon_goes_on_as_it_was() -> None:
    operator = told_of_trouble()
    operator.policy.unsure(queue_trouble("email.dead"))
    operator.policy.trouble(queue_trouble("email.dead"), "it is full")
    operator.wait(2 * WINDOW)
    assert operator.policy.due() == []

    operator.policy.trouble(queue_trouble("email.dead"), None)

    assert [alert.is_over for alert in operator.policy.due()] == [True]


def test_one_that_shows_again_later_is_told_again() -> None:
    operator = told_of_trouble()
    operator.policy.unsure(queue_trouble("email.dead"))
    operator.wait(timedelta(days=7))
    operator.policy.trouble(queue_trouble("email.dead"), "it is full again")
    assert operator.policy.due() == []
    operator.wait(PATIENCE)

    assert [alert.error for alert in operator.policy.due()] == ["it is full again"]


def test_one_that_was_not_told_is_forgotten() -> None:
    operator = Operator()
    operator.policy.trouble(queue_trouble("email.dead"), "it is full")
    operator.policy.unsure(queue_trouble("email.dead"))
    operator.policy.unsure(queue_trouble("email.dead"))
    operator.wait(WINDOW)

    assert operator.policy.due() == []
