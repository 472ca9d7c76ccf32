"""A dead letter as an operator reads it, whoever dead-lettered it."""

from datetime import UTC, datetime

import pytest

from adapters.dead_letters.dead_letter import describe, release
from adapters.inbound.contract import InboundMessage
from adapters.inbound.identity import identity
from adapters.message_format.rules import Properties
from domain.errors import FailureReason


def letter(body: bytes = b"{}", **headers: object) -> InboundMessage:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return InboundMessage(queue="email", body=body, headers=named)


def test_why_and_when_the_broker_gave_it_up_is_read_from_its_own_record() -> None:
    died = datetime(2026, 1, 31, 8, 0)  # noqa: DTZ001 - as pika reads a timestamp
    expired = letter(x_death=[{"reason": "expired", "time": died}, {"reason": "rejected"}])
    worn_out = letter(x_death=[{"reason": "delivery_limit"}])

    assert describe(expired, {}).reason is FailureReason.EXPIRED
    assert describe(expired, {}).failed_at == datetime(2026, 1, 31, 8, 0, tzinfo=UTC)
    assert describe(worn_out, {}).reason is FailureReason.POISON
    assert describe(worn_out, {}).failed_at is None


@pytest.mark.parametrize("deaths", [[], "expired", [1], [{"reason": 1, "time": "now"}]])
def test_a_strange_record_is_no_obstacle(deaths: object) -> None:
    described = describe(letter(x_death=deaths), {})

    assert (described.reason, described.failed_at) == (FailureReason.POISON, None)


def test_a_letter_is_called_by_its_own_id_else_the_broker_s_else_its_content() -> None:
    properties = Properties(message_id="property")
    both = InboundMessage(queue="email", body=b'{"id": "own"}', properties=properties)
    one = InboundMessage(queue="email", body=b"{", properties=properties)

    assert [identity(both), identity(one)] == ["own", "property"]
    assert len(identity(letter(b"{"))) == 16
    assert identity(letter(b"{", x_dispatcher_key="order-1")) == "order-1"


def test_a_release_forgets_the_failure_and_keeps_who_is_owed() -> None:
    dead = letter(
        x_dispatcher_attempt=9,
        x_dispatcher_reason="retries_exhausted",
        x_dispatcher_error="451 later",
        x_dispatcher_key="order-1",
        x_dispatcher_remaining='["bob@example.com"]',
        x_death=[{"reason": "expired"}],
    )

    assert release(dead).headers == {
        "x-dispatcher-attempt": 0,
        "x-dispatcher-key": "order-1",
        "x-dispatcher-remaining": '["bob@example.com"]',
    }
    assert release(dead).body is None


@pytest.mark.parametrize("in_doubt", [True, False], ids=["by itself", "by a person"])
def test_a_release_by_a_person_ends_the_doubt(*, in_doubt: bool) -> None:
    dead = letter(x_dispatcher_attempt=2, x_dispatcher_in_doubt="true")

    headers = release(dead, in_doubt=in_doubt).headers

    assert ("x-dispatcher-in-doubt" in headers) == in_doubt
