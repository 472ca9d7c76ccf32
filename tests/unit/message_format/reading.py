"""Short ways to decode a message made of fields."""

import json
from typing import Any

import pytest

from adapters.message_format.message import DecodedMessage
from adapters.message_format.rules import Properties
from domain.errors import MalformedMessage
from tests.support.decoding import decode


def read(
    queues_channel: str = "email", /, message_id: str | None = None, **fields: object
) -> DecodedMessage:
    body = json.dumps({"to": "ann@example.com", "template": "welcome", **fields}).encode()
    return decode(body, channel=queues_channel, properties=Properties(message_id=message_id))


def faults(queues_channel: str = "email", /, **fields: Any) -> tuple[str, ...]:
    with pytest.raises(MalformedMessage) as caught:
        read(queues_channel, **fields)
    return caught.value.faults
