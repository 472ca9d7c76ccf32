"""A captured message of a chat, as people see it there."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress

from adapters.channels import CHANNELS
from adapters.channels.shared.captured import OPTIONS, parts_in
from adapters.channels.shared.shown import Bubble
from domain.content import Content
from domain.notification import Attachment, JsonValue, Notification, Recipient
from entrypoints.mailbox.captured import Captured
from entrypoints.settings import Settings


async def bubbles_of(message: Captured, settings: Settings) -> Sequence[Bubble]:
    """The bubbles of the message; empty where its channel has none, or would not send it."""
    channel = CHANNELS[message.channel]
    own = [part.name for part in channel.parts.own]
    if channel.show is None or not own:
        return ()
    content = Content(parts=parts_in(message.content.text, own))
    with suppress(Exception):  # whatever is in the file, its page is made
        shown = await channel.show(
            _notification(message), content, settings.channel_settings[message.channel]
        )
        return shown.bubbles
    return ()


def _notification(message: Captured) -> Notification:
    """As much of it as was kept. Raises ValueError."""
    names = filter(None, message.header("Attachments").split(", "))
    options: JsonValue = json.loads(message.header(OPTIONS) or "{}")
    metadata: Mapping[str, JsonValue] = {message.channel: options}
    return Notification(
        id=message.header("Id") or "captured",
        channel=message.channel,
        template=message.header("Template") or "captured",
        to=(Recipient.parse(message.header("To")),),
        attachments=tuple(Attachment(filename=name, content=b"") for name in names),
        metadata=metadata,
    )
