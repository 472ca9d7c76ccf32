"""What `dispatcher doctor` asks the relays: to let us in, and whether they take our sender."""

import asyncio
from typing import TYPE_CHECKING

from domain.errors import DeliveryError, DispatcherError, Permanent, Unavailable
from entrypoints.cli.checks import Check, ok, said, unreachable, warning
from entrypoints.container import Container
from entrypoints.relays import tokens_of
from entrypoints.settings import Settings
from entrypoints.settings.sources import variable

if TYPE_CHECKING:
    from adapters.channels.email.session import Session
    from adapters.channels.email.url import SmtpSettings

_PATIENCE = 33.0  # a relay may be slow to greet: some are on purpose
_COMMAND = 10.0
LONGEST = _PATIENCE + 2 * _COMMAND + 2
_PAUSED = "until then the channel is paused"


async def relay_checks(container: Container, settings: Settings) -> list[Check]:
    """Each relay in turn. Raises SettingsInvalid where a setting cannot be used."""
    from adapters.channels.email.url import MaildirSettings, parse_email_urls

    container.email()  # raises where a default or the authorities cannot be used
    place = parse_email_urls(settings.secret_now("email_url") or settings.email or "")
    if isinstance(place, MaildirSettings):
        return [warning("email", f"mail is kept in {place.folder}: nothing is sent")]
    found = await asyncio.gather(*(_relay(settings, relay) for relay in place))
    return [check for checks in found for check in checks]


async def _relay(settings: Settings, relay: "SmtpSettings") -> list[Check]:
    from adapters.channels.email.connect import Connector
    from adapters.channels.email.sender_check import refusal_of_sender
    from adapters.channels.email.transaction import Timeouts

    tokens = tokens_of(settings)
    connector = Connector(
        relay,
        tokens=tokens,
        ca_file=settings.email_ca_file,
        timeouts=Timeouts(connect=10, greeting=30, command=_COMMAND),
        ehlo=settings.email_ehlo,
        on_late=lambda _server, _hint: None,
    )
    try:
        async with asyncio.timeout(_PATIENCE):
            session = await connector.open()
    except (DispatcherError, TimeoutError) as error:
        return [unreachable("email", said(error, _PATIENCE), _PAUSED)]
    finally:
        if tokens is not None:
            await tokens.close()
    try:
        refusal = await refusal_of_sender(session, settings.email_from, _COMMAND)
    finally:
        await session.quit(1.0)
    if refusal is not None:
        return [_refused(refusal, settings)]
    login = "lets us in" if relay.username else "answers"
    return [ok("email", f"{relay.server} {login}"), *_replies(settings, session)]


def _refused(refusal: DeliveryError, settings: Settings) -> Check:
    if isinstance(refusal, Unavailable):
        return unreachable("email", said(refusal, _COMMAND), _PAUSED)
    if isinstance(refusal, Permanent) and settings.email_from is not None:
        name = variable("email_from")
        return unreachable("email", said(refusal, _COMMAND), f"{name} is what it was asked with")
    sender = "this sender" if settings.email_from is not None else "the empty sender"
    return warning("email", said(refusal, _COMMAND), f"it was asked with {sender}; try again later")


def _replies(settings: Settings, session: "Session") -> list[Check]:
    replies = settings.email_reply_to or ""
    if replies.rpartition("@")[0].isascii() or "smtputf8" in session.extensions:
        return []
    name = variable("email_reply_to")
    detail = f"{session.server} does not offer SMTPUTF8: {name} is left out"
    return [warning("email", detail, "give an address that is ASCII before the @")]
