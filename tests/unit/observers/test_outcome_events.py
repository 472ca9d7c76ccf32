"""Outcome events: one for each thing that became of a notification, without an address in it."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.observers.outcome_events import OutcomeEvents
from domain.errors import FailureReason
from domain.events import Event, MessageMalformed, NotificationDispatched
from domain.notification import Notification
from domain.outcome import Deferred, Outcome, Sent
from tests.fakes import a_notification
from tests.support.events import ANN, BOB, CEM, EACH, dead, dispatched, malformed

NOW = datetime(2026, 1, 31, 8, 0, 0, 250_000, tzinfo=UTC)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def published(*events: Event) -> list[tuple[str, dict[str, Any]]]:
    """The routing key and the event of each that is published."""
    found: list[tuple[str, dict[str, Any]]] = []

    def take(key: str, event_id: str, body: bytes) -> None:
        event = json.loads(body)
        assert event["id"] == event_id
        found.append((key, event))

    sink = OutcomeEvents(take, {"mails": "email"}, hidden=("slack",), now=lambda: NOW)
    for event in events:
        sink.emit(event)
    return found


def data_of(*events: Event) -> list[Mapping[str, Any]]:
    return [event["data"] for _, event in published(*events)]


def test_a_notification_that_is_sent_is_one_event_in_the_form_of_cloudevents() -> None:
    event = dispatched(Sent(recipient=ANN), Sent(recipient=BOB))

    [(key, found)] = published(event)

    assert key == "email.sent"
    assert found.pop("id")
    assert found == {
        "specversion": "1.0",
        "source": "/dispatcher/mails",
        "type": "dispatcher.notification.sent",
        "subject": "n-1",
        "time": "2026-01-31T08:00:00.250Z",
        "correlationid": "n-1",
        "datacontenttype": "application/json",
        "data": {
            "queue": "mails",
            "channel": "email",
            "template": "welcome",
            "attempt": 1,
            "recipients": 2,
            "sent_earlier": False,
        },
    }


def test_the_correlation_and_the_trace_are_those_of_the_message() -> None:
    outcome = Outcome(attempt=1, results=(Sent(recipient=ANN),))
    event = NotificationDispatched("mails", a_notification(), outcome, "order 17", TRACE)

    [(_, found)] = published(event)

    assert (found["correlationid"], found["traceparent"]) == ("order 17", TRACE)


def test_each_event_has_an_id_of_its_own() -> None:
    event = dispatched(Sent(recipient=ANN))

    ids = {found["id"] for _, found in published(event, event, malformed())}

    assert len(ids) == 3


def test_there_is_an_event_for_each_wait_and_for_each_reason() -> None:
    wait = timedelta(minutes=5)
    refused = FailureReason.RECIPIENT_REFUSED
    event = dispatched(
        Sent(recipient=ANN),
        Sent(recipient=BOB, earlier=True),
        Deferred(recipient=ANN, delay=wait, error="later"),
        Deferred(recipient=BOB, delay=wait, error="much later"),
        dead(refused, "no such user"),
        dead(refused, "no such user"),
        dead(FailureReason.POISON, "it died"),
    )

    keys = [key for key, _ in published(event)]
    now, earlier, waits, refusal, poison = data_of(event)

    assert keys == ["email.sent"] * 2 + ["email.deferred"] + ["email.dead_lettered"] * 2
    assert (now["sent_earlier"], earlier["sent_earlier"]) == (False, True)
    assert waits["retry_in_seconds"] == 300
    assert (waits["recipients"], waits["error"]) == (2, "later; much later")
    assert (refusal["reason"], refusal["recipients"]) == ("recipient_refused", 2)
    assert refusal["error"] == "no such user"
    assert poison["reason"] == "poison"


def test_a_message_that_cannot_be_read_is_dead_lettered_on_its_queue_s_channel() -> None:
    [(key, found)] = published(malformed("to: is required"))

    assert key == "email.dead_lettered"
    assert found["subject"] == "key-1"
    assert found["data"] == {
        "queue": "mails",
        "channel": "email",
        "reason": "malformed",
        "error": "to: is required",
    }


def test_no_event_names_a_recipient() -> None:
    for _, found in published(*EACH, dispatched(dead(FailureReason.POISON, f"no {CEM}"))):
        text = json.dumps(found)
        assert not any(one.address in text for one in (ANN, BOB, CEM))


def test_what_the_log_shows_of_the_metadata_is_in_the_event() -> None:
    metadata = {"order": 17, "slack": {"button": "https://secret.example"}}

    [data] = data_of(of(a_notification(metadata=metadata)))

    assert data["metadata"] == {"order": 17}


@pytest.mark.parametrize("odd", [float("inf"), float("nan")])
def test_metadata_that_json_cannot_hold_are_left_out(odd: float) -> None:
    [data] = data_of(of(a_notification(metadata={"order": odd})))

    assert "metadata" not in data


def test_half_a_surrogate_pair_is_no_obstacle() -> None:
    [data] = data_of(of(a_notification(metadata={"name": "\ud800"})))

    assert data["metadata"] == {"name": "\ud800"}


def test_an_event_that_was_led_into_a_work_queue_makes_no_further_event() -> None:
    error = "to: is required"
    kinds = ("application/cloudevents+json", "application/cloudevents+json; charset=utf-8")

    for kind in kinds:
        event = MessageMalformed(
            "mails", "key-1", FailureReason.MALFORMED, error, content_type=kind
        )
        assert published(event) == []


def of(notification: Notification) -> Event:
    return dispatched(Sent(recipient=ANN), notification=notification)


def test_an_event_has_the_message_ids_of_the_mails_that_left() -> None:
    refused = dead(FailureReason.RECIPIENT_REFUSED, "no such user")
    results = (Sent(recipient=ANN), Sent(recipient=BOB), refused)
    ids = {ANN.address: "<aa@shop.example>", BOB.address: "<aa@shop.example>"}
    outcome = Outcome(attempt=1, results=results, message_ids=ids)

    sent, lost = data_of(NotificationDispatched("mails", a_notification(), outcome))

    assert sent["message_ids"] == ["<aa@shop.example>"]
    assert "message_ids" not in lost
