"""The names under which logs and commands show a message."""

import json
from collections.abc import Mapping

from adapters.inbound.contract import InboundMessage
from adapters.message_format.body import plain_body
from adapters.message_format.headers import DeliveryHeaders
from adapters.message_format.message import content_key
from domain.errors import MalformedMessage

_SHORT_KEY = 16
_LARGEST_LOOKED_INTO = 1024 * 1024  # bytes; a larger body is not parsed just to name its template


def identity(message: InboundMessage) -> str:
    """Return the message's own id, else a short form of its key."""
    return identity_in(fields_of(message), message, DeliveryHeaders.parse(message.headers))


def identity_in(
    fields: Mapping[str, object], message: InboundMessage, headers: DeliveryHeaders
) -> str:
    """Return the same, of a message whose fields and headers are known."""
    own = text_in(fields, "id") or message.properties.message_id
    return own or short_key(headers.key or content_key(message.body))


def short_key(key: str) -> str:
    """The id of a dead letter whose message has none: the beginning of its key."""
    return key[:_SHORT_KEY] if is_key(key) else key


def is_key(text: str) -> bool:
    """Whether it is the hash of a content, by which messages without an id are known."""
    return len(text) == 64 and all(c in "0123456789abcdef" for c in text)


def fields_of(message: InboundMessage) -> Mapping[str, object]:
    """Return the fields of a body, however broken it is: none where it cannot be read."""
    if len(message.body) > _LARGEST_LOOKED_INTO:
        return {}
    try:
        body = plain_body(message.body, message.properties, _LARGEST_LOOKED_INTO)
        value = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError, MalformedMessage):
        return {}
    return value if isinstance(value, dict) else {}


def text_in(fields: Mapping[str, object], name: str) -> str | None:
    """Return a field that is a printable text."""
    value = fields.get(name)
    return value if isinstance(value, str) and value and value.isprintable() else None
