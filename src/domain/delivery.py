"""One notification on one channel, as it stands when an attempt begins."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from domain.notification import Notification, Recipient
from domain.value_object import value_object


@value_object(kw_only=True)
class Delivery:
    """What a message that has come asks for on one channel, and how far that has got.

    `remaining`: the recipients still to be sent to (see `still_to_send`). `attempts_made` counts
    the attempts before this one. `in_doubt`: whether one of those attempts may have reached a
    recipient that remains. `may_wait`: whether it may wait in this process while its channel
    is paused. A delivery from another channel's queue may not: it would hold up that channel too. A
    delivery whose message goes to other channels as well may not either: what those channels could
    not send would not be stored until it ended.

    By the rest the ledger recognises the delivery. `key` is the producer's id, or the content's
    hash where `has_id` is false: then equal messages are each to be sent, and only a redelivered
    one is the same message again. `fingerprint` is the body's hash. `session` names the broker
    channel that delivered the message, unique across processes.
    """

    notification: Notification
    remaining: tuple[Recipient, ...]
    attempts_made: int = 0
    in_doubt: bool = False
    first_seen: datetime | None = None
    may_wait: bool = True
    key: str
    fingerprint: str
    has_id: bool
    session: str = ""
    redelivered: bool = False

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses of `remaining`, by which the ledger knows them."""
        return tuple([recipient.address for recipient in self.remaining])

    @property
    def may_have_arrived(self) -> bool:
        """Whether an earlier attempt has sent it to a recipient, or may have."""
        return self.in_doubt or len(self.remaining) < len(self.notification.recipients)


def still_to_send(notification: Notification, named: Iterable[Recipient]) -> tuple[Recipient, ...]:
    """Return the notification's own recipients that are `named`, each with how far its last
    attempt came; all its recipients where not one of them is named."""
    recipients = notification.recipients
    resume = {recipient.address: recipient.resume for recipient in named}
    found = [r for r in recipients if r.address in resume]
    return tuple([resumed(r, resume[r.address]) for r in found]) or recipients


def resumed(recipient: Recipient, resume: str | None) -> Recipient:
    """The recipient with how far its last attempt came."""
    if resume is None or resume == recipient.resume:
        return recipient
    return replace(recipient, resume=resume)
