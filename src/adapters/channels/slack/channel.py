"""The channel `slack`: the Web API, or an incoming webhook."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from adapters.channels.channel import Channel, ChannelContext
from adapters.channels.setting_spec import SettingFault, check_secrets, secret
from adapters.channels.slack.parts import PARTS
from adapters.channels.slack.people import is_email, is_id
from adapters.secret import Secret, checked, now
from adapters.setting_values import check_http_url
from adapters.urls import without_path
from domain.content import Content
from domain.notification import Notification
from domain.ports import Notifier
from domain.value_object import value_object

if TYPE_CHECKING:
    from adapters.channels.shared.shown import ShownMessage

_TOKEN = re.compile(r"[!-~]+")  # what a header can hold


@value_object(kw_only=True)
class SlackSettings:
    """What an operator sets for the channel."""

    token: Secret | None = secret()
    webhook_url: Secret | None = secret()
    api_url: Secret = secret("https://slack.com/api/", shown=without_path)


def _faults(settings: SlackSettings, *, is_production: bool) -> Iterable[SettingFault]:
    return check_secrets(
        settings, token=_check_token, webhook_url=check_http_url, api_url=check_http_url
    )


def _check_token(token: str) -> None:
    if not _TOKEN.fullmatch(token):
        raise ValueError("must be a token: no blanks, and ASCII only")


def _make(settings: SlackSettings, context: ChannelContext) -> Notifier:
    from adapters.channels.slack.notifier import SlackNotifier

    token = checked(settings.token, _check_token)
    webhook_url = checked(settings.webhook_url, check_http_url)
    return SlackNotifier(
        token=lambda: now(token),
        webhook_url=lambda: now(webhook_url),
        api_url=settings.api_url.checked(check_http_url).now,
        events=context.events,
        paces=context.paces,
    )


def _check_address(address: str, settings: SlackSettings) -> None:
    if settings.token is not None or settings.webhook_url is None:
        is_email(address)  # for an incoming webhook it is but a label


def _canonical(address: str) -> str:
    is_email(address)  # raises where it is no address
    return address if is_id(address) else address.lower()


async def _show(
    notification: Notification, content: Content, settings: SlackSettings
) -> "ShownMessage":
    from adapters.channels.slack.shown import show

    return await show(notification, content, settings)


CHANNEL = Channel(
    name="slack",
    title="Slack",
    settings=SlackSettings,
    outlets=("token", "webhook_url"),
    make=_make,
    has_queue=True,
    reads_metadata=True,
    faults=_faults,
    proxy_library=lambda settings: "socksio" if settings.token or settings.webhook_url else None,
    check_address=_check_address,
    canonical=_canonical,
    comma_addresses=False,
    example="#orders",
    fake_address=lambda fake, _settings: f"#{fake.word()}-{fake.random_int(100, 999)}",
    parts=PARTS,
    show=_show,
    carries_subject=False,
)
