"""Which queues there are, and with which arguments."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.rabbitmq.settings import (
    Binding,
    RabbitSettings,
    dead_queue,
    longest_step,
    queue_plans,
    retry_queue,
    work_queue,
)
from adapters.secret import Secret

URL = "amqp://user:s3cret@localhost/"


def _settings(**changes: object) -> RabbitSettings:
    values: dict[str, Any] = {"url": Secret(URL), "queues": ("email",)}
    return RabbitSettings(**(values | changes))


def test_a_work_queue_has_a_limit_and_a_dead_letter_target() -> None:
    assert work_queue(_settings(), "email").arguments == {
        "x-queue-type": "quorum",
        "x-delivery-limit": 50,
        "x-dead-letter-exchange": "dispatcher",
        "x-dead-letter-routing-key": "email.dead",
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


def test_a_retry_queue_leads_back_to_its_work_queue() -> None:
    plan = retry_queue("email", timedelta(minutes=5))

    assert plan.name == "email.retry.300000"
    assert plan.arguments == {
        "x-queue-type": "quorum",
        "x-message-ttl": 300_000,
        "x-delivery-limit": 1_000_000,
        "x-dead-letter-exchange": "dispatcher",
        "x-dead-letter-routing-key": "email",
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


def test_dead_letters_never_expire_and_are_never_dropped_for_being_looked_at() -> None:
    plan = dead_queue("email")

    assert plan.name == "email.dead"
    assert plan.arguments == {
        "x-queue-type": "quorum",
        "x-overflow": "reject-publish",
        "x-delivery-limit": 1_000_000,
    }


def test_own_arguments_replace_those_of_the_work_queue_alone() -> None:
    settings = _settings(tiers=(timedelta(seconds=10),), queue_arguments={"x-max-length": 5})

    arguments = {plan.name: plan.arguments for plan in queue_plans(settings, "email")}

    assert arguments["email"] == {"x-max-length": 5}
    assert arguments["email.retry.10000"]["x-queue-type"] == "quorum"


def test_a_suppress_queue_is_ours_and_has_no_tiers() -> None:
    settings = _settings(
        queues=("email", "email.suppress"),
        suppress_queues=("email.suppress",),
        tiers=(timedelta(seconds=10),),
        queue_arguments={"x-max-length": 5},
    )

    plans = queue_plans(settings, "email.suppress")

    assert [plan.name for plan in plans] == ["email.suppress.dead", "email.suppress"]
    assert not any(plan.is_work for plan in plans)
    assert plans[-1].arguments == {
        "x-queue-type": "quorum",
        "x-delivery-limit": 50,
        "x-dead-letter-exchange": "dispatcher",
        "x-dead-letter-routing-key": "email.suppress.dead",
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


@given(st.integers(1, 10**9))
def test_an_exact_wait_hops_by_the_longest_step_that_fits(milliseconds: int) -> None:
    settings = _settings(tiers=(timedelta(seconds=2), timedelta(hours=12)))
    wait = timedelta(milliseconds=milliseconds)

    step = longest_step(settings, wait)

    steps = [2, 10, 60, 300, 1_800, 7_200, 21_600, 43_200, 86_400]
    fitting = [step for step in steps if timedelta(seconds=step) <= wait]
    assert step == timedelta(seconds=fitting[-1] if fitting else 2)


@pytest.mark.parametrize("text", ["", "exchange", "a:b", "a=b", ":k=q", "e:k="])
def test_a_binding_that_cannot_be_read_says_how_it_is_written(text: str) -> None:
    with pytest.raises(ValueError, match="exchange:routing_key=queue"):
        Binding.parse(text)


def test_a_binding_may_have_an_empty_key_and_one_with_equals_signs() -> None:
    assert Binding.parse("orders:=email") == Binding(
        exchange="orders", routing_key="", queue="email"
    )
    assert Binding.parse("orders:a=b=email").routing_key == "a=b"


@pytest.mark.parametrize(
    "changes",
    [
        {"url": Secret("http://user:s3cret@localhost/")},
        {"url": Secret("amqp://user:s3cret@localhost:port/")},
        {"url": Secret("amqp://user:s3cret@localhost/?heartbeat=often")},
        {"url": Secret("amqp://user:s3cret@localhost/?unknown=1")},
        {"url": Secret("amqp://s3cret@localhost/")},
        {"queues": ("x" * 201,)},
        {"queues": ("",)},
        {"prefetch": 0},
        {"tiers": (timedelta(0),)},
        {"tiers": (timedelta(days=50),)},
    ],
)
def test_settings_that_cannot_work_are_refused_without_the_password(
    changes: dict[str, object],
) -> None:
    with pytest.raises(ValueError, match=r"must|cannot|lies|has") as refused:
        _settings(**changes)

    assert "s3cret" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_the_password_is_not_in_the_representation() -> None:
    assert "s3cret" not in repr(_settings())
