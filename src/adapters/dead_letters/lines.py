"""A dead letter as one line of JSON, and back: all that a copy carries, byte for byte."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields

from adapters.inbound.contract import InboundMessage
from adapters.message_format.headers import PREFIX
from adapters.message_format.properties import Properties
from domain.errors import FailureReason

_REASON = PREFIX + "reason"
_NUMBERS = {"priority": 255, "timestamp": 2**63 - 1}
_SHORT_STRING = 255  # bytes; AMQP 0-9-1, section 4.2.5.3


class BrokenLine(ValueError):
    """A line that is no dead letter; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
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
    known = {k: v for k, v in asdict(message.properties).items() if v is not None}
    line = {"queue": message.queue, "headers": {_REASON: str(reason), **headers}}
    try:
        body = {"body": message.body.decode()}
    except UnicodeDecodeError:
        body = {"body_base64": base64.b64encode(message.body).decode("ascii")}
    return json.dumps({**line, "properties": known, **body})


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
    return StoredDeadLetter(
        queue=queue,
        body=_body_in(value),
        headers=_headers(value.get("headers", {})),
        properties=_properties(value.get("properties", {})),
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
    return (name.startswith(PREFIX) or name == "traceparent") and (
        _is_text(value) or _is_number(value, 2**63 - 1)
    )


def _is_text(value: object, limit: int = 2**16) -> bool:
    try:
        return isinstance(value, str) and len(value.encode()) <= limit
    except UnicodeEncodeError:  # half of a surrogate pair
        return False


def _is_number(value: object, limit: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= limit


def _headers(value: object) -> dict[str, str | int]:
    if not isinstance(value, dict):
        raise BrokenLine("headers: must be an object")
    wrong = [name for name, text in value.items() if not _is_ours(name, text)]
    if wrong:
        raise BrokenLine(f"headers: {wrong[0]!r} must begin with {PREFIX}, with text or a number")
    return value


def _properties(value: object) -> Properties:
    if not isinstance(value, dict):
        raise BrokenLine("properties: must be an object")
    unknown = value.keys() - {each.name for each in fields(Properties)}
    if unknown:
        raise BrokenLine(f"properties: {min(unknown)!r} is unknown")
    for name, item in value.items():
        most = _NUMBERS.get(name)
        if not (_is_number(item, most) if most else _is_text(item, _SHORT_STRING)):
            raise BrokenLine(f"properties: {name} has a wrong value")
    return Properties(**value)
