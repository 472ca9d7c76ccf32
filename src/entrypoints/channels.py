"""How each channel's notifier is made from the settings; the container names them."""

from domain.pace import PaceStore
from domain.ports import EventSink, Notifier
from entrypoints.settings import Settings, SettingsInvalid
from entrypoints.settings.sources import variable


def telegram_notifier(settings: Settings, paces: PaceStore) -> Notifier:
    """Over the Bot API, or captured where there is no token."""
    if settings.telegram_token is None:
        return _captured(settings, "telegram")
    from adapters.channels.shared.blips import BlipTolerantNotifier
    from adapters.channels.telegram import TelegramNotifier

    return BlipTolerantNotifier(
        TelegramNotifier(
            token=lambda: settings.secret_now("telegram_token") or "",
            api_url=settings.telegram_api_url.get_secret_value(),
            attachments_dir=settings.attachments_dir,
            attachments_most=settings.attachments_most,
            paces=paces,
        )
    )


def slack_notifier(settings: Settings, events: EventSink, paces: PaceStore) -> Notifier:
    """Over the Web API, an incoming webhook, or captured where there is neither."""
    if settings.slack_token is None and settings.slack_webhook_url is None:
        return _captured(settings, "slack")
    from adapters.channels.shared.blips import BlipTolerantNotifier
    from adapters.channels.slack import SlackNotifier

    return BlipTolerantNotifier(
        SlackNotifier(
            token=lambda: settings.secret_now("slack_token"),
            webhook_url=lambda: settings.secret_now("slack_webhook_url"),
            api_url=settings.slack_api_url.get_secret_value(),
            events=events,
            paces=paces,
        )
    )


def webhook_notifier(settings: Settings) -> Notifier:
    """Signed JSON to the URL that a message names, or captured where there is no secret. Raises
    SettingsInvalid."""
    if settings.webhook_secret is None:
        return _captured(settings, "webhook")
    from adapters.channels.shared.blips import BlipTolerantNotifier
    from adapters.channels.webhook.notifier import WebhookNotifier

    try:
        return BlipTolerantNotifier(
            WebhookNotifier(
                secret=lambda: settings.secret_now("webhook_secret") or "",
                allow_private=settings.webhook_allow_private,
            )
        )
    except ValueError as error:
        raise SettingsInvalid([str(error)]) from None  # names its variable itself


def apprise_notifier(settings: Settings) -> Notifier:
    """Named targets, each an Apprise URL. Raises SettingsInvalid."""
    try:
        from adapters.channels.apprise.notifier import AppriseNotifier
    except ImportError:
        fault = "needs the extra: pip install 'dispatcher-worker[apprise]'"
        raise SettingsInvalid([f"{variable('targets__*')}: {fault}"]) from None
    targets = {name: url.get_secret_value() for name, url in settings.targets.items()}
    try:
        return AppriseNotifier(targets)
    except ValueError as error:
        raise SettingsInvalid(str(error).splitlines()) from None  # a line for each variable


def guarded(settings: Settings, channel: str, notifier: Notifier) -> Notifier:
    """The notifier behind the recipient guard, where one is set."""
    if not settings.only_to and not settings.redirect_to:
        return notifier
    from adapters.channels.shared.guard import GuardedNotifier, GuardRules

    rules = GuardRules(only_to=settings.only_to, redirect_to=settings.redirect_to)
    return GuardedNotifier(notifier, channel, rules)


def _captured(settings: Settings, channel: str) -> Notifier:
    from adapters.channels.shared.captured import CapturedNotifier

    return CapturedNotifier(settings.home / channel)
