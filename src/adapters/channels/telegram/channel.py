"""The channel `telegram`: the Bot API."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapters.channels.channel import Channel, ChannelContext
from adapters.channels.setting import SettingFault, check_secrets, secret
from adapters.secret import Secret
from adapters.setting_values import check_http_url
from adapters.template_parts import ChannelParts, TemplatePart, note_in_markup
from adapters.urls import without_path

if TYPE_CHECKING:
    from faker import Faker

    from adapters.channels.telegram.notifier import TelegramNotifier

# BotFather's form: the bot's id and a secret (https://core.telegram.org/bots/api#authorizing-your-bot).
_TOKEN = re.compile(r"[0-9]+:[A-Za-z0-9_-]+")
_PREFETCH = 400
"""Many wait in hand: at thirty a second, for up to ten seconds each, those for chats that have had
their message of this second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TelegramSettings:
    """What an operator sets for the channel."""

    token: Secret | None = secret()
    api_url: Secret = secret("https://api.telegram.org", shown=without_path)


def _faults(settings: TelegramSettings, *, is_production: bool) -> Iterable[SettingFault]:
    return check_secrets(settings, token=_check_token, api_url=check_http_url)


def _check_token(token: str) -> None:
    if not _TOKEN.fullmatch(token):
        raise ValueError("must be a bot's token, digits:letters, as BotFather gives it")


def _make(settings: TelegramSettings, context: ChannelContext) -> "TelegramNotifier":
    from adapters.channels.telegram.notifier import TelegramNotifier

    token = settings.token
    return TelegramNotifier(
        token=lambda: token.now() if token else "",
        api_url=settings.api_url.value,
        attachments_dir=context.attachments_dir,
        attachments_most=context.attachments_most,
        paces=context.paces,
    )


def _check_address(address: str, _settings: TelegramSettings) -> None:
    from adapters.channels.telegram.notifier import chat_of

    chat_of(address)


def _fake_chat(fake: "Faker", _settings: TelegramSettings) -> int:
    chat: int = fake.random_int(10**8, 10**10)
    return chat


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
    check_address=_check_address,
    number_addresses=True,
    comma_addresses=False,
    example=123456789,
    fake_address=_fake_chat,
    # The parse mode HTML of the Bot API.
    parts=ChannelParts(own=(TemplatePart(name="telegram", with_note=note_in_markup),)),
    carries_files=True,
    carries_subject=False,
)
