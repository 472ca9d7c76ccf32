"""Fields that were probably meant as another one: in the log, and in a dead letter's error."""

import pytest
from structlog.testing import capture_logs

from domain.errors import FailureReason
from tests.unit.inbound.office import GOOD, Office, past

TO = {"to": "ann@example.com"}


@pytest.mark.parametrize("name", ["paramters", "parameter", "Parameters", "params_", "paramaters"])
def test_field_8_11_a_misspelt_field_is_named_in_log_and_error(name: str) -> None:
    office = Office()
    is_near = name != "params_"
    with capture_logs() as logs:
        (copy,) = office.handle({**TO, "template": "welcome", name: {"name": "Ann"}})

    error = str(past(copy).error)
    [told] = [entry for entry in logs if entry["event"].startswith("message has an unknown field")]
    assert past(copy).reason is FailureReason.TEMPLATE_UNDEFINED
    assert ("did you mean 'parameters'?" in error) is is_near
    assert (told.get("hint") == "did you mean 'parameters'?") is is_near
    assert (told["field"], told["log_level"]) == (name, "warning" if is_near else "info")


@pytest.mark.parametrize(
    ("message", "hint"),
    [
        ({**TO, "tempalte": "welcome"}, "'tempalte', did you mean 'template'?"),
        ({**TO, "Template": "welcome"}, "'Template', did you mean 'template'?"),
    ],
)
def test_field_8_11_a_misspelt_field_that_is_required_is_named(
    message: dict[str, object], hint: str
) -> None:
    (copy,) = Office().handle(message)

    assert past(copy).reason is FailureReason.MALFORMED
    assert "template: is required" in str(past(copy).error)
    assert hint in str(past(copy).error)


@pytest.mark.parametrize(
    "more",
    [
        {"subjects": "x", "subject": "y"},
        {"order_number": 7},
        {"parameterz": 1},
        {"channel": "email"},
    ],
)
def test_field_8_11_what_is_given_or_far_off_is_not_guessed(more: dict[str, object]) -> None:
    office = Office()
    with capture_logs() as logs:
        assert office.handle({**GOOD, **more}) == []

    assert not any("hint" in entry for entry in logs)


def test_field_8_11_another_failure_is_not_blamed_on_it() -> None:
    (copy,) = Office().handle({**TO, "template": "nowhere", "paramters": {}})

    assert "did you mean" not in str(past(copy).error)
