"""A dead letter as an operator reads it: what it was, and why it is dead."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from adapters.inbound.contract import InboundMessage, Release
from adapters.inbound.identity import fields_of, identity_in, text_in
from adapters.message_format.headers import DeliveryHeaders
from domain.errors import FailureReason

_VARIABLE = re.compile(
    r"""
      (?P<kept>                                # codes: RFC 5321 4.2, RFC 3463 2
        (?:^|(?<=[:]\s)|(?<=with\s)|(?<=answered\s)|(?<=HTTP\s)) [2-5]\d\d \b(?!\S*@)
      | (?<![\d.]) [245]\.\d{1,3}\.\d{1,3} \b(?!\.)
      )
    | [^\s<>"',;:()]+ @ [^\s<>"',;:()]+                              # an address
    | \b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b                # a UUID
    | \b(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z\d]{8,}\b               # a queue id, a hash
    | \d+
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
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


def describe(message: InboundMessage, channels: Mapping[str, str]) -> DeadLetter:
    """Read a dead letter, however broken its body is. `channels` maps queue to channel.

    Its id is the message's own, else a short form of its key.
    """
    headers = DeliveryHeaders.parse(message.headers)
    fields = fields_of(message)
    return DeadLetter(
        id=identity_in(fields, message, headers),
        queue=message.queue,
        channel=headers.channel or text_in(fields, "channel") or channels.get(message.queue),
        template=text_in(fields, "template"),
        reason=headers.reason or _broker_reason(message.headers),
        error=headers.error,
        attempt=headers.attempt,
        first_seen=headers.first_seen,
        failed_at=headers.failed_at or _broker_time(message.headers),
    )


def release(message: InboundMessage) -> Release:
    """Send it again: a fresh attempt count, to the recipients it is still to be sent to."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """`error` is the text without what differs from one to the next."""

    reason: FailureReason
    template: str | None
    channel: str | None
    error: str


def cause_of(letter: DeadLetter) -> Cause:
    """The cause that this dead letter shares with others."""
    return Cause(
        reason=letter.reason,
        template=letter.template,
        channel=letter.channel,
        error=general(letter.error or ""),
    )


def general(error: str) -> str:
    """`error` with addresses, ids and numbers as `#`; reply codes of a mail server stay."""
    return _VARIABLE.sub(lambda found: found["kept"] or "#", error)
