"""The way of one message, from its bytes to its settlement."""

import asyncio
import json
from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest

from adapters.wire.handler import HOLD, MessageHandler
from adapters.wire.headers import DeliveryHeaders, iso
from adapters.wire.inbound import DeadCopy, InboundMessage, Properties, RetryCopy, Settlement
from adapters.wire.message import content_key
from domain.content import Content, Envelope
from domain.dispatcher import Dispatcher
from domain.errors import FailureReason, MalformedMessage, Transient
from domain.notification import Notification
from domain.outcome import Outcome
from domain.ports import RenderRequest
from domain.retry_policy import RetryPolicy
from tests.fakes import NOON, FakeClock, FakeNotifier, FakeTemplateRenderer, recipients

SECOND = timedelta(seconds=1)
GOOD = {"to": "ann@example.com", "template": "welcome", "parameters": {"name": "Ann"}}


class FakeObserver:
    """Keeps what it heard."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, int]] = []
        self.faults: list[tuple[str, str, str]] = []

    def delivered(self, queue: str, notification: Notification, outcome: Outcome) -> None:
        self.heard.append((queue, notification.id, outcome.attempt))

    def malformed(self, queue: str, key: str, error: MalformedMessage) -> None:
        self.faults.append((queue, key, str(error)))


class BrokenRenderer(FakeTemplateRenderer):
    """A renderer with a bug."""

    def render(self, request: RenderRequest) -> Content:
        raise KeyError("a bug")


class Office:
    """A handler over two queues with fakes all around; `letters` is the queue of channel email."""

    def __init__(self, renderer: FakeTemplateRenderer | None = None) -> None:
        self.clock = FakeClock()
        self.email = FakeNotifier()
        self.slack = FakeNotifier()
        self.observer = FakeObserver()
        self.renderer = renderer or FakeTemplateRenderer()
        dispatcher = Dispatcher(
            renderer=self.renderer,
            notifiers={"email": self.email, "slack": self.slack},
            retry_policy=RetryPolicy((10 * SECOND, 60 * SECOND)),
            clock=self.clock,
        )
        self.handler = MessageHandler(
            dispatcher=dispatcher,
            channels={"letters": "email", "slack": "slack"},
            clock=self.clock,
            observer=self.observer,
            max_body=1_000,
        )

    def handle(
        self,
        body: Mapping[str, object] | bytes,
        headers: Mapping[str, object] | None = None,
        message_id: str | None = None,
    ) -> Settlement:
        message = InboundMessage(
            queue="letters",
            body=body if isinstance(body, bytes) else json.dumps(body).encode(),
            headers=headers or {},
            properties=Properties(message_id=message_id),
        )
        return asyncio.run(self.handler.handle(message))


def past(copy: RetryCopy | DeadCopy) -> DeliveryHeaders:
    return DeliveryHeaders.parse(copy.headers)


def seen(at: datetime = NOON, **more: object) -> dict[str, object]:
    return {"x-dispatcher-first-seen": iso(at)} | {
        "x-dispatcher-" + name.replace("_", "-"): value for name, value in more.items()
    }


def test_a_good_message_is_sent_and_needs_no_copy() -> None:
    office = Office()

    assert office.handle(GOOD | {"id": "n-1"}) == []

    assert office.email.addresses == ["ann@example.com"]
    assert office.observer.heard == [("letters", "n-1", 1)]


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
    assert office.observer.faults == [("letters", content_key(body), "to: is required")]
    assert office.email.calls == 0


def test_a_malformed_message_keeps_the_brokers_message_id_as_its_key() -> None:
    (copy,) = Office().handle(b"{", message_id="m-1")

    assert past(copy).key == "m-1"


def test_a_malformed_message_keeps_the_key_and_first_sight_it_came_with() -> None:
    before = NOON - 60 * SECOND

    (copy,) = Office().handle(b"{", seen(before, key="n-1", attempt=3), message_id="m-1")

    assert (past(copy).key, past(copy).first_seen, past(copy).attempt) == ("n-1", before, 4)


def test_a_body_over_the_limit_is_malformed() -> None:
    (copy,) = Office().handle(b" " * 1_001)

    assert past(copy).reason is FailureReason.MALFORMED
    assert "DISPATCHER_MAX_BODY" in str(past(copy).error)


def test_a_failed_message_goes_to_its_tier() -> None:
    office = Office()
    office.email.failures = [Transient("451 busy")]

    (copy,) = office.handle(GOOD | {"id": "n-1"}, seen(NOON - 60 * SECOND, attempt=1))

    assert (copy.delay, copy.exact) == (60 * SECOND, False)
    assert (past(copy).attempt, past(copy).key, past(copy).queue) == (2, "n-1", "letters")
    assert (past(copy).error, past(copy).first_seen) == ("451 busy", NOON - 60 * SECOND)


def test_a_long_delay_is_waited_for_in_the_broker() -> None:
    office = Office()

    (copy,) = office.handle(GOOD | {"delay": 90})

    assert (copy.delay, copy.exact) == (90 * SECOND, True)
    assert (past(copy).due, past(copy).attempt) == (NOON + 90 * SECOND, 0)
    assert past(copy).first_seen == NOON
    assert (office.email.calls, office.clock.slept) == (0, [])


def test_a_hop_ends_in_a_hold_of_the_last_seconds_and_then_it_is_sent() -> None:
    office = Office()
    body = GOOD | {"delay": 90}
    (first,) = office.handle(body)
    office.clock.time += 60 * SECOND
    (second,) = office.handle(body, first.headers)
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


def test_a_delay_counts_from_the_first_sight_only() -> None:
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


def test_a_first_sight_in_the_future_is_read_as_now() -> None:
    office = Office()
    office.renderer.envelope = Envelope(expires_after=60 * SECOND)

    assert office.handle(GOOD, seen(datetime.fromisoformat("9999-12-31T23:59:59+00:00"))) == []


def test_a_fault_of_ours_costs_one_attempt() -> None:
    office = Office(BrokenRenderer())

    (copy,) = office.handle(GOOD, seen(attempt=1))

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


def test_being_cancelled_is_passed_on() -> None:
    office = Office()

    class StoppedClock(FakeClock):
        async def sleep(self, seconds: float) -> None:
            raise asyncio.CancelledError

    office.handler.clock = StoppedClock()

    with pytest.raises(asyncio.CancelledError):
        office.handle(GOOD | {"delay": 5})

    assert office.email.calls == 0
