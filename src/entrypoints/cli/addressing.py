"""Whether the worker's channels would take the addresses of a message."""

from collections.abc import Callable

from adapters.channels.email.addresses import InvalidAddress, parse_address
from domain.errors import Permanent
from domain.notification import Notification
from entrypoints.settings import Settings


def address_fault(notification: Notification, settings: Settings) -> str | None:
    """The first address that its channel would refuse, and why. None where all are well, or where
    the channel is captured and takes anything."""
    check = _check_of(notification.channel, settings)
    if check is None:
        return None
    for recipient in notification.recipients:
        try:
            check(recipient.address)
        except (InvalidAddress, Permanent) as error:
            return str(error)
    return None


def _check_of(channel: str, settings: Settings) -> Callable[[str], object] | None:
    if channel == "email":
        return parse_address
    if channel == "telegram" and settings.telegram_token is not None:
        from adapters.channels.telegram.delivery import chat_of

        return chat_of
    if channel == "slack" and settings.slack_token is not None:
        from adapters.channels.slack.people import is_email

        return is_email
    if channel == "webhook" and settings.webhook_secret is not None:
        from adapters.channels.webhook.url import url_of

        return url_of
    return None
