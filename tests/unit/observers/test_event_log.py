"""What happens is a line in the log: what, about whom, and how bad it is."""

from collections.abc import MutableMapping
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from adapters.observers.subscribers import EventLog
from domain.errors import FailureReason
from domain.events import (
    ALARM,
    BROKER,
    LEDGER,
    SETTLEMENT,
    TEMPLATES,
    Event,
    NotificationDispatched,
    QueueRecreated,
    TemplatesChanged,
    Trouble,
    TroubleBegan,
    TroubleEnded,
    TroubleUncertain,
    UnknownCodeReceived,
    queue_trouble,
)
from domain.outcome import Deferred, Outcome, Sent
from tests.fakes import a_notification
from tests.support.events import ANN, BOB, EMAIL, dead, dispatched, malformed

QUEUE = queue_trouble("mails")
ABOUT = {
    "id": "n-1",
    "channel": "email",
    "template": "welcome",
    "queue": "mails",
    "attempt": 1,
}


def lines_of(*events: Event) -> list[MutableMapping[str, Any]]:
    log = EventLog(hidden=("telegram", "slack"))
    with capture_logs() as lines:
        for event in events:
            log.emit(event)
    return lines


def test_a_notification_that_is_sent_is_one_line() -> None:
    [line] = lines_of(dispatched(Sent(recipient=ANN), Sent(recipient=BOB)))

    sent = {"event": "notification sent", "log_level": "info", "recipients": 2}
    assert line == ABOUT | sent


def test_there_is_a_line_for_each_thing_that_became_of_it() -> None:
    wait = timedelta(seconds=90)
    lines = lines_of(
        dispatched(
            Sent(recipient=ANN, earlier=True),
            Deferred(recipient=BOB, delay=wait, error="busy"),
            Deferred(recipient=ANN, delay=wait, error="busy"),
            dead(FailureReason.RECIPIENT_REFUSED, "no such user"),
            dead(FailureReason.GUARDED, "not let through"),
        )
    )

    assert [(line["event"], line["log_level"], line["recipients"]) for line in lines] == [
        ("notification was sent before", "info", 1),
        ("notification deferred", "warning", 2),
        ("notification dead-lettered", "error", 1),
        ("notification dead-lettered", "error", 1),
    ]
    assert (lines[1]["retry_in_seconds"], lines[1]["error"]) == (90.0, "busy")
    assert (lines[2]["reason"], lines[2]["error"]) == ("recipient_refused", "no such user")


def test_metadata_is_in_the_line_but_for_what_is_a_channels_to_read() -> None:
    wishes = {"order": 7, "telegram": {"buttons": []}, "slack": {"thread": "1"}}
    some = a_notification(metadata=wishes)
    only_wishes = a_notification(metadata={"slack": {"thread": "1"}})
    sent = Sent(recipient=ANN)

    first, second = lines_of(
        dispatched(sent, notification=some), dispatched(sent, notification=only_wishes)
    )

    assert first["metadata"] == {"order": 7}
    assert "metadata" not in second


def test_a_message_that_cannot_be_read_is_an_error_with_its_id() -> None:
    assert lines_of(malformed()) == [
        {
            "event": "message dead-lettered",
            "log_level": "error",
            "id": "key-1",
            "queue": "mails",
            "reason": "malformed",
            "error": "to: is required",
        }
    ]


@pytest.mark.parametrize(
    ("trouble", "level", "event", "about"),
    [
        (EMAIL, "error", "channel is paused: what it needs is away", {"channel": "email"}),
        (LEDGER, "error", "ledger is away; nothing is sent", {}),
        (BROKER, "warning", "broker is unreachable; waiting", {}),
        (ALARM, "error", "broker takes no messages in; waiting", {}),
        (QUEUE, "warning", "queue cannot be used; waiting", {"queue": "mails"}),
        (SETTLEMENT, "error", "no message is settled", {}),
    ],
    ids=str,
)
def test_a_trouble_is_a_line_with_its_error(
    trouble: Trouble, level: str, event: str, about: dict[str, str]
) -> None:
    [line] = lines_of(TroubleBegan(trouble, "no"))

    assert line == {"event": event, "log_level": level, "error": "no", **about}


def test_a_refused_login_is_an_error_and_a_wait_is_said_in_seconds() -> None:
    [line] = lines_of(TroubleBegan(BROKER, "no", 1.26, is_login=True))

    assert line == {
        "event": "broker refuses our login; waiting",
        "log_level": "error",
        "error": "no",
        "seconds": 1.3,
    }


def test_the_end_of_a_trouble_is_a_line_where_no_other_line_says_so() -> None:
    lines = lines_of(*(TroubleEnded(t) for t in (EMAIL, LEDGER, BROKER, ALARM, SETTLEMENT, QUEUE)))

    assert [line["event"] for line in lines] == [
        "channel goes on: what it needs is back",
        "ledger is back",
        "broker is connected",
        "broker takes messages in again",
        "messages are settled again",
    ]
    assert {line["log_level"] for line in lines} == {"info"}
    assert lines[0]["channel"] == "email"


def test_what_is_uncertain_and_what_is_only_counted_is_no_line() -> None:
    uncertain = [TroubleUncertain(trouble) for trouble in (QUEUE, ALARM)]

    assert lines_of(*uncertain, UnknownCodeReceived("slack", "odd"), TroubleEnded(TEMPLATES)) == []


def test_a_queue_that_is_created_again_is_an_error() -> None:
    [line] = lines_of(QueueRecreated("mails"))

    assert (line["log_level"], line["queue"]) == ("error", "mails")


def test_a_refused_template_set_is_one_error_with_all_its_faults() -> None:
    faults = ("a.jinja2 line 1", "b.jinja2 line 2")
    [line] = lines_of(TemplatesChanged(version="v1", faults=faults, is_refused=True))

    assert line == {
        "event": "templates are broken; the last good set stays in use",
        "log_level": "error",
        "fault": "a.jinja2 line 1; b.jinja2 line 2",
        "templates_version": "v1",
    }


def test_field_3_8_a_template_left_out_is_one_error() -> None:
    [line] = lines_of(TemplatesChanged(version="v1", faults=("a.jinja2 line 1: x",)))

    assert (line["log_level"], line["event"]) == (
        "error",
        "a template is broken; its messages are dead-lettered until it is fixed",
    )


def test_field_3_9_a_file_that_is_not_used_is_an_error_in_the_log() -> None:
    changed, unused = lines_of(
        TemplatesChanged(version="v1", unknown=("t/htlm.jinja2: unknown file",))
    )

    assert (changed["event"], changed["templates_version"]) == ("templates changed", "v1")
    assert (unused["log_level"], unused["fault"]) == ("error", "t/htlm.jinja2: unknown file")


def test_the_line_has_the_message_id_of_the_mail_and_a_list_where_there_were_several() -> None:
    first, second = "<aa@shop.example>", "<bb@shop.example>"
    results = (Sent(recipient=ANN), Sent(recipient=BOB), dead(FailureReason.IN_DOUBT, "cut"))

    def line(ids: dict[str, str]) -> list[object]:
        outcome = Outcome(attempt=1, results=results, message_ids=ids)
        found = lines_of(NotificationDispatched("mails", a_notification(), outcome))
        return [one.get("message_id") for one in found]

    ann, bob, cem = (result.recipient.address for result in results)
    assert line({ann: first, bob: first, cem: first}) == [first, first]
    assert line({ann: first, bob: second}) == [[first, second], None]
    assert line({}) == [None, None]
