"""A dead letter as a line of JSON comes back as it was."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.dead_letters.dead_letter import describe
from adapters.dead_letters.lines import BrokenLine, from_line, to_line
from adapters.inbound.contract import InboundMessage
from adapters.message_format.rules import Properties
from domain.errors import FailureReason

_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
_headers = st.dictionaries(
    st.sampled_from(["x-dispatcher-error", "x-dispatcher-key", "traceparent"]), _text
)
_properties = st.builds(
    Properties,
    content_type=st.none() | _text,
    message_id=st.none() | _text,
    priority=st.none() | st.integers(0, 255),
    timestamp=st.none() | st.integers(0, 2**40),
)


@given(body=st.binary() | _text.map(str.encode), headers=_headers, properties=_properties)
def test_body_headers_and_properties_survive(
    body: bytes, headers: dict[str, str], properties: Properties
) -> None:
    message = InboundMessage(queue="email", body=body, headers=headers, properties=properties)

    line = to_line(message, FailureReason.POISON)
    read = from_line(line.encode())

    assert "\n" not in line
    assert (read.queue, read.body, read.properties) == ("email", body, properties)
    assert read.headers == {"x-dispatcher-reason": "poison", **headers}


def test_why_the_broker_gave_it_up_outlives_the_broker_s_record() -> None:
    deaths = {"x-death": [{"reason": "expired"}], "x-delivery-count": 3, "shop": "own"}
    message = InboundMessage(queue="email", body=b"{}", headers=deaths)
    letter = describe(message, {"email": "email"})

    read = from_line(to_line(message, letter.reason).encode())

    assert read.headers == {"x-dispatcher-reason": "expired"}


def test_a_trace_that_came_as_bytes_survives() -> None:
    message = InboundMessage(queue="email", body=b"{}", headers={"traceparent": b"00-1-2-01"})

    read = from_line(to_line(message, FailureReason.POISON).encode())

    assert read.headers == {"x-dispatcher-reason": "poison", "traceparent": "00-1-2-01"}


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"queue": 1}, "queue"),
        ({"queue": ""}, "queue"),
        ({"body": None}, "body"),
        ({"body": "\ud800"}, "body"),
        ({"body": None, "body_base64": "*"}, "body"),
        ({"body_base64": "YQ=="}, "body"),
        ({"headers": []}, "headers"),
        ({"headers": {"x-death": "a"}}, "x-death"),
        ({"headers": {"x-dispatcher-attempt": [1]}}, "attempt"),
        ({"headers": {"x-dispatcher-attempt": 2**64}}, "attempt"),
        ({"properties": {"user_id": "guest"}}, "user_id"),
        ({"properties": {"priority": 256}}, "priority"),
        ({"properties": {"priority": True}}, "priority"),
        ({"properties": {"message_id": "x" * 256}}, "message_id"),
        ({"properties": 1}, "properties"),
    ],
)
def test_a_broken_line_is_refused_and_says_where(change: dict[str, object], word: str) -> None:
    good = {"queue": "email", "headers": {}, "properties": {}, "body": "{}"}

    with pytest.raises(BrokenLine, match=word):
        from_line(json.dumps({**good, **change}).encode())


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
def test_what_is_no_json_object_is_refused(line: bytes) -> None:
    with pytest.raises(BrokenLine):
        from_line(line)
