"""The channel `telegram`: the Bot API."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from adapters.channels.channel import Channel, ChannelContext
from adapters.channels.setting_spec import SettingFault, check_secrets, secret
from adapters.secret import Secret, checked, now
from adapters.setting_values import check_http_url
from adapters.template_parts import ChannelParts, TemplatePart, note_in_markup
from adapters.urls import without_path
from domain.content import Content
from domain.errors import FailureReason, Permanent
from domain.notification import Notification
from domain.ports import Notifier
from domain.value_object import value_object

if TYPE_CHECKING:
    from adapters.channels.shared.shown import ShownMessage

# BotFather's form: the bot's id and a secret (https://core.telegram.org/bots/api#authorizing-your-bot).
_TOKEN = re.compile(r"[0-9]+:[A-Za-z0-9_-]+")
# Ids have up to 52 significant bits (https://core.telegram.org/bots/api#chat).
_ID = re.compile(r"-?[1-9][0-9]{0,15}")
_NAME = re.compile(r"@[A-Za-z][A-Za-z0-9_]{3,31}")
# Many wait in hand: at thirty a second, for up to ten seconds each, those for chats that have had
# their message of this second.
_PREFETCH = 400

Chat = int | str
"""A chat's id, or its public @name."""


@value_object(kw_only=True)
class TelegramSettings:
    """What an operator sets for the channel."""

    token: Secret | None = secret()
    api_url: Secret = secret("https://api.telegram.org", shown=without_path)


def _faults(settings: TelegramSettings, *, is_production: bool) -> Iterable[SettingFault]:
    return check_secrets(settings, token=_check_token, api_url=check_http_url)


def _check_token(token: str) -> None:
    if not _TOKEN.fullmatch(token):
        raise ValueError("must be a bot's token, digits:letters, as BotFather gives it")


def _make(settings: TelegramSettings, context: ChannelContext) -> Notifier:
    from adapters.channels.telegram.notifier import TelegramNotifier

    token = checked(settings.token, _check_token)
    return TelegramNotifier(
        token=lambda: now(token) or "",
        api_url=settings.api_url.checked(check_http_url).now,
        attachments_dir=context.attachments_dir,
        attachments_most=context.attachments_most,
        paces=context.paces,
        events=context.events,
    )


async def _show(
    notification: Notification, content: Content, settings: TelegramSettings
) -> "ShownMessage":
    from adapters.channels.telegram.shown import show

    return await show(notification, content, settings)


def chat_of(address: str) -> Chat:
    """A chat's id or public @name. Raises Permanent if it is neither."""
    if _ID.fullmatch(address):
        return int(address)
    if _NAME.fullmatch(address):
        return address
    raise Permanent(
        "telegram: the recipient is neither a chat id nor a public @name",
        reason=FailureReason.RECIPIENT_INVALID,
    )


CHANNEL = Channel(
    name="telegram",
    title="Telegram",
    settings=TelegramSettings,
    outlets=("token",),
    make=_make,
    has_queue=True,
    prefetch=lambda _settings: _PREFETCH,
    reads_metadata=True,
    faults=_faults,
    proxy_library=lambda settings: "socksio" if settings.token else None,
    check_address=lambda address, _settings: chat_of(address),
    canonical=lambda address: str(chat_of(address)).lower(),
    number_addresses=True,
    comma_addresses=False,
    example=123456789,
    fake_address=lambda fake, _settings: fake.random_int(10**8, 10**10),
    # The parse mode HTML of the Bot API.
    parts=ChannelParts(own=(TemplatePart(name="telegram", with_note=note_in_markup),)),
    show=_show,
    carries_files=True,
    carries_subject=False,
)
