"""The channel `email`: SMTP relays, or a Maildir."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.channels.channel import Capture, Channel, ChannelContext
from adapters.channels.finding import Finding
from adapters.channels.setting_spec import SettingFault, secret, setting
from adapters.channels.shared.captured import CapturedContent
from adapters.secret import Secret
from adapters.setting_values import parse_count, parse_path
from adapters.template_parts import HTML, ChannelParts
from adapters.urls import redacted
from domain.content import Content
from domain.notification import Notification, Recipient, one_recipient
from domain.pace import Rate
from domain.ports import Notifier
from domain.value_object import value_object

if TYPE_CHECKING:
    from adapters.channels.shared.shown import ShownMessage

_FOLDER = "mail"
_USUAL = re.compile(
    r"(?=.{1,254}\Z)(?=.{1,64}@)[a-z0-9]+(?:[._+-][a-z0-9]+)*@"
    r"(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+[a-z][a-z0-9]*"
)
"""Addresses in the form in which they are compared."""
_PING_TIMEOUT = 55.0  # a relay may be slow to greet: some are on purpose


@value_object(kw_only=True)
class EmailSettings:
    """What an operator sets for the channel."""

    url: Secret | None = secret(shown=redacted, captured=lambda home: f"maildir:{home / _FOLDER}")
    ehlo: str | None = setting()
    oauth2_access_token: Secret | None = secret()
    oauth2_token_url: Secret | None = secret(shown=redacted)
    oauth2_client_id: str | None = setting()
    oauth2_client_secret: Secret | None = secret()
    oauth2_scope: str | None = setting()
    oauth2_refresh_token: Secret | None = secret()
    sender: str | None = setting(name="from")
    reply_to: str | None = setting()
    pool: int = setting(10, parse=parse_count)
    rate: Rate | None = setting(parse=Rate.parse)
    ca_file: Path | None = setting(parse=parse_path)


def _faults(settings: EmailSettings, *, is_production: bool) -> Iterable[SettingFault]:
    from adapters.channels.email.setting_faults import setting_faults

    return setting_faults(settings, is_production=is_production)


def _make(settings: EmailSettings, context: ChannelContext) -> Notifier:
    from adapters.channels.email.relays import email_notifier

    return email_notifier(settings, context)


def _keep(settings: EmailSettings, context: ChannelContext) -> Notifier:
    from adapters.channels.email.relays import maildir_notifier

    return maildir_notifier(context.home / _FOLDER, settings, context)


async def _ping(settings: EmailSettings, context: ChannelContext) -> list[Finding]:
    from adapters.channels.email.relays import ping

    return await ping(settings, context, context.home / _FOLDER)


def _recipient(text: str) -> Recipient:
    recipient = one_recipient(text)
    _check_address(recipient.address)
    return recipient


def _check_address(address: str, _settings: EmailSettings | None = None) -> None:
    from adapters.channels.email.headers import parse_address

    parse_address(address)


def _canonical(address: str) -> str:
    """Without regard to capital letters: servers that distinguish them before the @ are rare, and a
    person who wants no mail must get none."""
    if _USUAL.fullmatch(address):  # seen at one glance: a list may have many
        return address
    from adapters.channels.email.headers import parse_address

    # Twice: what small letters are made of may compose (NFC), or be too long.
    return parse_address(parse_address(address).wire.lower()).wire.lower()


def _read(source: bytes) -> CapturedContent:
    from adapters.channels.email.maildir import read_mail

    return read_mail(source)


async def _show(
    notification: Notification, content: Content, settings: EmailSettings
) -> "ShownMessage":
    from adapters.channels.email.shown import show

    return await show(notification, content, sender=settings.sender, reply_to=settings.reply_to)


def _own_folder(settings: EmailSettings) -> Path | None:
    from adapters.channels.email.url import parse_email_urls

    if settings.url is None or not settings.url.value.lower().startswith("maildir:"):
        return None
    place = parse_email_urls(settings.url.value)
    return place if isinstance(place, Path) else None


CHANNEL = Channel(
    name="email",
    title="Email",
    settings=EmailSettings,
    outlets=("url",),
    outlet_forms="smtp://host:port, smtp+starttls://, smtps://, or maildir:/path",
    sender="sender",
    make=_make,
    repeats_blips=False,
    capture=Capture(
        folder=_FOLDER,
        subfolders=("new", "cur"),
        notifier=_keep,
        read=_read,
        elsewhere=_own_folder,
        checks_addresses=True,
    ),
    has_queue=True,
    has_relays=True,
    prefetch=lambda settings: 8 * settings.pool,
    faults=_faults,
    ping=_ping,
    ping_timeout=_PING_TIMEOUT,
    proxy_library=lambda settings: "socksio" if settings.oauth2_token_url else None,
    recipient=_recipient,
    check_address=_check_address,
    canonical=_canonical,
    parts=ChannelParts(own=(HTML,), always_text=True, needs_subject=True, has_headers=True),
    show=_show,
    carries_copies=True,
    carries_files=True,
)
