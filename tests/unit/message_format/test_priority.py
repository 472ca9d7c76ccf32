"""How urgent a message is, as the producer says it in one of two ways."""

import json

import pytest

from adapters.message_format.rules import Properties
from tests.support.decoding import decode


@pytest.mark.parametrize(
    ("fields", "of_amqp", "expected"),
    [({"priority": 3}, 9, 3), ({"priority": 0}, 9, 0), ({}, 9, 9), ({}, 0, None), ({}, None, None)],
)
def test_the_priority_is_the_field_s_else_that_of_amqp(
    fields: dict[str, object], of_amqp: int | None, expected: int | None
) -> None:
    body = json.dumps({"to": "ann@example.com", "template": "welcome", **fields}).encode()

    decoded = decode(body, channel="email", properties=Properties(priority=of_amqp))

    assert decoded.notifications[0].priority == expected
