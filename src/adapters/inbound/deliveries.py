"""What dispatcher and ledger need to know of one appearance of a message."""

from adapters.inbound.contract import InboundMessage
from adapters.message_format.headers import DeliveryHeaders
from adapters.message_format.message import DecodedMessage, content_key
from domain.dispatcher import Progress
from domain.ledger import Sight
from domain.notification import Notification


def progress_of(headers: DeliveryHeaders, *, may_hold: bool = True) -> Progress:
    """How far the delivery has come, as its headers say."""
    return Progress(
        attempts_made=headers.attempt,
        remaining=headers.remaining,
        first_seen=headers.first_seen,
        may_hold=may_hold,
    )


def sight_of(
    message: InboundMessage,
    decoded: DecodedMessage,
    notification: Notification,
    headers: DeliveryHeaders,
) -> Sight:
    """The appearance of one of the message's notifications."""
    return Sight(
        channel=notification.channel,
        key=decoded.key,
        fingerprint=_fingerprint(message, decoded),
        has_id=decoded.has_id,
        session=message.session,
        redelivered=message.redelivered,
        recipients=tuple(r.address for r in progress_of(headers).owed(notification)),
    )


def _fingerprint(message: InboundMessage, decoded: DecodedMessage) -> str:
    if not decoded.has_id:
        return decoded.key
    return decoded.plain_key or content_key(message.body)
