"""A dead letter as an operator reads it: what it was, and why it is dead."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from adapters.wire.encoding import plain_body
from adapters.wire.headers import DeliveryHeaders
from adapters.wire.inbound import InboundMessage, Release
from adapters.wire.message import content_key
from domain.errors import FailureReason, MalformedMessage

_SHORT_KEY = 16
_LARGEST_LOOKED_INTO = 1024 * 1024  # bytes; a larger body is not parsed just to name its template


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One dead letter. `attempt` counts tries made; None where nothing is known."""

    id: str
    queue: str
    channel: str | None
    template: str | None
    reason: FailureReason
    error: str | None
    attempt: int
    first_seen: datetime | None
    failed_at: datetime | None


def describe(message: InboundMessage, channels: Mapping[str, str]) -> Letter:
    """Read a letter, however broken its body is. `channels` maps queue to channel.

    Its id is the message's own, else a short form of its key.
    """
    headers = DeliveryHeaders.parse(message.headers)
    fields = _fields(message)
    return Letter(
        id=_identity(message, fields, headers),
        queue=message.queue,
        channel=headers.channel or _text(fields, "channel") or channels.get(message.queue),
        template=_text(fields, "template"),
        reason=headers.reason or _broker_reason(message.headers),
        error=headers.error,
        attempt=headers.attempt,
        first_seen=headers.first_seen,
        failed_at=headers.failed_at or _broker_time(message.headers),
    )


def identity(message: InboundMessage) -> str:
    """The id that `describe` gives the letter."""
    return _identity(message, _fields(message), DeliveryHeaders.parse(message.headers))


def release(message: InboundMessage) -> Release:
    """Send it again: a fresh attempt count, to the recipients still owed."""
    headers = DeliveryHeaders.parse(message.headers)
    fresh = DeliveryHeaders(
        first_seen=headers.first_seen,
        key=headers.key,
        seed=headers.seed,
        queue=headers.queue,
        remaining=headers.remaining,
        channel=headers.channel,
        traceparent=headers.traceparent,
    )
    return Release(headers=fresh.to_wire())


def _identity(
    message: InboundMessage, fields: Mapping[str, object], headers: DeliveryHeaders
) -> str:
    own = _text(fields, "id") or message.properties.message_id
    return own or short_key(headers.key or content_key(message.body))


def short_key(key: str) -> str:
    """The id of a letter whose message has none: the beginning of its key."""
    return key[:_SHORT_KEY] if is_key(key) else key


def is_key(text: str) -> bool:
    """Whether it is a content's hash, as messages without an id are known by."""
    return len(text) == 64 and all(c in "0123456789abcdef" for c in text)


def _fields(message: InboundMessage) -> Mapping[str, object]:
    if len(message.body) > _LARGEST_LOOKED_INTO:
        return {}
    try:
        body = plain_body(message.body, message.properties, _LARGEST_LOOKED_INTO)
        value = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError, MalformedMessage):
        return {}
    return value if isinstance(value, dict) else {}


def _text(fields: Mapping[str, object], name: str) -> str | None:
    value = fields.get(name)
    return value if isinstance(value, str) and value and value.isprintable() else None


def _broker_reason(headers: Mapping[str, object]) -> FailureReason:
    """Why the broker itself dead-lettered it: it expired, or was handed out too often."""
    cause = _newest_death(headers).get("reason")
    return FailureReason.EXPIRED if cause == "expired" else FailureReason.POISON


def _broker_time(headers: Mapping[str, object]) -> datetime | None:
    time = _newest_death(headers).get("time")
    # pika gives the timestamp, which is in UTC, without saying so.
    return time.replace(tzinfo=UTC) if isinstance(time, datetime) else None


def _newest_death(headers: Mapping[str, object]) -> Mapping[str, object]:
    """The newest entry of `x-death`, where there is one (https://www.rabbitmq.com/docs/dlx)."""
    deaths = headers.get("x-death")
    newest = deaths[0] if isinstance(deaths, Sequence) and deaths else None
    return newest if isinstance(newest, Mapping) else {}
