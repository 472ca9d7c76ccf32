"""How the email channel is made from the settings: one relay, several, or a folder."""

from typing import TYPE_CHECKING

from domain.ports import Notifier
from entrypoints.settings import Settings, SettingsInvalid
from entrypoints.settings.sources import variable

if TYPE_CHECKING:
    from adapters.notifiers.email.learned import Learned
    from adapters.notifiers.email.tokens import Tokens
    from adapters.notifiers.email.url import SmtpSettings
    from domain.pace import PaceStore

_KEPT_IN = "email-oauth2.json"


def email_notifier(settings: Settings, learned: "Learned", paces: "PaceStore") -> Notifier:
    """Over SMTP, or into a Maildir; `learned` keeps what each relay takes, `paces` how fast it is
    sent to. Raises SettingsInvalid."""
    from adapters.notifiers.email.letter import EmailDefaults
    from adapters.notifiers.email.url import MaildirSettings, parse_email_urls

    defaults = EmailDefaults(
        sender=settings.email_from,
        reply_to=settings.email_reply_to,
        attachments_dir=settings.attachments_dir,
    )
    places = parse_email_urls(settings.email or "")
    try:
        if isinstance(places, MaildirSettings):
            from adapters.notifiers.email.maildir import MaildirNotifier

            return MaildirNotifier(places.folder, defaults=defaults)
        from adapters.notifiers.email.pool import PoolLimits
        from adapters.notifiers.email.smtp import SmtpNotifier

        if len(places) > 1:
            raise SettingsInvalid([f"{variable('email_url')}: lists are still to come"])
        smtp = SmtpNotifier(
            places[0],
            defaults=defaults,
            ca_file=settings.email_ca_file,
            ehlo=settings.email_ehlo,
            tokens=tokens_of(settings),
            limits=PoolLimits(size=settings.email_pool),
            reread=lambda: _relay_now(settings, 0, places),
            learned=learned,
        )
    except ValueError as error:
        raise SettingsInvalid([str(error)]) from None  # names its variable itself
    return _paced(settings, smtp, places[0], learned, paces)


def _paced(
    settings: Settings,
    smtp: Notifier,
    place: "SmtpSettings",
    learned: "Learned",
    paces: "PaceStore",
) -> Notifier:
    from adapters.notifiers.blips import BlipTolerantNotifier
    from adapters.notifiers.email.paced import PacedNotifier
    from adapters.notifiers.email.pacer import PaceRules

    return PacedNotifier(
        BlipTolerantNotifier(smtp),
        relay=lambda: f"{place.host}:{place.port}",
        store=paces,
        learned=learned,
        connections=settings.email_pool,
        rules=PaceRules(ceiling=settings.email_rate),
    )


def tokens_of(settings: Settings) -> "Tokens | None":
    """Where access tokens come from; None where the settings name no place."""
    if settings.email_oauth2_access_token is not None:
        from adapters.notifiers.email.tokens import GivenToken

        return GivenToken(lambda: settings.secret_now("email_oauth2_access_token"))
    if settings.email_oauth2_token_url is None:
        return None
    from adapters.notifiers.email.oauth2 import FetchedToken, OAuth2Client
    from adapters.notifiers.email.refresh_token import RefreshTokenFile

    client = OAuth2Client(
        token_url=settings.email_oauth2_token_url.get_secret_value(),
        id=settings.email_oauth2_client_id or "",
        secret=lambda: settings.secret_now("email_oauth2_client_secret"),
        scope=settings.email_oauth2_scope,
        refresh_token=lambda: settings.secret_now("email_oauth2_refresh_token"),
    )
    name = f"{client.token_url} {client.id}"
    return FetchedToken(client, RefreshTokenFile(settings.home / _KEPT_IN, name))


def _relay_now(
    settings: Settings, number: int, known: "tuple[SmtpSettings, ...]"
) -> "SmtpSettings":
    """The relay as the secret file names it now. A file in the middle of a change, or with more or
    fewer relays than at the start, says nothing."""
    from adapters.notifiers.email.url import MaildirSettings, parse_email_urls

    try:
        places = parse_email_urls(settings.secret_now("email_url") or "")
    except ValueError:
        return known[number]
    if isinstance(places, MaildirSettings) or len(places) != len(known):
        return known[number]
    return places[number]
