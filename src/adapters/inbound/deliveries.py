"""The deliveries that a message asks for, and what became of them."""

from dataclasses import dataclass, replace

import structlog

from adapters.inbound.contract import InboundMessage
from adapters.message_format.headers import DeliveryHeaders
from adapters.message_format.message import DecodedMessage, content_key
from domain.delivery import Delivery, still_to_send
from domain.dispatcher import Dispatcher
from domain.ledger import Claim
from domain.notification import Notification
from domain.outcome import Outcome

log = structlog.get_logger()

Attempt = tuple[Notification, DeliveryHeaders]
"""One of a message's notifications, and the headers that are about it."""


@dataclass(frozen=True, slots=True)
class Dispatched:
    """What became of one notification; `headers` are those it came with, `claims` those of every
    start on the way."""

    notification: Notification
    headers: DeliveryHeaders
    outcome: Outcome
    claims: tuple[Claim, ...]


def attempts_of(decoded: DecodedMessage, headers: DeliveryHeaders) -> list[Attempt]:
    """The message's notifications in order. The headers are about the first; the others have no
    attempt behind them."""
    first, *others = decoded.notifications
    if not decoded.is_multiple:
        return [(first, headers)]
    fresh = replace(headers, attempt=0, remaining=None)
    return [
        (first, replace(headers, channel=first.channel)),
        *((other, replace(fresh, channel=other.channel)) for other in others),
    ]


def delivery_of(
    message: InboundMessage,
    decoded: DecodedMessage,
    notification: Notification,
    headers: DeliveryHeaders,
    *,
    may_wait: bool = True,
) -> Delivery:
    """This appearance of one of the message's notifications. `may_wait`: see Delivery."""
    return Delivery(
        notification=notification,
        remaining=still_to_send(notification, headers.remaining),
        attempts_made=headers.attempt,
        first_seen=headers.first_seen,
        may_wait=may_wait,
        key=decoded.key,
        fingerprint=_fingerprint(message, decoded),
        has_id=decoded.has_id,
        session=message.session,
        redelivered=message.redelivered,
    )


def after_fault(dispatcher: Dispatcher, delivery: Delivery, error: Exception) -> Outcome:
    """Log a fault of ours, and return the outcome: it must neither lose the message nor loop."""
    log.error("unexpected error while dispatching", id=delivery.notification.id, exc_info=error)
    return dispatcher.after_fault(delivery, error)


def claims_of(outcome: Outcome) -> tuple[Claim, ...]:
    """What the ledger must be given before the ack: the claim of a message without an id."""
    claim = outcome.claim
    return () if claim is None or claim.has_id else (claim,)


def _fingerprint(message: InboundMessage, decoded: DecodedMessage) -> str:
    if not decoded.has_id:
        return decoded.key
    return decoded.plain_key or content_key(message.body)
