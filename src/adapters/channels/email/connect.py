"""Opening a connection to a relay: greeting, TLS, EHLO and signing in, up to the first mail."""

import asyncio
import re
import socket
import ssl
from collections.abc import Callable, Hashable
from functools import partial
from pathlib import Path

from adapters.channels.email.auth import SignIn
from adapters.channels.email.dial import Dialer, log_late
from adapters.channels.email.failures import Failures
from adapters.channels.email.limits import Crowded
from adapters.channels.email.session import Session, SmtpReply
from adapters.channels.email.sign_in import SignInGate
from adapters.channels.email.tokens import Tokens
from adapters.channels.email.transaction import Timeouts
from adapters.channels.email.url import Security, SmtpSettings, own_name, parse_ehlo
from domain.errors import Unavailable

_READY = 220
_DONE = 250
# RFC 5321 3.2 and 4.2.2: a server that does not know EHLO. Some say 502 or 504 of it.
_NO_EHLO = frozenset({500, 501, 502, 504})
_OLD_AUTH = re.compile("^auth=", re.IGNORECASE | re.MULTILINE)


class Connector:
    """Opens sessions to one relay with the settings and the credentials as they are now, so that a
    changed password needs no restart. Raises Unavailable, and nothing else, when it cannot."""

    def __init__(
        self,
        settings: SmtpSettings,
        ca_file: Path | None = None,
        timeouts: Timeouts | None = None,
        ehlo: str | None = None,
        tokens: Tokens | None = None,
        *,
        on_late: Callable[[str, str], None] = log_late,
        in_hurry: Callable[[], bool] = lambda: False,
        reread: Callable[[], SmtpSettings] | None = None,
    ) -> None:
        """`ehlo`: the name to give; None takes the host's full name. `tokens`: needed where the
        settings want one. `on_late` and `in_hurry`: see `Dialer`. `reread` gives the settings as
        they are now, and is asked before each connection.

        Raises ValueError when `ca_file` cannot be read.
        """
        self._reread = reread or (lambda: settings)
        self._ca_file = ca_file
        self._context = None if settings.security is Security.CLEAR else _context(ca_file)
        self._ehlo = None if ehlo is None else parse_ehlo(ehlo)
        self._tokens = tokens
        self._host_name: str | None = None
        self._timeouts = timeouts or Timeouts()
        self._in_hurry = in_hurry
        self._dialer = Dialer(self._timeouts, on_late, in_hurry)
        self._gate = SignInGate()

    async def open(self) -> Session:
        """A fresh connection, ready for a mail. Raises Crowded where more connections may be open
        in a moment."""
        settings = self._reread()
        try:
            if settings.username is None:
                return await self._open(settings, None)
            return await self._gate.open(
                partial(self._signed_in, settings),
                self._credentials(settings),
                lambda: self._credentials(self._reread()),
            )
        except Crowded as crowded:
            if not self._in_hurry():
                raise
            raise Unavailable(str(crowded)) from None  # the other relay need not wait

    async def close(self) -> None:
        """Let go of what gives the tokens."""
        if self._tokens is not None:
            await self._tokens.close()

    def _credentials(self, settings: SmtpSettings) -> Hashable:
        """What we sign in with."""
        return settings, self._tokens and self._tokens.credentials()

    async def _signed_in(self, settings: SmtpSettings) -> Session:
        """A refused access token is renewed once."""
        tokens = self._tokens if settings.wants_token else None
        if tokens is None:
            return await self._open(settings, None)
        token = await tokens.token()
        try:
            session = await self._open(settings, token)
        except Unavailable as error:
            renewed = await tokens.renewed(token) if error.is_login else None
            if renewed is None:
                raise
            token = renewed
            session = await self._open(settings, token)
        tokens.accepted(token)
        return session

    async def _open(self, settings: SmtpSettings, token: str | None) -> Session:
        failures, is_tls = Failures(settings, token), settings.security is Security.TLS
        if self._context is None and settings.security is not Security.CLEAR:
            self._context = _context(self._ca_file)
        session = await self._dialer.reach(failures, self._context if is_tls else None)
        try:
            await self._introduce(session, failures)
        except BaseException:
            session.abort()
            raise
        return session

    async def _introduce(self, session: Session, failures: Failures) -> None:
        settings, seconds = failures.settings, self._dialer.limit(self._timeouts.command)
        name = await self._name(session)
        await _say_ehlo(session, name, failures, seconds)
        if settings.security is Security.STARTTLS:
            await self._start_tls(session, failures, seconds)
            await _say_ehlo(session, name, failures, seconds)
        if settings.username:
            await SignIn(session, failures, seconds).run()
        if session.lost is not None and not session.unasked:
            raise failures.lost(session)
        if not settings.eight_bit:
            session.extensions.pop("8bitmime", None)
        session.pipelining = settings.pipelining and "pipelining" in session.extensions

    async def _name(self, session: Session) -> str:
        if self._ehlo is not None:
            return self._ehlo
        if self._host_name is None:
            self._host_name = await asyncio.to_thread(socket.getfqdn)
        return own_name(self._host_name, session.own_address)

    async def _start_tls(self, session: Session, failures: Failures, seconds: float) -> None:
        if "starttls" not in session.extensions:
            raise Unavailable(
                f"{session.server} does not offer STARTTLS, and DISPATCHER_EMAIL_URL asks for "
                "it (smtp+starttls://); nothing was sent in clear"
            )
        reply = await failures.answer(session, b"STARTTLS\r\n", seconds)
        if reply.code != _READY:
            raise failures.not_served(reply)
        assert self._context is not None  # noqa: S101 - made for each scheme but smtp://
        try:
            async with asyncio.timeout(seconds):
                await session.start_tls(self._context, failures.settings.host)
        except OSError as error:
            raise failures.unreachable(error, seconds, "answer") from None


async def _say_ehlo(session: Session, name: str, failures: Failures, seconds: float) -> None:
    """EHLO, or HELO where the server knows no EHLO and we need none of its extensions."""
    settings = failures.settings
    reply = await failures.answer(session, f"EHLO {name}\r\n".encode(), seconds)
    if reply.code in _NO_EHLO:
        needs = "TLS" if settings.security is not Security.CLEAR else ""
        needs = needs or ("a sign-in" if settings.username else "")
        if needs:
            raise Unavailable(
                f"{session.server} does not know EHLO ({reply}), and"
                f" DISPATCHER_EMAIL_URL asks for {needs}, which needs it; nothing was sent"
            )
        reply = await failures.answer(session, f"HELO {name}\r\n".encode(), seconds)
        reply = SmtpReply(reply.code, reply.text.partition(b"\n")[0])  # it offers no extensions
    if reply.code != _DONE:
        raise failures.name_refused(reply)
    session.extensions = _extensions(reply)


def _extensions(reply: SmtpReply) -> dict[str, str]:
    """The keywords in lower case, with their parameters. Some servers write AUTH=LOGIN, or several
    lines of AUTH."""
    extensions: dict[str, str] = {}
    for line in _OLD_AUTH.sub("auth ", reply.words).split("\n")[1:]:
        keyword, _, parameters = line.lower().partition(" ")
        extensions[keyword] = f"{extensions.get(keyword, '')} {parameters}".strip()
    return extensions


def _context(ca_file: Path | None) -> ssl.SSLContext:
    """Verifies certificates and host names, against the system's authorities or `ca_file` alone."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ValueError(
            f"DISPATCHER_EMAIL_CA_FILE: {ca_file} is no file of certificates: {error}"
        ) from None
