"""What cannot be understood, and what we get wrong ourselves."""

from adapters.inbound.contract import DeadCopy
from adapters.message_format.headers import iso
from adapters.message_format.message import content_key
from domain.errors import FailureReason
from tests.fakes import NOON, recipients
from tests.unit.inbound.office import GOOD, SECOND, BrokenRenderer, Office, past, seen, the_retry


def test_a_malformed_message_is_dead_with_queue_key_and_time() -> None:
    office = Office()
    body = b'{"template":"welcome"}'

    (copy,) = office.handle(body)

    assert copy == DeadCopy(
        headers={
            "x-dispatcher-attempt": 1,
            "x-dispatcher-reason": "malformed",
            "x-dispatcher-error": "to: is required",
            "x-dispatcher-first-seen": iso(NOON),
            "x-dispatcher-failed-at": iso(NOON),
            "x-dispatcher-queue": "letters",
            "x-dispatcher-key": content_key(body),
        }
    )
    assert office.observer.faults == [("letters", content_key(body)[:16], "to: is required")]
    assert office.email.calls == 0


def test_a_malformed_message_keeps_the_brokers_message_id_as_its_key() -> None:
    (copy,) = Office().handle(b"{", message_id="m-1")

    assert past(copy).key == "m-1"


def test_a_malformed_message_keeps_the_key_and_first_appearance_it_came_with() -> None:
    before = NOON - 60 * SECOND

    (copy,) = Office().handle(b"{", seen(before, key="n-1", attempt=3), message_id="m-1")

    assert (past(copy).key, past(copy).first_seen, past(copy).attempt) == ("n-1", before, 4)


def test_a_body_over_the_limit_is_malformed() -> None:
    (copy,) = Office().handle(b" " * 1_001)

    assert past(copy).reason is FailureReason.MALFORMED
    assert "DISPATCHER_MAX_BODY" in str(past(copy).error)


def test_a_fault_of_ours_costs_one_attempt() -> None:
    office = Office(BrokenRenderer())

    copy = the_retry(office.handle(GOOD, seen(attempt=1)))

    assert (copy.delay, past(copy).attempt) == (60 * SECOND, 2)
    assert past(copy).error == "internal error: KeyError"
    assert past(copy).remaining == recipients("ann@example.com")


def test_a_fault_of_ours_ends_dead_after_the_last_tier() -> None:
    (copy,) = Office(BrokenRenderer()).handle(GOOD, seen(attempt=2))

    assert isinstance(copy, DeadCopy)
    assert (past(copy).reason, past(copy).attempt) == (FailureReason.RETRIES_EXHAUSTED, 3)


def test_a_fault_of_ours_costs_only_those_still_owed() -> None:
    body = GOOD | {"to": ["ann@example.com", "bob@example.com"]}

    (copy,) = Office(BrokenRenderer()).handle(body, seen(remaining='["bob@example.com"]'))

    assert past(copy).remaining == recipients("bob@example.com")
