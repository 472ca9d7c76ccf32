"""Attributes of outcome events have what CloudEvents' type String allows, whatever the producer's
id and correlation are."""

import json
import unicodedata
from typing import Any
from urllib.parse import unquote

import jsonschema
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.observers.event_schema import event_schema
from adapters.observers.outcome_events import OutcomeEvents
from domain.errors import FailureReason
from domain.events import Event, MessageMalformed, NotificationDispatched
from domain.outcome import Outcome, Sent
from tests.fakes import a_notification
from tests.support.events import ANN

TEXT = st.text(st.characters() | st.characters(categories=["Cc", "Cs", "Cn"]), min_size=1)
REFUSED = jsonschema.Draft7Validator(event_schema("dead_lettered"))


def is_allowed(one: str) -> bool:
    """As https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#type-system says."""
    code = ord(one)
    is_noncharacter = code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF
    return unicodedata.category(one) not in ("Cc", "Cs") and not is_noncharacter


def published(event: Event) -> dict[str, Any]:
    found: list[dict[str, Any]] = []
    sink = OutcomeEvents(lambda _key, _id, body: found.append(json.loads(body)), {"mails": "email"})
    sink.emit(event)
    return found[0]


def refused(id_: str, correlation_id: str | None = None) -> dict[str, Any]:
    """The event of a message that cannot be read: its id is whatever its producer wrote."""
    return published(
        MessageMalformed("mails", id_, FailureReason.MALFORMED, "no JSON", correlation_id)
    )


@given(TEXT, TEXT)
@example("order\t17", "a\nb")
@example("\ufdd0\U0001fffe\U0010ffff", "\ud800")
@example("50%09", "\x7f\x9f")
def test_each_attribute_is_allowed_and_leads_to_the_message(id_: str, correlation: str) -> None:
    event = refused(id_, correlation)

    assert all(map(is_allowed, event["subject"] + event["correlationid"]))
    assert event["data"].get("id", event["subject"]) == id_
    assert ("id" in event["data"]) == (not all(map(is_allowed, id_)))
    REFUSED.validate(event)
    if "%" not in id_:
        assert unquote(event["subject"], errors="surrogatepass") == id_


@given(TEXT.filter(lambda text: all(map(is_allowed, text))))
def test_what_is_allowed_stays_as_it_is(text: str) -> None:
    event = refused(text, text)

    assert (event["subject"], event["correlationid"]) == (text, text)


@pytest.mark.parametrize("one", ["\x00", "\n", "\x1f", "\x7f", "\x9f", "\ufdd0", "\ufdef", "\uffff",
                                 "\U0001fffe", "\U0010ffff", "\ud800"])  # fmt: skip
def test_the_schema_refuses_what_is_not_allowed(one: str) -> None:
    for name in ("subject", "correlationid"):
        assert not REFUSED.is_valid(refused("n-1") | {name: f"n-1{one}"})


def test_the_attributes_of_a_notification_are_encoded_too() -> None:
    outcome = Outcome(attempt=1, results=(Sent(recipient=ANN),))
    about = a_notification(id="a\x01b")

    event = published(NotificationDispatched("mails", about, outcome))

    assert (event["subject"], event["correlationid"]) == ("a%01b", "a%01b")
    assert event["data"]["id"] == "a\x01b"
