"""bytes -> Notification: the wire format, checked in full before anything is done with it."""

import hashlib
import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import field, replace
from datetime import datetime, timedelta
from itertools import chain
from typing import NamedTuple

from adapters.message_format.body import loads_object, plain_body
from adapters.message_format.fields import hints, probably_meant
from adapters.message_format.headers import MAX_REMAINING, DeliveryHeaders, remaining_to_wire
from adapters.message_format.rules import NO_PROPERTIES, MessageRules, Properties, Reading
from adapters.message_format.schema import MESSAGE, WireMessage
from adapters.records import IS_REQUIRED, Faults
from domain.delivery import Delivery, still_to_send
from domain.errors import MalformedMessage
from domain.notification import InvalidNotification, JsonValue, Notification
from domain.value_object import value_object

_MAX_RECIPIENTS = 500
_SHORT_KEY = 16
_MOST_BYTES = 6  # of a character in the header of recipients: a control character's escape
_BYTES_AROUND = 12  # quotes, angle brackets and commas for each recipient


class Attempt(NamedTuple):
    """One of a message's deliveries, and the headers that are about it."""

    delivery: Delivery
    headers: DeliveryHeaders


@value_object(kw_only=True)
class DecodedMessage:
    """One notification for each channel, with what concerns only their transport.

    `is_multiple`: the message names several channels, so each copy of it says which it is about.
    `is_fallback`: they are to be tried in this order, until one gets through.
    `key` names the message in ledger and headers: the producer's id, else (and then `has_id` is
    false) the content's hash. `fingerprint` is the hash of the body in plain, since the same text
    may be compressed to other bytes the next time. `delay` counts from `first_seen`.
    `unknown_fields` were accepted and ignored; `meant` has what one of them was probably meant as.
    """

    notifications: tuple[Notification, ...]
    is_multiple: bool = False
    is_fallback: bool = False
    key: str
    has_id: bool
    fingerprint: str
    delay: timedelta | None = None
    unknown_fields: tuple[str, ...] = ()
    meant: Mapping[str, str] = field(default_factory=dict)

    def about(self, channel: str | None) -> "DecodedMessage":
        """What a copy that names `channel` is about: that channel, and in a fallback those after
        it. All where it names none of ours."""
        names = [notification.channel for notification in self.notifications]
        if not self.is_multiple or channel not in names:
            return self
        first = names.index(channel)
        last = len(names) if self.is_fallback else first + 1
        return replace(self, notifications=self.notifications[first:last])

    def attempts(
        self,
        headers: DeliveryHeaders,
        *,
        session: str,
        redelivered: bool,
        own_channel: str | None = None,
    ) -> list[Attempt]:
        """This appearance of the notifications, in order. The headers are about the first; the
        others have no attempt behind them. `own_channel`: that of the message's queue."""
        first, *others = self.notifications
        about = [(first, headers)]
        if self.is_multiple:
            fresh = replace(headers, attempt=0, in_doubt=False, remaining=None)
            about = [(first, replace(headers, channel=first.channel))]
            about += [(other, replace(fresh, channel=other.channel)) for other in others]
        is_alone = self.is_fallback or not others
        return [
            Attempt(
                Delivery(
                    notification=notification,
                    remaining=notification.recipients
                    if its.remaining is None
                    else still_to_send(notification, its.remaining),
                    attempts_made=its.attempt,
                    in_doubt=its.in_doubt,
                    first_seen=its.first_seen,
                    may_wait=is_alone and notification.channel == own_channel,
                    key=self.key,
                    fingerprint=self.fingerprint,
                    has_id=self.has_id,
                    session=session,
                    redelivered=redelivered,
                ),
                its,
            )
            for notification, its in about
        ]

    def due_time(self, first_seen: datetime) -> datetime | None:
        """When the producer wants it sent: `send_at`, else `delay` after `first_seen`."""
        after = first_seen + self.delay if self.delay is not None else None
        return self.notifications[0].send_at or after

    def waited(
        self, properties: Properties, first_seen: datetime | None, now: datetime
    ) -> float | None:
        """See `NotificationDispatched`."""
        since = properties.published(now.timestamp())
        if since is None or first_seen is None:
            return None
        due = self.due_time(first_seen)
        return max(0.0, now.timestamp() - (max(since, due.timestamp()) if due else since))


def decode(
    body: bytes,
    *,
    channel: str,
    rules: MessageRules,
    properties: Properties = NO_PROPERTIES,
    seed: str | None = "",
) -> DecodedMessage:
    """Decode and check a message. `channel`: its queue's, where the message names none; `rules`:
    what is a fault. `properties`: how to read the body, and what stands for an absent field.
    `seed` distinguishes a message without an id from equal ones; None: it gets one. Raises
    MalformedMessage with every fault found, each beginning with the field's name."""
    if len(body) > rules.max_body:
        raise MalformedMessage(
            [f"body: {len(body)} bytes, more than DISPATCHER_MAX_BODY allows ({rules.max_body})"]
        )
    plain = plain_body(body, properties, rules.max_body)
    fields = loads_object(plain)
    wire = _read(fields, channel, rules, properties.priority)
    given_id = wire.id or properties.message_id
    key = given_id or content_key(body)
    name = given_id or key[:_SHORT_KEY]
    own_seed = "" if given_id else secrets.token_hex(8) if seed is None else seed
    try:
        notifications = tuple([_notification(wire, name, own_seed, one, rules) for one in wire.to])
    except InvalidNotification as error:
        raise MalformedMessage([str(error)]) from None
    unknown = _unknown(fields)
    return DecodedMessage(
        notifications=notifications,
        is_multiple=bool(wire.channels or wire.fallback),
        is_fallback=bool(wire.fallback),
        key=key,
        has_id=bool(given_id),
        fingerprint=content_key(plain) if given_id else key,
        delay=wire.delay,
        unknown_fields=unknown,
        meant=_meant(fields) if unknown else {},
    )


def content_key(body: bytes) -> str:
    """The key of a message that has no id: the hash of its bytes, so a copy is recognised."""
    return hashlib.sha256(body).hexdigest()


def _read(
    fields: Mapping[str, JsonValue], channel: str, rules: MessageRules, priority: int | None
) -> WireMessage:
    reading = Reading(channel, rules, so_far={})
    try:
        wire = MESSAGE.read(fields, reading.so_far, reading)
    except Faults as error:
        texts = [f"{place}: {text}" for place, text in error.found]
        if any(text == IS_REQUIRED for _, text in error.found):
            texts += hints(_meant(fields))
        raise MalformedMessage(texts) from None
    _check_whole(wire, rules)
    if wire.priority is None and priority:  # 0 is what many clients set unasked
        wire = replace(wire, priority=priority)
    return wire


def _unknown(fields: Mapping[str, JsonValue]) -> tuple[str, ...]:
    strangers = fields.keys() - MESSAGE.names
    return tuple(sorted([name for name in strangers if fields[name] is not None]))


def _meant(fields: Mapping[str, JsonValue]) -> Mapping[str, str]:
    return probably_meant(_unknown(fields), MESSAGE.names - fields.keys())


def _check_whole(wire: WireMessage, rules: MessageRules) -> None:
    ids = [a.content_id for a in wire.attachments if a.content_id is not None]
    if len(set(ids)) < len(ids):
        [(twice, _)] = Counter(ids).most_common(1)
        raise MalformedMessage([f"attachments: the content_id {twice!r} is used twice"])
    everyone = (*chain.from_iterable(wire.to.values()), *wire.cc, *wire.bcc)
    is_multiple = wire.channels or wire.fallback
    if is_multiple and (wire.cc or wire.bcc) and rules.with_copies.isdisjoint(wire.to):
        carrier = ", ".join(sorted(rules.with_copies))
        raise MalformedMessage([f"cc: is for {carrier}, which is not among the channels"])
    if len(everyone) > _MAX_RECIPIENTS:
        raise MalformedMessage(
            [f"to: {len(everyone)} recipients in to, cc and bcc; at most {_MAX_RECIPIENTS}"]
        )
    texts = len("".join([r.address + r.name for r in everyone]))
    if texts * _MOST_BYTES + len(everyone) * _BYTES_AROUND > MAX_REMAINING:
        size = len(remaining_to_wire(everyone).encode())
        if size <= MAX_REMAINING:
            return
        raise MalformedMessage(
            [f"to: {size} bytes of addresses in to, cc and bcc; at most {MAX_REMAINING}"]
        )


def _notification(
    wire: WireMessage, notification_id: str, seed: str, channel: str, rules: MessageRules
) -> Notification:
    is_only_one = not (wire.channels or wire.fallback)
    has_copies = is_only_one or channel in rules.with_copies
    has_files = is_only_one or channel in rules.with_files
    return Notification(
        id=notification_id,
        seed=seed,
        channel=channel,
        template=wire.template,
        to=wire.to[channel],
        cc=wire.cc if has_copies else (),
        bcc=wire.bcc if has_copies else (),
        parameters=wire.parameters,
        sender=wire.sender,
        envelope_from=wire.envelope_from,
        reply_to=wire.reply_to,
        subject=wire.subject or None,
        individually=wire.individually,
        locale=wire.locale or None,
        timezone=wire.timezone or None,
        send_at=wire.send_at,
        expires_at=wire.expires_at,
        priority=wire.priority,
        attachments=tuple([a.to_domain() for a in wire.attachments]) if has_files else (),
        headers=tuple(wire.headers.items()),
        metadata=wire.metadata,
    )
