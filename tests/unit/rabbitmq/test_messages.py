"""Reading what strange clients send."""

import struct
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pika import data
from pika.frame import Header, decode_frame
from pika.spec import Basic, BasicProperties

from adapters.rabbitmq.amqp_channel import inbound
from adapters.rabbitmq.frames import without_headers
from adapters.rabbitmq.mismatches import mismatch
from adapters.rabbitmq.settlement import own_headers


def test_a_delivery_keeps_what_is_on_the_whitelist() -> None:
    properties = BasicProperties(
        message_id="m",
        priority=4,
        expiration="1000",
        user_id="guest",
        headers={"x-delivery-count": 3, "x-dispatcher-attempt": 2},
    )

    message = inbound("email", Basic.Deliver(redelivered=True), properties, b"body")

    assert (message.queue, message.body, message.redelivered) == ("email", b"body", True)
    assert (message.properties.message_id, message.properties.priority) == ("m", 4)
    assert message.delivery_count == 3


@pytest.mark.parametrize("count", [None, "many", -1, 2.5, {}])
def test_a_delivery_count_that_is_none_reads_as_zero(count: object) -> None:
    properties = BasicProperties(headers={"x-delivery-count": count})

    assert inbound("email", Basic.Deliver(), properties, b"").delivery_count == 0


def test_properties_that_are_not_utf8_are_dropped() -> None:
    properties = BasicProperties(type="t")
    properties.message_id = b"\xff"

    read = inbound("email", Basic.Deliver(), properties, b"").properties

    assert (read.message_id, read.type) == (None, "t")


def test_a_copy_in_the_same_state_keeps_our_headers_alone() -> None:
    properties = BasicProperties(
        headers={
            "x-dispatcher-attempt": 2,
            "x-dispatcher-odd": Decimal(1),
            "traceparent": b"00-1-2-01",
            "x-death": [{"count": 1}],
            b"\xff": "x",
        }
    )

    message = inbound("email", Basic.Deliver(), properties, b"")

    assert own_headers(message) == {"x-dispatcher-attempt": 2, "traceparent": "00-1-2-01"}


_names = st.text(max_size=20)
_headers = st.dictionaries(_names, _names | st.integers(-(2**31), 2**31 - 1), min_size=1)


@given(_headers, st.none() | _names, st.none() | _names, st.none() | _names, st.integers(0, 2**40))
def test_a_content_header_without_its_table_is_otherwise_the_same(
    headers: dict[str, object],
    content_type: str | None,
    encoding: str | None,
    message_id: str | None,
    body_size: int,
) -> None:
    given_ = {
        "content_type": content_type,
        "content_encoding": encoding,
        "delivery_mode": 2,
        "message_id": message_id,
    }
    frame = Header(3, body_size, BasicProperties(headers=headers, **given_)).marshal()

    consumed, readable = without_headers(frame + b"the next frame")
    decoded = decode_frame(readable)[1]

    assert consumed == len(frame)
    assert isinstance(decoded, Header)
    assert (decoded.channel_number, decoded.body_size) == (3, body_size)
    assert decoded.properties == BasicProperties(**given_)


def test_a_frame_that_is_no_content_header_is_not_touched() -> None:
    with pytest.raises(ValueError, match="content header"):
        without_headers(struct.pack(">BHLB", 8, 0, 0, 0xCE))


def test_pika_still_fails_on_a_timestamp_beyond_the_calendar() -> None:
    # Once it does not, the tolerant connection can go.
    field = b"T" + struct.pack(">Q", 1_732_000_000_000)

    with pytest.raises(ValueError, match="year"):
        data.decode_value(field, 0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            (
                "PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue 'email' in vhost "
                "'/': received the value 'quorum' of type 'longstr' but current is none"
            ),
            "x-queue-type=none, ours is x-queue-type=quorum",
        ),
        (
            (
                "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'email' in vhost '/':"
                " received 'true' but current is 'false'"
            ),
            "durable=false, ours is durable=true",
        ),
        (
            (
                "PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue 'e' in vhost '/':"
                " received none but current is the value '60000' of type 'signedint'"
            ),
            "x-message-ttl=60000, ours is x-message-ttl=none",
        ),
        (
            "PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue 'em",
            "queue email differs: PRECONDITION_FAILED - inequivalent arg 'x-queue-type'",
        ),
    ],
)
def test_the_brokers_words_about_a_difference_are_read(text: str, expected: str) -> None:
    assert expected in mismatch("queue email", text)


@pytest.mark.parametrize(
    ("headers", "count"),
    [
        ({}, 0),
        ({"x-delivery-count": 3}, 3),
        ({"x-acquired-count": 12, "x-delivery-count": 2}, 12),
        ({"x-acquired-count": -1, "x-delivery-count": "many"}, 0),
    ],
)
def test_deliveries_are_counted_as_each_version_counts_them(
    headers: dict[str, object], count: int
) -> None:
    message = inbound("email", Basic.Deliver(), BasicProperties(headers=headers), b"")

    assert message.delivery_count == count
