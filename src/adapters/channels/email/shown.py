"""A mail as it would be sent: its headers, decoded, and its bytes."""

from dataclasses import replace

from adapters.channels.email.maildir import read_mail
from adapters.channels.email.outgoing_mail import Composer
from adapters.channels.shared.shown import ShownMessage
from domain.content import Content
from domain.notification import Notification


async def show(
    notification: Notification, content: Content, *, sender: str | None, reply_to: str | None
) -> ShownMessage:
    """See Show. Files that a message names by their path are left out."""
    files = tuple(one for one in notification.attachments if one.content is not None)
    notification = replace(notification, attachments=files)
    composer = Composer(sender=sender, reply_to=reply_to)
    mail = composer.compose(notification, content, notification.recipients)
    source = await composer.write(mail, eight_bit=True, utf8=True)
    text = source.decode("utf-8", "replace").replace("\r\n", "\n")
    return ShownMessage(headers=read_mail(source).headers, source=text)
