"""What Telegram's answers mean.

Their shape: https://core.telegram.org/bots/api#making-requests. The descriptions are not
documented; these are the ones that the Bot API server has (https://github.com/tdlib/telegram-bot-api).
"""

import re
from collections.abc import Collection
from datetime import timedelta

from adapters.channels.shared.http import UNNAMED_WAIT, HttpReply, error_of_status, short_text
from domain.errors import (
    DeliveryError,
    FailureReason,
    Permanent,
    Throttled,
    Transient,
    Unavailable,
)
from domain.notification import JsonValue

# Said of a chat, a person or a topic in answer to a 400; anything else is said of the message.
_ABOUT_THE_RECIPIENT = re.compile(
    r"chat not found|user not found|channel not found|peer_id_invalid|chat_id_invalid"
    r"|deactivated|kicked|blocked|not a member|channel_private|chat_restricted"
    r"|(?:have no|not enough) rights|administrator rights|chat_admin_required"
    r"|chat_write_forbidden|chat_(?:send|guest)_\w*forbidden|can't initiate|user_is_bot"
    r"|thread not found|topic_(?:closed|deleted|id_invalid)|upgraded to a supergroup"
)
_INVALID_RECIPIENT = re.compile(r"chat_id is empty|chat identifier is not specified")
_ADDRESS = re.compile(r"\S*://\S*")  # a link may be as secret as a password


class Moved(Permanent):
    """The group has become another chat, `to`; nothing was sent. The text is for a group that moves
    once more while it is followed."""

    def __init__(self, to: int) -> None:
        text = "telegram: the chat has moved to one that has moved as well"
        super().__init__(text, reason=FailureReason.RECIPIENT_REFUSED)
        self.to = to


class Unreadable(Permanent):
    """Telegram cannot parse the markup; nothing was sent."""


def verdict(reply: HttpReply, secrets: Collection[str]) -> DeliveryError | None:
    """What became of the request: None if it was done. No error holds one of the `secrets`."""
    answer = reply.json()
    if answer.get("ok") is True:
        return None
    code = answer.get("error_code")
    if not isinstance(answer.get("ok"), bool) or not isinstance(code, int):
        text = f"telegram: status {reply.status} in an answer that is not the Bot API's"
        return error_of_status(reply, text)
    description = short_text(_ADDRESS.sub("…", str(answer.get("description") or code)), secrets)
    parameters = answer.get("parameters")
    parameters = parameters if isinstance(parameters, dict) else {}
    new_chat = parameters.get("migrate_to_chat_id")
    if isinstance(new_chat, int):
        return Moved(new_chat)
    if code == 429:
        wait = _wait(parameters.get("retry_after"), reply)
        return Throttled(f"telegram: {description}", retry_after=wait)
    return _error(code, description)


def _error(code: int, description: str) -> DeliveryError:
    text = f"telegram: {description}"
    lower = description.lower()
    if code in {401, 404} or "logged out" in lower:
        return Unavailable(f"{text} (is the bot's token right?)", is_login=True)
    if code == 409:
        return Unavailable(f"{text} (is the bot's token used elsewhere?)")
    if code >= 500:
        return Transient(text, provider_fault=True)
    if code == 403 or _ABOUT_THE_RECIPIENT.search(lower):
        return Permanent(text, reason=FailureReason.RECIPIENT_REFUSED)
    if _INVALID_RECIPIENT.search(lower):
        return Permanent(text, reason=FailureReason.RECIPIENT_INVALID)
    kind = Unreadable if "can't parse" in lower else Permanent
    return kind(text, reason=FailureReason.CONTENT_REFUSED)


def _wait(seconds: JsonValue, reply: HttpReply) -> timedelta:
    if isinstance(seconds, int | float) and 0 < seconds < 10**8:
        return timedelta(seconds=seconds)
    return reply.retry_after or UNNAMED_WAIT
