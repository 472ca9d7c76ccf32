"""How each channel's notifier is made from the settings; the container names them."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from domain.ports import Notifier
from entrypoints.settings import Settings, SettingsInvalid
from entrypoints.settings.sources import variable

if TYPE_CHECKING:
    from adapters.notifiers.email.learned import Learned
    from adapters.notifiers.email.url import SmtpSettings
    from domain.pace import PaceStore


def email_notifier(settings: Settings, learned: "Learned", paces: "PaceStore") -> Notifier:
    """Over SMTP, or into a Maildir; `learned` keeps what the relay takes, `paces` how
    fast it is sent to. Raises SettingsInvalid."""
    from adapters.notifiers.blips import BlipTolerantNotifier
    from adapters.notifiers.email.letter import EmailDefaults
    from adapters.notifiers.email.url import MaildirSettings, parse_email_urls

    defaults = EmailDefaults(
        sender=settings.email_from,
        reply_to=settings.email_reply_to,
        attachments_dir=settings.attachments_dir,
    )
    places = parse_email_urls(settings.email or "")
    if not isinstance(places, MaildirSettings) and (len(places) > 1 or places[0].wants_token):
        raise SettingsInvalid([f"{variable('email_url')}: lists and tokens are still to come"])
    place = places if isinstance(places, MaildirSettings) else places[0]
    try:
        if isinstance(place, MaildirSettings):
            from adapters.notifiers.email.maildir import MaildirNotifier

            return MaildirNotifier(place.folder, defaults=defaults)
        from adapters.notifiers.email.paced import PacedNotifier
        from adapters.notifiers.email.pacer import PaceRules
        from adapters.notifiers.email.pool import PoolLimits
        from adapters.notifiers.email.smtp import SmtpNotifier

        smtp = SmtpNotifier(
            place,
            defaults=defaults,
            ca_file=settings.email_ca_file,
            ehlo=settings.email_ehlo,
            limits=PoolLimits(size=settings.email_pool),
            reread=lambda: _relay_now(settings, place),
            learned=learned,
        )
        return PacedNotifier(
            BlipTolerantNotifier(smtp),
            relay=lambda: f"{place.host}:{place.port}",
            store=paces,
            learned=learned,
            connections=settings.email_pool,
            rules=PaceRules(ceiling=settings.email_rate),
        )
    except ValueError as error:
        raise SettingsInvalid([str(error)]) from None  # names its variable itself


def telegram_notifier(settings: Settings) -> Notifier:
    """Over the Bot API, or captured where there is no token."""
    if settings.telegram_token is None:
        return _captured(settings, "telegram")
    from adapters.notifiers.blips import BlipTolerantNotifier
    from adapters.notifiers.telegram import TelegramNotifier

    return BlipTolerantNotifier(
        TelegramNotifier(
            token=lambda: settings.secret_now("telegram_token") or "",
            api_url=settings.telegram_api_url.get_secret_value(),
            attachments_dir=settings.attachments_dir,
        )
    )


def slack_notifier(settings: Settings, on_unknown_code: Callable[[str], None]) -> Notifier:
    """Over the Web API, an incoming webhook, or captured where there is neither."""
    if settings.slack_token is None and settings.slack_webhook_url is None:
        return _captured(settings, "slack")
    from adapters.notifiers.blips import BlipTolerantNotifier
    from adapters.notifiers.slack import SlackNotifier

    return BlipTolerantNotifier(
        SlackNotifier(
            token=lambda: settings.secret_now("slack_token"),
            webhook_url=lambda: settings.secret_now("slack_webhook_url"),
            api_url=settings.slack_api_url.get_secret_value(),
            on_unknown_code=on_unknown_code,
        )
    )


def webhook_notifier(settings: Settings) -> Notifier:
    """Signed JSON to the URL that a message names, or captured where there is no secret. Raises
    SettingsInvalid."""
    if settings.webhook_secret is None:
        return _captured(settings, "webhook")
    from adapters.notifiers.blips import BlipTolerantNotifier
    from adapters.notifiers.webhook import WebhookNotifier

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
        from adapters.notifiers.apprise import AppriseNotifier
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
    from adapters.notifiers.guard import GuardedNotifier, GuardRules

    rules = GuardRules(only_to=settings.only_to, redirect_to=settings.redirect_to)
    return GuardedNotifier(notifier, channel, rules)


def _captured(settings: Settings, channel: str) -> Notifier:
    from adapters.notifiers.captured import CapturedNotifier

    return CapturedNotifier(settings.home / channel)


def _relay_now(settings: Settings, known: "SmtpSettings") -> "SmtpSettings":
    """The relay as its secret file names it now; a file in the middle of a change says nothing."""
    from adapters.notifiers.email.url import SmtpSettings, parse_email_url

    try:
        place = parse_email_url(settings.secret_now("email_url") or "")
    except ValueError:
        return known
    return place if isinstance(place, SmtpSettings) else known
