"""How the email channel is made from the settings: one relay, several, or a folder."""

from functools import partial
from typing import TYPE_CHECKING

from domain.ports import Notifier
from entrypoints.settings import Settings, SettingsInvalid

if TYPE_CHECKING:
    from adapters.channels.email.learned import Learned
    from adapters.channels.email.outgoing_mail import EmailDefaults
    from adapters.channels.email.relay import Relay
    from adapters.channels.email.tokens import Tokens
    from adapters.channels.email.url import SmtpSettings
    from domain.pace import PaceStore

_KEPT_IN = "email-oauth2.json"


def email_notifier(settings: Settings, learned: "Learned", paces: "PaceStore") -> Notifier:
    """Over SMTP, or into a Maildir; `learned` keeps what each relay takes, `paces` how fast it is
    sent to. Raises SettingsInvalid."""
    from adapters.channels.email.outgoing_mail import EmailDefaults
    from adapters.channels.email.url import MaildirSettings, parse_email_urls

    defaults = EmailDefaults(
        sender=settings.email_from,
        reply_to=settings.email_reply_to,
        attachments_dir=settings.attachments_dir,
        attachments_most=settings.attachments_most,
    )
    places = parse_email_urls(settings.email or "")
    try:
        if isinstance(places, MaildirSettings):
            from adapters.channels.email.maildir import MaildirNotifier

            return MaildirNotifier(places.folder, defaults=defaults)
        make = partial(_relay, settings, places, defaults, learned, paces, tokens_of(settings))
        if len(places) == 1:
            return make(0, None)
        from adapters.channels.email.failover import FailoverNotifier
        from adapters.channels.email.relay import Relay

        return FailoverNotifier(
            [
                Relay(place.server, partial(make, number), settings.retry_delays)
                for number, place in enumerate(places)
            ]
        )
    except ValueError as error:
        raise SettingsInvalid([str(error)]) from None  # names its variable itself


def _relay(
    settings: Settings,
    places: "tuple[SmtpSettings, ...]",
    defaults: "EmailDefaults",
    learned: "Learned",
    paces: "PaceStore",
    tokens: "Tokens | None",
    number: int,
    member: "Relay | None",
) -> Notifier:
    """The relay of that number, with a pool and a pace of its own. `member`: what it is in a list
    of several. Raises ValueError."""
    from adapters.channels.email.paced import PacedNotifier
    from adapters.channels.email.permit import PaceRules
    from adapters.channels.email.pool import PoolLimits
    from adapters.channels.email.smtp import SmtpNotifier
    from adapters.channels.shared.blips import BlipTolerantNotifier

    place = places[number]
    smtp = SmtpNotifier(
        place,
        defaults=defaults,
        ca_file=settings.email_ca_file,
        ehlo=settings.email_ehlo,
        tokens=tokens if place.wants_token else None,
        in_hurry=member.in_hurry if member else lambda: False,
        limits=PoolLimits(size=settings.email_pool),
        reread=lambda: _relay_now(settings, number, places),
        learned=learned,
    )
    return PacedNotifier(
        BlipTolerantNotifier(smtp),
        relay=lambda: f"{place.host}:{place.port}",
        store=paces,
        learned=learned,
        connections=settings.email_pool,
        rules=PaceRules(ceiling=settings.email_rate),
        admit=member.admit if member else lambda _notification: None,
    )


def tokens_of(settings: Settings) -> "Tokens | None":
    """Where access tokens come from; None where the settings name no place."""
    if settings.email_oauth2_access_token is not None:
        from adapters.channels.email.tokens import GivenToken

        return GivenToken(lambda: settings.secret_now("email_oauth2_access_token"))
    if settings.email_oauth2_token_url is None:
        return None
    from adapters.channels.email.oauth2 import FetchedToken, OAuth2Client
    from adapters.channels.email.refresh_token import RefreshTokenFile

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
    from adapters.channels.email.url import MaildirSettings, parse_email_urls

    try:
        places = parse_email_urls(settings.secret_now("email_url") or "")
    except ValueError:
        return known[number]
    if isinstance(places, MaildirSettings) or len(places) != len(known):
        return known[number]
    return places[number]
