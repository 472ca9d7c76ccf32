"""A dead letter: its message, why it is dead, and how it is released, unchanged or as a new
message.

A new id lets a new message pass the ledger, which knows the old one: with another body it would be
a conflict there, with the same one already sent."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from adapters.inbound.contract import InboundMessage, Release
from adapters.inbound.identity import fields_of, identity, identity_in, text_in
from adapters.message_format.body import in_plain, loads_object, plain_body
from adapters.message_format.headers import DeliveryHeaders
from adapters.message_format.message import decode
from adapters.message_format.rules import MAX_BODY, NO_PROPERTIES, MessageRules, Properties
from domain.errors import FailureReason, MalformedMessage
from domain.notification import JsonValue, Notification, Recipient
from domain.value_object import value_object

_NUMBER = re.compile(r"(?<=.)(?:~(?P<number>[0-9]{1,9}))?\Z", re.DOTALL)
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


@value_object(kw_only=True)
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
    deaths = message.headers.get("x-death")  # newest first: https://www.rabbitmq.com/docs/dlx
    newest = deaths[0] if isinstance(deaths, Sequence) and deaths else None
    death = newest if isinstance(newest, Mapping) else {}
    died = death.get("time")
    expired = death.get("reason") == "expired"  # else it was handed out too often
    return DeadLetter(
        id=identity_in(fields, message, headers),
        queue=message.queue,
        channel=headers.channel or text_in(fields, "channel") or channels.get(message.queue),
        template=text_in(fields, "template"),
        reason=headers.reason or (FailureReason.EXPIRED if expired else FailureReason.POISON),
        error=headers.error,
        attempt=headers.attempt,
        first_seen=headers.first_seen,
        # pika gives the timestamp, which is in UTC, without saying so.
        failed_at=headers.failed_at
        or (died.replace(tzinfo=UTC) if isinstance(died, datetime) else None),
    )


def release(message: InboundMessage, *, in_doubt: bool = False) -> Release:
    """Send it again: a fresh attempt count, to the recipients it is still to be sent to.
    `in_doubt`: whether it may have arrived; a person who sends it again has found out."""
    headers = DeliveryHeaders.parse(message.headers)
    fresh = replace(headers, attempt=0, in_doubt=in_doubt, reason=None, error=None)
    return Release(headers=replace(fresh, failed_at=None, due=None).to_wire())


Cause = tuple[FailureReason, str | None, str | None, str]
"""Reason, template, channel, and the error without what differs from one to the next."""


def cause_of(letter: DeadLetter) -> Cause:
    """The cause that this dead letter shares with others."""
    return letter.reason, letter.template, letter.channel, general(letter.error or "")


def general(error: str) -> str:
    """`error` with addresses, ids and numbers as `#`; reply codes of a mail server stay."""
    return _VARIABLE.sub(lambda found: found["kept"] or "#", error)


def next_id(old: str) -> str:
    """`order-1` becomes `order-1~1`, and that `order-1~2`."""
    return _NUMBER.sub(lambda found: f"~{int(found['number'] or 0) + 1}", old, count=1)


def again(message: InboundMessage, *, max_body: int = MAX_BODY) -> Release:
    """Send it to all recipients, also to those who have it. A body that cannot be read goes as it
    is: no recipient has that one."""
    try:
        fields = loads_object(plain_body(message.body, message.properties, max_body))
    except MalformedMessage:
        return release(message)
    old = DeliveryHeaders.parse(message.headers)
    fresh = DeliveryHeaders(
        first_seen=old.first_seen, queue=old.queue, channel=old.channel, traceparent=old.traceparent
    )
    body = _dumps({**fields, "id": _new_id(fields, message)})
    return Release(headers=fresh.to_wire(), body=body, properties=in_plain(message.properties))


def editable(
    body: bytes, properties: Properties = NO_PROPERTIES, *, max_body: int = MAX_BODY
) -> bytes:
    """The body as a person edits it: in plain UTF-8 where it can be, indented where it is JSON."""
    try:
        body = plain_body(body, properties, max_body)
        return _dumps(loads_object(body), indent=2) + b"\n"
    except MalformedMessage:
        return body


def edited(
    message: InboundMessage,
    text: bytes,
    *,
    channel: str,
    rules: MessageRules,
    mark: str = "",
) -> Release:
    """Send `text` in place of the dead letter's body, under a new id unless it brings one. `mark`
    goes into the new id, so that several dead letters of one id get different ones.

    Recipients that have the message already do not get it; an address that the old body did not
    have gets it. `delay` and the template's expiry begin again. Raises MalformedMessage with
    every fault.
    """
    fields = loads_object(text)
    headers = DeliveryHeaders.parse(message.headers)
    if fields.get("id") in (None, "", identity(message), headers.key):
        fields = {**fields, "id": _new_id(fields, message, mark)}
    body = _dumps(fields)
    decoded = decode(body, channel=channel, rules=rules).about(headers.channel)
    notification = decoded.notifications[0]
    if decoded.is_multiple and notification.channel != headers.channel:
        raise MalformedMessage(
            [f"channels: this dead letter is about {headers.channel!r}; keep it"]
        )
    fresh = DeliveryHeaders(
        queue=headers.queue,
        remaining=_still_to_send(message, headers, notification, channel, rules),
        channel=headers.channel,
        traceparent=headers.traceparent,
    )
    return Release(headers=fresh.to_wire(), body=body, properties=in_plain(message.properties))


def _new_id(fields: Mapping[str, JsonValue], message: InboundMessage, mark: str = "") -> str:
    own = fields.get("id")
    return next_id((own if isinstance(own, str) and own else identity(message)) + mark)


def _still_to_send(
    message: InboundMessage,
    headers: DeliveryHeaders,
    notification: Notification,
    channel: str,
    rules: MessageRules,
) -> tuple[Recipient, ...] | None:
    if headers.remaining is None:
        return None
    try:
        before = decode(message.body, channel=channel, properties=message.properties, rules=rules)
    except MalformedMessage:
        return None
    asked_for = before.about(headers.channel).notifications[0].recipients
    served = {r.address for r in asked_for} - {r.address for r in headers.remaining}
    left = tuple(r for r in notification.recipients if r.address not in served)
    if not left:
        raise MalformedMessage(
            ["to: all recipients named have the mail already; name a recipient without it"]
        )
    return left


def _dumps(fields: Mapping[str, JsonValue], indent: int | None = None) -> bytes:
    return json.dumps(fields, ensure_ascii=False, allow_nan=False, indent=indent).encode()
