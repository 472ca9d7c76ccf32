"""bytes -> Notification, with every fault at once."""

import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.message_format.message import content_key
from domain.errors import MalformedMessage
from domain.notification import Recipient
from tests.fakes import NOON, recipients
from tests.support.decoding import decode
from tests.unit.message_format.reading import faults, read

FIELDS = [
    *("from", "to", "reply_to", "subject", "template", "parameters", "id", "channel", "cc", "bcc"),
    *("individually", "locale", "send_at", "delay", "expires_at", "priority", "attachments"),
    *("headers", "metadata", "unknown", "sender", "__class__", "model_config"),
]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5) | st.sampled_from(FIELDS), inner, max_size=3)
    ),
    max_leaves=5,
)


def test_what_producers_send_today_is_understood_unchanged() -> None:
    sent: dict[str, Any] = {
        "from": "Shop <shop@example.com>",
        "to": ["Lee, Ann <ann@example.com>", "bob@example.com"],
        "reply_to": "help@example.com",
        "subject": "Ordine n° 7",
        "template": "order",
        "parameters": {"name": "Ann", "total": 9.5, "lines": [{"sku": 1}], "note": None},
    }
    decoded = read(**sent)

    notification = decoded.notifications[0]
    assert notification.sender == Recipient(name="Shop", address="shop@example.com")
    assert notification.to == (
        Recipient(name="Lee, Ann", address="ann@example.com"),
        *recipients("bob@example.com"),
    )
    assert notification.reply_to == recipients("help@example.com")
    assert (notification.subject, notification.template) == ("Ordine n° 7", "order")
    assert notification.parameters == {
        "name": "Ann",
        "total": 9.5,
        "lines": [{"sku": 1}],
        "note": None,
    }
    assert (notification.channel, decoded.unknown_fields) == ("email", ())


def test_the_optional_fields_arrive_as_values() -> None:
    decoded = read(
        id="order-7",
        cc="cy@example.com",
        bcc=["dee@example.com"],
        individually=True,
        locale="it-IT",
        send_at="2026-02-01T08:00:00+01:00",
        expires_at="2026-02-02T00:00:00Z",
        delay="90s",
        priority=5,
        headers={"X-Tag": "a"},
        metadata={"trace": 1},
    )

    notification = decoded.notifications[0]
    assert (notification.id, decoded.key) == ("order-7", "order-7")
    assert notification.cc == recipients("cy@example.com")
    assert notification.bcc == recipients("dee@example.com")
    assert (notification.individually, notification.locale) == (True, "it-IT")
    assert notification.send_at == datetime(2026, 2, 1, 7, tzinfo=UTC)
    assert notification.expires_at == datetime(2026, 2, 2, tzinfo=UTC)
    assert (decoded.delay, notification.priority) == (timedelta(seconds=90), 5)
    assert notification.headers == (("X-Tag", "a"),)
    assert notification.metadata == {"trace": 1}


def test_null_means_not_given() -> None:
    optional = dict.fromkeys(FIELDS[6:19])

    decoded = read(**optional, **{"from": None, "reply_to": None, "subject": None})

    assert decoded.notifications[0] == read(id=decoded.notifications[0].id).notifications[0]
    assert decoded.delay is None


def test_old_producers_may_leave_optional_texts_empty() -> None:
    empty = ("from", "reply_to", "cc", "bcc", "subject", "id", "locale")

    notification = read(**dict.fromkeys(empty, "")).notifications[0]

    assert (notification.sender, notification.reply_to, notification.cc) == (None, (), ())
    assert (notification.subject, notification.locale) == (None, None)


def test_a_byte_order_mark_is_accepted() -> None:
    body = b'\xef\xbb\xbf{"to":"ann@example.com","template":"welcome"}'

    assert decode(body, channel="email").notifications[0].template == "welcome"


def test_all_faults_are_named_at_once() -> None:
    found = faults(
        to="",
        template="../../etc/passwd",
        subject="a\nBcc: x",
        parameters=[1],
        individually="yes",
        locale="?",
        send_at="tomorrow",
        priority=256,
        headers={"Bcc": "x"},
    )

    assert found == (
        "to: must not be empty",
        "template: must be letters, digits, _ and -, with single inner / or .",
        "subject: must not contain LF",
        "parameters: must be an object",
        "individually: must be true or false",
        "locale: must be a language tag such as it or it-IT",
        "send_at: must be an ISO 8601 time such as 2026-01-31T08:00:00+01:00",
        "priority: must be a whole number from 0 to 255",
        (
            "headers: Bcc is not allowed: use X-*, List-*, In-Reply-To, References, Importance,"
            " Precedence or Feedback-ID"
        ),
    )


@pytest.mark.parametrize("missing", [None, "absent"])
def test_only_to_and_template_are_required(missing: str | None) -> None:
    body = b"{}" if missing else b'{"to":null,"template":null}'

    with pytest.raises(MalformedMessage) as caught:
        decode(body, channel="email")

    assert caught.value.faults == ("to: is required", "template: is required")


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"to": 5}, "to: must be a string"),
        ({"to": {"email": "a"}}, "to: must be a string or a list of strings"),
        ({"to": []}, "to: must name at least one recipient"),
        ({"to": ["ann@example.com", 5]}, "to: item 1 must be a string"),
        ({"to": ["a", "b\r"]}, "to: item 1 must not contain CR"),
        ({"to": "a\0b"}, "to: must not contain NUL"),
        ({"cc": "a\r\nb"}, "cc: must not contain CR"),
        ({"from": ["a"]}, "from: must be a string"),
        ({"from": "a\nb <x@example.com>"}, "from: must not contain LF"),
        ({"reply_to": "a\nb"}, "reply_to: must not contain LF"),
        ({"id": 7}, "id: must be a string"),
        ({"id": "a\nb"}, "id: must not contain LF"),
        ({"id": "è" * 128}, "id: must be at most 255 bytes"),
        ({"channel": "E mail"}, "channel: must be a channel's name such as email"),
        ({"template": "/etc/passwd"}, "template: must be letters"),
        ({"template": "a\0"}, "template: must be letters"),
        ({"template": ""}, "template: must be letters"),
        ({"parameters": "x"}, "parameters: must be an object"),
        ({"individually": 1}, "individually: must be true or false"),
        ({"send_at": "2026-01-31T08:00:00"}, "send_at: must carry an offset"),
        ({"expires_at": 1767225600}, "expires_at: must be an ISO 8601 time"),
        ({"send_at": "9999-12-31T23:59:59-23:59"}, "send_at: is out of range"),
        ({"delay": True}, "delay: must be seconds"),
        ({"delay": -1}, "delay: must be seconds"),
        ({"delay": 10**400}, "delay: must be seconds"),
        ({"delay": "soon"}, "delay: must be a duration"),
        ({"delay": "367d"}, "delay: must be at most a year"),
        ({"delay": 367 * 86400}, "delay: must be at most a year"),
        ({"priority": True}, "priority: must be a whole number from 0 to 255"),
        ({"priority": -1}, "priority: must be a whole number from 0 to 255"),
        ({"headers": {"X-A": 1}}, "headers: X-A must be a string"),
        ({"headers": {"X-A": "a\nBcc: b"}}, "headers: must not contain LF"),
        ({"headers": {"X-A\n": "a"}}, "headers: X-A\n is not allowed"),
        ({"metadata": 1}, "metadata: must be an object"),
    ],
)
def test_a_fault_names_its_field(fields: dict[str, object], fault: str) -> None:
    (found,) = faults(**fields)

    assert found.replace("X-A must not", "must not").startswith(fault)


@settings(max_examples=150)
@given(st.dictionaries(st.sampled_from(FIELDS), anything), st.sampled_from(["email", "telegram"]))
def test_any_object_is_decoded_or_malformed_and_nothing_else(
    fields: dict[str, Any], channel: str
) -> None:
    with contextlib.suppress(MalformedMessage):
        assert read(channel, **fields).notifications[0].recipients


def test_for_telegram_a_recipient_may_be_a_number() -> None:
    assert read("telegram", to=-100123).notifications[0].to == recipients("-100123")


def test_a_number_in_a_list_is_fine_where_the_message_names_telegram() -> None:
    body = b'{"channel":"telegram","to":[42,"@ann"],"template":"welcome"}'

    assert decode(body, channel="email").notifications[0].to == recipients("42", "@ann")


def test_a_boolean_is_no_number_even_for_telegram() -> None:
    assert faults("telegram", to=True) == ("to: must be a string or a list of strings",)


def test_the_messages_channel_wins_over_its_queues() -> None:
    body = b'{"channel":"slack","to":"#ops","template":"welcome"}'

    assert decode(body, channel="email").notifications[0].channel == "slack"


def test_an_id_is_the_key_and_else_the_brokers_message_id() -> None:
    assert read(id="a", message_id="b").key == "a"
    assert read(message_id="b").key == read(message_id="b").notifications[0].id == "b"


def test_without_an_id_the_key_is_the_hash_of_the_bytes() -> None:
    body = b'{"to":"ann@example.com","template":"welcome"}'

    decoded = decode(body, channel="email")

    assert decoded.key == content_key(body)
    assert decoded.notifications[0].id == decoded.key[:16]
    assert decode(body + b" ", channel="email").key != decoded.key


def test_a_message_id_that_could_break_a_header_is_refused() -> None:
    with pytest.raises(MalformedMessage, match="id: must not contain LF"):
        read(message_id="a\nb")


def test_unknown_fields_are_accepted_and_named() -> None:
    decoded = read(zeta=1, alpha={"a": 1}, sender="mallory@example.com", model_config={})

    assert decoded.unknown_fields == ("alpha", "model_config", "sender", "zeta")
    assert decoded.notifications[0].sender is None


@pytest.mark.parametrize(
    ("delay", "seconds"),
    [(90, 90), (0, 0), (1.5, 1.5), ("90s", 90), ("250ms", 0.25), ("1d", 86400)],
)
def test_a_delay_is_seconds_or_a_duration(delay: object, seconds: float) -> None:
    assert read(delay=delay).delay == timedelta(seconds=seconds)


def test_it_is_due_when_the_producer_says() -> None:
    send_at = "2026-01-31T14:00:00+01:00"

    assert read(send_at=send_at).due_time(NOON) == datetime(2026, 1, 31, 13, tzinfo=UTC)
    assert read(delay=60).due_time(NOON) == NOON + timedelta(minutes=1)
    assert read(send_at=send_at, delay=60).due_time(NOON) == datetime(2026, 1, 31, 13, tzinfo=UTC)
    assert read().due_time(NOON) is None
