"""A dead letter as a new message. Its new id is what lets it pass the ledger, which knows the old
one: with another body it would be a conflict there, with the same one already sent."""

import json
import re
from collections.abc import Mapping

from adapters.inbound.contract import InboundMessage, Release
from adapters.inbound.identity import identity
from adapters.message_format.body import in_plain, loads_object, plain_body
from adapters.message_format.headers import DeliveryHeaders
from adapters.message_format.message import decode
from adapters.message_format.properties import NO_PROPERTIES, Properties
from adapters.message_format.rules import MAX_BODY, MessageRules
from domain.errors import MalformedMessage
from domain.notification import JsonValue, Notification, Recipient

_NUMBERED = re.compile(r"(?P<base>.+)~(?P<number>[0-9]{1,9})", re.DOTALL)


def next_id(old: str) -> str:
    """`order-1` becomes `order-1~1`, and that `order-1~2`."""
    if match := _NUMBERED.fullmatch(old):
        return f"{match['base']}~{int(match['number']) + 1}"
    return f"{old}~1"


def again(message: InboundMessage, *, max_body: int = MAX_BODY) -> Release:
    """Send it to all recipients, also to those who have it. Raises MalformedMessage for a body
    that cannot be read: no recipient has that one."""
    fields = loads_object(plain_body(message.body, message.properties, max_body))
    body = _dumps({**fields, "id": _new_id(fields, message)})
    headers = DeliveryHeaders.parse(message.headers)
    fresh = DeliveryHeaders(
        first_seen=headers.first_seen,
        queue=headers.queue,
        channel=headers.channel,
        traceparent=headers.traceparent,
    )
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
    """Send `text` in place of the letter's body, under a new id unless it brings one. `mark` goes
    into the new id, so that several dead letters of one id get different ones.

    Recipients that have the message already do not get it; an address that the old body did not
    have gets it. `delay` and the template's expiry begin again. Raises MalformedMessage with
    every fault.
    """
    fields = loads_object(text)
    headers = DeliveryHeaders.parse(message.headers)
    if fields.get("id") in (None, "", identity(message), headers.key):
        fields = {**fields, "id": _new_id(fields, message, mark)}
    body = _dumps(fields)
    decoded = decode(body, channel=channel, rules=rules)
    about = decoded.about(headers.channel)
    if decoded.is_multiple and about.notifications[0].channel != headers.channel:
        raise MalformedMessage(
            [f"channels: this dead letter is about {headers.channel!r}; keep it"]
        )
    fresh = DeliveryHeaders(
        queue=headers.queue,
        remaining=_still_to_send(message, headers, about.notifications[0], channel, rules),
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
    remaining = headers.remaining
    if remaining is None:
        return None
    try:
        before = decode(message.body, channel=channel, properties=message.properties, rules=rules)
    except MalformedMessage:
        return None
    asked_for = before.about(headers.channel).notifications[0].recipients
    served = {r.address for r in asked_for} - {r.address for r in remaining}
    left = tuple(r for r in notification.recipients if r.address not in served)
    if not left:
        raise MalformedMessage(
            ["to: all recipients named have the mail already; name a recipient without it"]
        )
    return left


def _dumps(fields: Mapping[str, JsonValue], indent: int | None = None) -> bytes:
    return json.dumps(fields, ensure_ascii=False, allow_nan=False, indent=indent).encode()
