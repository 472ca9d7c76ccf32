"""What an error says about itself where nothing else is said."""

from datetime import timedelta

import pytest

from domain.errors import FailureReason, Permanent, Transient, Unavailable
from domain.events import Trouble, TroubleKind, queue_trouble


def test_a_passing_error_is_ordinary_unless_it_says_otherwise() -> None:
    error = Transient("busy")

    assert (error.safe_to_repeat, error.provider_fault, error.is_certain) == (False, False, False)
    assert (error.retry_after, error.at_least) == (None, None)
    assert str(error) == "busy"


def test_a_passing_error_keeps_what_it_is_given() -> None:
    error = Transient(
        "busy",
        retry_after=timedelta(1),
        at_least=timedelta(2),
        safe_to_repeat=True,
        provider_fault=True,
        is_certain=True,
    )

    assert (error.safe_to_repeat, error.provider_fault, error.is_certain) == (True, True, True)
    assert (error.retry_after, error.at_least) == (timedelta(1), timedelta(2))


def test_a_final_error_is_of_the_recipient_unless_it_says_otherwise() -> None:
    error = Permanent("no", reason=FailureReason.CONTENT_REFUSED)
    ours = Permanent(
        "no", reason=FailureReason.SENDER_REFUSED, provider_fault=True, is_certain=True
    )

    assert (error.provider_fault, error.is_certain) == (False, False)
    assert (ours.provider_fault, ours.is_certain) == (True, True)
    assert ours.reason is FailureReason.SENDER_REFUSED


@pytest.mark.parametrize("is_safe", [True, False])
def test_an_absent_provider_says_whether_a_repetition_is_safe(is_safe: bool) -> None:
    assert Unavailable("away").safe_to_repeat is False
    assert Unavailable("away", safe_to_repeat=is_safe).safe_to_repeat is is_safe


def test_a_trouble_names_its_kind_and_what_it_is_about() -> None:
    assert queue_trouble("mail") == Trouble(TroubleKind.QUEUE, "mail")
    assert str(queue_trouble("mail")) == "queue mail"
    assert str(Trouble(TroubleKind.QUEUE)) == "queue"
