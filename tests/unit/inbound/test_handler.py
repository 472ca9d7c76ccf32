"""The way of one message, from its bytes to its settlement."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from adapters.inbound.handler import HOLD
from adapters.message_format.headers import iso
from adapters.message_format.rules import Properties
from domain.content import Envelope
from domain.errors import DeliveryError, FailureReason, Transient
from domain.notification import Recipient
from tests.fakes import NOON, FakeClock, FakeNotifier
from tests.unit.inbound.office import GOOD, SECOND, Office, past, seen, the_retry


def test_a_good_message_is_sent_and_needs_no_copy() -> None:
    office = Office()

    assert office.handle(GOOD | {"id": "n-1"}) == []

    assert office.email.addresses == ["ann@example.com"]
    assert office.observer.heard == [("letters", "n-1", 1)]


def test_a_failed_message_goes_to_its_tier() -> None:
    office = Office()
    office.email.failures = [Transient("451 busy")]

    copy = the_retry(office.handle(GOOD | {"id": "n-1"}, seen(NOON - 60 * SECOND, attempt=1)))

    assert (copy.delay, copy.exact) == (60 * SECOND, False)
    assert (past(copy).attempt, past(copy).key, past(copy).queue) == (2, "n-1", "letters")
    assert (past(copy).error, past(copy).first_seen) == ("451 busy", NOON - 60 * SECOND)


def test_a_long_delay_is_waited_for_in_the_broker() -> None:
    office = Office()

    copy = the_retry(office.handle(GOOD | {"delay": 90}))

    assert (copy.delay, copy.exact) == (90 * SECOND, True)
    assert (past(copy).due, past(copy).attempt) == (NOON + 90 * SECOND, 0)
    assert past(copy).first_seen == NOON
    assert (office.email.calls, office.clock.slept) == (0, [])


def test_a_hop_ends_in_a_hold_of_the_last_seconds_and_then_it_is_sent() -> None:
    office = Office()
    body = GOOD | {"delay": 90}
    first = the_retry(office.handle(body))
    office.clock.time += 60 * SECOND
    second = the_retry(office.handle(body, first.headers))
    office.clock.time += 23 * SECOND

    settlement = office.handle(body, second.headers)

    assert (second.delay, past(second).due) == (30 * SECOND, NOON + 90 * SECOND)
    assert settlement == []
    assert office.clock.slept == [7]
    assert office.email.addresses == ["ann@example.com"]


@pytest.mark.parametrize(
    ("wait", "copies"), [(HOLD, 0), (HOLD + timedelta(milliseconds=1), 1)], ids=["ten", "more"]
)
def test_the_worker_holds_up_to_ten_seconds(wait: timedelta, copies: int) -> None:
    settlement = Office().handle(GOOD | {"send_at": (NOON + wait).isoformat()})

    assert len(settlement) == copies


def test_a_time_to_send_in_the_past_is_now() -> None:
    office = Office()

    office.handle(GOOD | {"send_at": (NOON - SECOND).isoformat()})

    assert (office.email.calls, office.clock.slept) == (1, [])


def test_a_delay_counts_from_the_first_appearance_only() -> None:
    office = Office()

    settlement = office.handle(GOOD | {"delay": 90}, seen(NOON - SECOND, attempt=1))

    assert (settlement, office.email.calls, office.clock.slept) == ([], 1, [])


def test_a_due_time_in_the_headers_wins() -> None:
    office = Office()
    body = GOOD | {"send_at": (NOON + 3600 * SECOND).isoformat()}

    office.handle(body, seen(due=iso(NOON + 5 * SECOND)))

    assert (office.email.calls, office.clock.slept) == (1, [5])


def test_what_expires_while_it_waits_is_not_sent() -> None:
    office = Office()
    expires_at = (NOON + 3 * SECOND).isoformat()

    (copy,) = office.handle(GOOD | {"delay": 5, "expires_at": expires_at})

    assert past(copy).reason is FailureReason.EXPIRED
    assert office.email.calls == 0


def test_only_the_recipients_still_owed_are_told() -> None:
    office = Office()
    body = GOOD | {"to": ["ann@example.com", "bob@example.com"]}

    office.handle(body, seen(remaining='["bob@example.com"]'))

    assert office.email.addresses == ["bob@example.com"]


def test_the_queue_decides_the_channel_unless_the_message_does() -> None:
    office = Office()

    office.handle(GOOD | {"channel": "slack", "to": "#ops"})

    assert (office.slack.addresses, office.email.calls) == (["#ops"], 0)


def test_a_first_appearance_in_the_future_is_read_as_now() -> None:
    office = Office()
    office.renderer.envelope = Envelope(expires_after=60 * SECOND)

    assert office.handle(GOOD, seen(datetime.fromisoformat("9999-12-31T23:59:59+00:00"))) == []


def test_being_cancelled_is_passed_on() -> None:
    office = Office()

    class StoppedClock(FakeClock):
        async def sleep(self, seconds: float) -> None:
            raise asyncio.CancelledError

    office.handler.clock = StoppedClock()

    with pytest.raises(asyncio.CancelledError):
        office.handle(GOOD | {"delay": 5})

    assert office.email.calls == 0


def test_being_cancelled_while_sending_is_passed_on_and_settles_nothing() -> None:
    class StuckNotifier(FakeNotifier):
        async def notify(self, *_: object) -> dict[Recipient, DeliveryError | None]:
            raise asyncio.CancelledError

    office = Office(email=StuckNotifier())

    with pytest.raises(asyncio.CancelledError):
        office.handle(GOOD)

    assert office.observer.heard == []


@pytest.mark.parametrize(("own", "given"), [({}, 4), ({"priority": 9}, 9), ({"priority": 0}, 0)])
def test_field_3_11_copies_have_the_priority_of_the_message_else_of_its_template(
    own: dict[str, int], given: int
) -> None:
    office = Office()
    office.renderer.envelope = Envelope(priority=4)
    office.email.failures = [Transient("451 busy")]

    (failed,) = office.handle(GOOD | own)
    (waiting,) = office.handle(GOOD | own | {"delay": 90})
    (dead,) = office.handle(GOOD | own | {"channel": "pigeon"})

    assert (failed.priority, waiting.priority, dead.priority) == (given, given, given)


@pytest.mark.parametrize(("body", "claims"), [(GOOD, 1), (GOOD | {"id": "order-1"}, 0)])
def test_the_settlement_of_a_message_without_an_id_carries_its_claim(
    body: dict[str, object], claims: int
) -> None:
    office = Office()

    settlement = asyncio.run(office.handler.handle(office.message(body)))

    assert (len(settlement.copies), len(settlement.claims)) == (0, claims)


@pytest.mark.parametrize(
    ("changes", "published", "waited"),
    [
        ({}, -90, 90.0),
        ({}, None, None),
        ({}, 30, 0.0),  # the producer's clock is ahead of ours
        ({}, 10**9, None),  # milliseconds, say
        ({"send_at": iso(NOON - 20 * SECOND)}, -90, 20.0),
        ({"send_at": iso(NOON - 200 * SECOND)}, -90, 90.0),
    ],
)
def test_the_wait_of_a_message_is_since_it_was_published_or_asked_for(
    changes: dict[str, object], published: int | None, waited: float | None
) -> None:
    office = Office()
    timestamp = None if published is None else int(NOON.timestamp()) + published

    message = office.message(GOOD | changes)
    office.handle_message(replace(message, properties=Properties(timestamp=timestamp)))

    assert office.observer.waited == [waited]
