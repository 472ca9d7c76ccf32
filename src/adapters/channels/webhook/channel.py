"""The channel `webhook`: signed JSON to the URL that a message names."""

from adapters.channels.channel import Channel, ChannelContext
from adapters.channels.setting_spec import secret, setting
from adapters.secret import Secret, checked, now
from adapters.setting_values import parse_switch
from domain.ports import Notifier
from domain.value_object import value_object


@value_object(kw_only=True)
class WebhookSettings:
    """What an operator sets for the channel."""

    secret: Secret | None = secret()
    allow_private: bool = setting(default=False, parse=parse_switch)


def _make(settings: WebhookSettings, context: ChannelContext) -> Notifier:
    from adapters.channels.webhook.notifier import WebhookNotifier
    from adapters.channels.webhook.signature import signing_key

    secret = checked(settings.secret, signing_key)
    return WebhookNotifier(
        secret=lambda: now(secret) or "",
        allow_private=settings.allow_private,
        wishes=context.wishes,
    )


def _check_address(address: str, _settings: WebhookSettings) -> None:
    from adapters.channels.webhook.url import url_of

    url_of(address)


def _canonical(address: str) -> str:
    from adapters.channels.webhook.url import canonical_url

    return canonical_url(address)


CHANNEL = Channel(
    name="webhook",
    title="Webhooks",
    settings=WebhookSettings,
    outlets=("secret",),
    make=_make,
    check_address=_check_address,
    canonical=_canonical,
    has_secret_addresses=True,
    fake_address=lambda fake, _settings: f"https://example.com/hooks/{fake.uuid4()}",
)
