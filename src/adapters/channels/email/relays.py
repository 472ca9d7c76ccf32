"""How the email channel is made from its settings, and tried by `doctor`: one relay, several, or a
folder."""

import asyncio
from dataclasses import replace
from functools import partial
from pathlib import Path

from adapters.channels.channel import ChannelContext
from adapters.channels.email.bounds import PoolLimits
from adapters.channels.email.channel import EmailSettings
from adapters.channels.email.connect import Connector
from adapters.channels.email.failures import no_greeting
from adapters.channels.email.headers import not_carried, parse_address
from adapters.channels.email.limits import Phase
from adapters.channels.email.outgoing_mail import Composer
from adapters.channels.email.paced import PacedNotifier
from adapters.channels.email.relay import FailoverNotifier, Relay
from adapters.channels.email.relay_pace import PaceRules, RelayPace
from adapters.channels.email.session import Session
from adapters.channels.email.setting_faults import check_token, check_token_url
from adapters.channels.email.smtp import SmtpNotifier
from adapters.channels.email.smtp_reply import FAREWELL
from adapters.channels.email.tokens import GivenToken, RefreshTokenFile, Tokens
from adapters.channels.email.transaction import Timeouts
from adapters.channels.email.url import SmtpSettings, parse_email_urls
from adapters.channels.email.verdicts import verdict
from adapters.channels.finding import Finding, FindingState, reason_of
from adapters.channels.shared.blips import FIRST_WAIT
from adapters.secret import Secret, checked
from domain.errors import DeliveryError, FailureReason, Permanent, Unavailable
from domain.notification import one_recipient
from domain.ports import Notifier

_KEPT_IN = "email-oauth2.json"


def email_notifier(settings: EmailSettings, context: ChannelContext) -> Notifier:
    """Over SMTP, or into the Maildir that the URL names. Raises ValueError, which names its
    variable."""
    url = settings.url or Secret("")
    places = parse_email_urls(url.value)
    if isinstance(places, Path):
        return maildir_notifier(places, settings, context)
    url = url.checked(partial(_relays_now, places))
    make = partial(_relay, settings, context, url, places, tokens_of(settings, context))
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
    url: Secret,
    places: tuple[SmtpSettings, ...],
    tokens: Tokens | None,
    number: int,
    member: Relay | None,
) -> Notifier:
    """The relay of that number, with a pool and a pace of its own. `url` names all, `places` are
    they as at the start. `member`: what it is in a list of several. Raises ValueError."""
    place = places[number]
    smtp = SmtpNotifier(
        place,
        composer=_composer(settings, context),
        ca_file=settings.ca_file,
        ehlo=settings.ehlo,
        tokens=tokens if place.wants_token else None,
        in_hurry=member.in_hurry if member else lambda: False,
        limits=PoolLimits(size=settings.pool),
        reread=lambda: _relays_now(places, url.now())[number],
        learned=context.learned,
    )
    rules = PaceRules(ceiling=settings.rate)
    return PacedNotifier(
        smtp,
        RelayPace(f"{place.host}:{place.port}", context.paces, context.learned, rules),
        connections=settings.pool,
        more=settings.pool,
        admit=member.admit if member else None,
        blip_wait=FIRST_WAIT,
        events=context.events,
    )


def tokens_of(settings: EmailSettings, context: ChannelContext) -> Tokens | None:
    """Where access tokens come from; None where the settings name no place."""
    if settings.oauth2_access_token is not None:
        return GivenToken(settings.oauth2_access_token.checked(check_token).now)
    if settings.oauth2_token_url is None:
        return None
    from adapters.channels.email.oauth2 import FetchedToken

    url = settings.oauth2_token_url.checked(check_token_url)
    settings = replace(
        settings,
        oauth2_token_url=url,
        oauth2_refresh_token=checked(settings.oauth2_refresh_token, check_token),
    )
    kept = RefreshTokenFile(
        context.home / _KEPT_IN, lambda: f"{url.now()} {settings.oauth2_client_id or ''}"
    )
    return FetchedToken(settings, kept)


def _relays_now(known: tuple[SmtpSettings, ...], text: str) -> tuple[SmtpSettings, ...]:
    """The relays that `text` names, in place of those `known` since the start. Raises ValueError
    where only a restart could use them."""
    places = parse_email_urls(text)
    if isinstance(places, Path) or len(places) != len(known):
        raise ValueError(f"must name relays, as many as at the start ({len(known)}), or restart")
    if [one.wants_token for one in places] != [one.wants_token for one in known]:
        raise ValueError("must ask for access tokens where it did at the start, or restart")
    return places


_NAME = "email"
_PATIENCE = 30.0  # a relay may be slow to greet: some are on purpose
_COMMAND = 10.0


async def ping(settings: EmailSettings, context: ChannelContext, folder: Path) -> list[Finding]:
    """Greet each relay and sign in. `folder` is where mail is kept while no URL is set. Raises
    ValueError where a default or the authorities cannot be used."""
    if settings.url is None:
        maildir_notifier(folder, settings, context)
        return [Finding.kept_in(_NAME, folder, "mail is")]
    email_notifier(settings, context)
    places = parse_email_urls(settings.url.now())
    if isinstance(places, Path):
        return [Finding.kept_in(_NAME, places, "mail is")]
    found = await asyncio.gather(*(_greet(settings, context, place) for place in places))
    return [one for findings in found for one in findings]


async def _greet(
    settings: EmailSettings, context: ChannelContext, relay: SmtpSettings
) -> list[Finding]:
    tokens = tokens_of(settings, context)
    late: list[str] = []
    connector = Connector(
        relay,
        tokens=tokens,
        ca_file=settings.ca_file,
        timeouts=Timeouts(connect=10, greeting=_PATIENCE, command=_COMMAND),
        ehlo=settings.ehlo,
        on_late=lambda server, _hint: late.append(server),
    )
    try:
        async with asyncio.timeout(_PATIENCE):
            session = await connector.open()
        try:
            await _name_sender(session, settings.sender)
        finally:
            await session.quit(1.0)
    except TimeoutError as error:
        silent = Unavailable(no_greeting(relay, _PATIENCE)) if late else error
        return [Finding.unreachable(_NAME, silent, _PATIENCE)]
    except Unavailable as error:
        return [Finding.unreachable(_NAME, error)]
    except DeliveryError as refusal:
        return [_refused(refusal, settings)]
    finally:
        if tokens is not None:
            await tokens.close()
    login = "lets us in" if relay.username else "answers"
    return [Finding(_NAME, f"{relay.server} {login}"), *_replies(settings, session)]


def _refused(refusal: DeliveryError, settings: EmailSettings) -> Finding:
    if isinstance(refusal, Permanent) and settings.sender is not None:
        remedy = "DISPATCHER_EMAIL_FROM is what it was asked with"
        return Finding(_NAME, reason_of(refusal), FindingState.UNREACHABLE, remedy)
    sender = "this sender" if settings.sender is not None else "the empty sender"
    remedy = f"it was asked with {sender}; try again later"
    return Finding.notable(_NAME, reason_of(refusal, _COMMAND), remedy)


def _replies(settings: EmailSettings, session: Session) -> list[Finding]:
    replies = settings.reply_to or ""
    if replies.rpartition("@")[0].isascii() or "smtputf8" in session.extensions:
        return []
    detail = f"{session.server} does not offer SMTPUTF8: DISPATCHER_EMAIL_REPLY_TO is left out"
    return [Finding.notable(_NAME, detail, "give an address that is ASCII before the @")]


async def _name_sender(session: Session, sender: str | None) -> None:
    """Name `sender`, `Name <address>` or an address, as the sender of a mail, and begin none. None
    asks with the empty sender, that of a bounce. Raises what a refusal means."""
    wire = parameters = ""
    if sender is not None:
        address = parse_address(one_recipient(sender).address)
        wire, parameters = address.wire, " SMTPUTF8" if address.needs_smtputf8 else ""
    if parameters and "smtputf8" not in session.extensions:
        raise not_carried(session.server, wire, FailureReason.SENDER_REFUSED)
    replies = await session.ask(f"MAIL FROM:<{wire}>{parameters}\r\n".encode(), _COMMAND)
    if not replies or replies[0].code == FAREWELL:
        raise Unavailable(f"{session.server}: {session.lost} after MAIL", safe_to_repeat=True)
    if not replies[0].accepted:
        raise verdict(replies[0], Phase.SENDER, session.server)
    await session.ask(b"RSET\r\n", _COMMAND)
