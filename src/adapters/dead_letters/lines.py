"""A dead letter as one line of JSON, and back: all that a copy carries, byte for byte."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import asdict, field, fields

from adapters.inbound.contract import InboundMessage
from adapters.message_format.headers import PREFIX, traceparent_of
from adapters.message_format.rules import Properties
from domain.errors import FailureReason
from domain.trace import HEADER as TRACEPARENT
from domain.value_object import value_object

_LARGEST = 2**63 - 1
# Bytes of a text, or the largest number. A short string: AMQP 0-9-1, section 4.2.5.3.
_HEADER = {"text": 2**16, "number": _LARGEST}
_PROPERTIES = {
    **{each.name: {"text": 255} for each in fields(Properties)},
    "priority": {"number": 255},
    "timestamp": {"number": _LARGEST},
}


class BrokenLine(ValueError):
    """A line that is no dead letter; the text says why."""


@value_object(kw_only=True)
class StoredDeadLetter:
    """What a line holds. `queue` is the work queue's name."""

    queue: str
    body: bytes = field(repr=False)
    headers: Mapping[str, str | int]
    properties: Properties


def to_line(message: InboundMessage, reason: FailureReason) -> str:
    """The dead letter as a line, without its end. `reason` is what an operator sees: it outlives
    the broker's own records, which no copy may carry."""
    headers = {k: v for k, v in message.headers.items() if _is_ours(k, v)}
    if trace := traceparent_of(message.headers):  # it may have come as bytes
        headers[TRACEPARENT] = trace
    known = {k: v for k, v in asdict(message.properties).items() if v is not None}
    try:
        body = {"body": message.body.decode()}
    except UnicodeDecodeError:
        body = {"body_base64": base64.b64encode(message.body).decode("ascii")}
    return json.dumps(
        {
            "queue": message.queue,
            "headers": {PREFIX + "reason": str(reason), **headers},
            "properties": known,
            **body,
        }
    )


def from_line(line: bytes) -> StoredDeadLetter:
    """Read what `to_line` wrote. Raises BrokenLine."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BrokenLine(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise BrokenLine("not a JSON object")
    queue = value.get("queue")
    if not isinstance(queue, str) or not queue:
        raise BrokenLine("queue: must be a queue's name")
    body = _body_in(value)
    for part in ("headers", "properties"):
        if not isinstance(value.setdefault(part, {}), dict):
            raise BrokenLine(f"{part}: must be an object")
    for name, item in value["headers"].items():
        if not _is_ours(name, item):
            rule = f"must begin with {PREFIX}, with text or a number"
            raise BrokenLine(f"headers: {name!r} {rule}")
    for name, item in sorted(value["properties"].items()):
        limits = _PROPERTIES.get(name)
        if limits is None or not _fits(item, **limits):
            fault = f"{name} has a wrong value" if limits else f"{name!r} is unknown"
            raise BrokenLine(f"properties: {fault}")
    return StoredDeadLetter(
        queue=queue,
        body=body,
        headers=value["headers"],
        properties=Properties(**value["properties"]),
    )


def _body_in(value: Mapping[str, object]) -> bytes:
    text, encoded = value.get("body"), value.get("body_base64")
    try:
        if isinstance(text, str) and encoded is None:
            return text.encode()
        if isinstance(encoded, str) and text is None:
            return base64.b64decode(encoded, validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise BrokenLine("body: not what was exported") from None
    raise BrokenLine("needs either body or body_base64, a string")


def _is_ours(name: str, value: object) -> bool:
    return (name.startswith(PREFIX) or name == TRACEPARENT) and _fits(value, **_HEADER)


def _fits(value: object, *, text: int = -1, number: int = -1) -> bool:
    """Whether it is a text of at most so many bytes, or a number from 0 to `number`."""
    if not isinstance(value, str):
        return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= number
    try:
        return len(value.encode()) <= text
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
