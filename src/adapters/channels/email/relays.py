"""How the email channel is made from its settings: one relay, several, or a folder."""

from contextlib import suppress
from functools import partial
from pathlib import Path

from adapters.channels.channel import ChannelContext
from adapters.channels.email.bounds import PoolLimits
from adapters.channels.email.channel import EmailSettings
from adapters.channels.email.outgoing_mail import Composer
from adapters.channels.email.relay import FailoverNotifier, Relay
from adapters.channels.email.relay_pace import PaceRules, RelayPace
from adapters.channels.email.smtp import PacedNotifier, SmtpNotifier
from adapters.channels.email.tokens import GivenToken, RefreshTokenFile, Tokens
from adapters.channels.email.url import SmtpSettings, parse_email_urls
from adapters.channels.shared.blips import FIRST_WAIT
from adapters.setting_values import now
from domain.ports import Notifier

_KEPT_IN = "email-oauth2.json"


def email_notifier(settings: EmailSettings, context: ChannelContext) -> Notifier:
    """Over SMTP, or into the Maildir that the URL names. Raises ValueError, which names its
    variable."""
    places = parse_email_urls(settings.url.value if settings.url else "")
    if isinstance(places, Path):
        return maildir_notifier(places, settings, context)
    make = partial(_relay, settings, context, places, tokens_of(settings, context))
    if len(places) == 1:
        return make(0, None)
    return FailoverNotifier(
        [
            Relay(place.server, partial(make, number), context.retry_delays)
            for number, place in enumerate(places)
        ]
    )


def maildir_notifier(folder: Path, settings: EmailSettings, context: ChannelContext) -> Notifier:
    """Into a Maildir. Raises ValueError."""
    from adapters.channels.email.maildir import MaildirNotifier

    return MaildirNotifier(folder, _composer(settings, context))


def _composer(settings: EmailSettings, context: ChannelContext) -> Composer:
    return Composer(
        sender=settings.sender,
        reply_to=settings.reply_to,
        attachments_dir=context.attachments_dir,
        attachments_most=context.attachments_most,
    )


def _relay(
    settings: EmailSettings,
    context: ChannelContext,
    places: tuple[SmtpSettings, ...],
    tokens: Tokens | None,
    number: int,
    member: Relay | None,
) -> Notifier:
    """The relay of that number, with a pool and a pace of its own. `member`: what it is in a list
    of several. Raises ValueError."""
    place = places[number]
    smtp = SmtpNotifier(
        place,
        composer=_composer(settings, context),
        ca_file=settings.ca_file,
        ehlo=settings.ehlo,
        tokens=tokens if place.wants_token else None,
        in_hurry=member.in_hurry if member else lambda: False,
        limits=PoolLimits(size=settings.pool),
        reread=partial(_relay_now, settings, number, places),
        learned=context.learned,
    )
    rules = PaceRules(ceiling=settings.rate)
    return PacedNotifier(
        smtp,
        RelayPace(f"{place.host}:{place.port}", context.paces, context.learned, rules),
        connections=settings.pool,
        admit=member.admit if member else None,
        blip_wait=FIRST_WAIT,
    )


def tokens_of(settings: EmailSettings, context: ChannelContext) -> Tokens | None:
    """Where access tokens come from; None where the settings name no place."""
    if settings.oauth2_access_token is not None:
        return GivenToken(settings.oauth2_access_token.now)
    if settings.oauth2_token_url is None:
        return None
    from adapters.channels.email.oauth2 import FetchedToken

    account = f"{settings.oauth2_token_url.value} {settings.oauth2_client_id or ''}"
    return FetchedToken(settings, RefreshTokenFile(context.home / _KEPT_IN, account))


def _relay_now(
    settings: EmailSettings, number: int, known: tuple[SmtpSettings, ...]
) -> SmtpSettings:
    """The relay as the secret file names it at the moment of asking. A file in the middle of a
    change, or with more or fewer relays than at the start, says nothing."""
    with suppress(ValueError):
        places = parse_email_urls(now(settings.url) or "")
        if not isinstance(places, Path) and len(places) == len(known):
            return places[number]
    return known[number]
