"""What the notifiers share that send each recipient a message of their own."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from domain.content import Content
from domain.errors import FailureReason, Permanent
from domain.notification import Notification, Recipient
from domain.ports import AboutToSend, Answers, proceed


class OneByOneNotifier(ABC):
    """A `Notifier` that is called with one recipient at a time, and fails in one way: it raises."""

    one_by_one = True

    @abstractmethod
    async def send(
        self,
        notification: Notification,
        content: Content,
        recipient: Recipient,
        about_to_send: AboutToSend,
    ) -> None:
        """Send the message; return once the provider has accepted it for good. Raises
        DeliveryError, and nothing else but what `about_to_send` raises; see `Notifier.notify`."""

    @abstractmethod
    async def refuse(
        self, notification: Notification, content: Content, recipient: Recipient
    ) -> None:
        """Raise what `send` would raise without asking the provider."""

    async def notify(
        self,
        notification: Notification,
        content: Content,
        recipients: Sequence[Recipient],
        about_to_send: AboutToSend = proceed,
    ) -> Answers:
        (recipient,) = recipients
        await self.send(notification, content, recipient, about_to_send)
        return {recipient: None}

    async def check(
        self, notification: Notification, content: Content, recipients: Sequence[Recipient]
    ) -> Answers:
        (recipient,) = recipients
        await self.refuse(notification, content, recipient)
        return {recipient: None}

    @abstractmethod
    async def close(self) -> None:
        """See `Notifier.close`."""


def refuse_files(notification: Notification, carrier: str) -> None:
    """Raise Permanent where the notification has files, which this carrier cannot carry."""
    if notification.attachments:
        raise Permanent(
            f"attachments: {carrier} cannot carry files; put a link into the text",
            reason=FailureReason.CONTENT_REFUSED,
        )
