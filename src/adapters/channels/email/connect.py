"""Opening a connection: aiosmtplib greets, secures and signs in, then a Session takes over."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Hashable
from functools import partial
from pathlib import Path
from typing import cast

import aiosmtplib
from aiosmtplib import SMTP

from adapters.channels.email.auth import SignIn
from adapters.channels.email.dial import Dialer, log_late
from adapters.channels.email.failures import Failures, reply_of
from adapters.channels.email.limits import Crowded
from adapters.channels.email.session import Session
from adapters.channels.email.sign_in import SignInGate
from adapters.channels.email.tokens import Tokens
from adapters.channels.email.transaction import Timeouts
from adapters.channels.email.url import Security, SmtpSettings, own_name, parse_ehlo
from domain.errors import Unavailable

# RFC 5321 3.2 and 4.2.2: a server that does not know EHLO. Some say 502 or 504 of it.
_NO_EHLO = frozenset({500, 501, 502, 504})


class Connector:
    """Opens sessions to one relay. Raises Unavailable, and nothing else, when it cannot."""

    def __init__(
        self,
        settings: SmtpSettings,
        *,
        ca_file: Path | None = None,
        timeouts: Timeouts | None = None,
        ehlo: str | None = None,
        tokens: Tokens | None = None,
        on_late: Callable[[str, str], None] = log_late,
        in_hurry: Callable[[], bool] = lambda: False,
    ) -> None:
        """`ehlo`: the name to give; None takes the host's full name. `tokens`: needed where the
        settings want one. `on_late` and `in_hurry`: see `Dialer`.

        Raises ValueError when `ca_file` cannot be read.
        """
        self._settings = settings
        self._server = settings.server
        self._context = None if settings.security is Security.CLEAR else _context(ca_file)
        self._ehlo = None if ehlo is None else parse_ehlo(ehlo)
        self._tokens = tokens
        self._host_name: str | None = None
        self._timeouts = timeouts or Timeouts()
        self._dialer = Dialer(
            settings, self._timeouts, self._context, on_late=on_late, in_hurry=in_hurry
        )

    async def open(self) -> Session:
        """A fresh connection, ready for a mail. A refused access token is renewed once."""
        if self._tokens is None or not self._settings.wants_token:
            return await self._open(None)
        token = await self._tokens.token()
        try:
            session = await self._open(token)
        except Unavailable as error:
            renewed = await self._tokens.renewed(token) if error.is_login else None
            if renewed is None:
                raise
            session = await self._open(renewed)
            token = renewed
        self._tokens.accepted(token)
        return session

    async def _open(self, token: str | None) -> Session:
        smtp: SMTP | None = None
        try:
            smtp = await self._dialer.reach()
            await self._introduce(smtp, token)
            return self._take_over(smtp)
        except (aiosmtplib.SMTPException, OSError) as error:
            waited = self._dialer.connect_limit if smtp is None else smtp.timeout
            failures = Failures(self._settings, self._timeouts, token)
            failure = failures.failure(error, waited or 0.0, greeted=smtp is not None)
        except BaseException:
            if smtp is not None:
                smtp.close()
            raise
        # Raised out here so that no chain leads back to an error that could echo a credential.
        if smtp is not None:
            smtp.close()
        raise failure

    async def _introduce(self, smtp: SMTP, token: str | None) -> None:
        name = await self._name(smtp)
        await self._say_ehlo(smtp, name)
        if self._settings.security is Security.STARTTLS:
            if not smtp.supports_extension("starttls"):
                raise Unavailable(
                    f"{self._server} does not offer STARTTLS, and DISPATCHER_EMAIL_URL asks for "
                    "it (smtp+starttls://); nothing was sent in clear"
                )
            await smtp.starttls()
            await self._say_ehlo(smtp, name)
        if self._settings.username:
            await SignIn(smtp, self._settings, token).run()

    async def _name(self, smtp: SMTP) -> str:
        if self._ehlo is not None:
            return self._ehlo
        if self._host_name is None:
            self._host_name = await asyncio.to_thread(socket.getfqdn)
        address = smtp.transport.get_extra_info("sockname") if smtp.transport else None
        return own_name(self._host_name, str(address[0]) if address else "")

    async def _say_ehlo(self, smtp: SMTP, name: str) -> None:
        """EHLO, or HELO where the server knows no EHLO and we need none of its extensions."""
        settings = self._settings
        try:
            await smtp.ehlo(hostname=name)
        except aiosmtplib.SMTPHeloError as error:
            if error.code not in _NO_EHLO:
                raise
            needs = "TLS" if settings.security is not Security.CLEAR else ""
            needs = needs or ("a sign-in" if settings.username else "")
            if needs:
                raise Unavailable(
                    f"{self._server} does not know EHLO ({reply_of(error)}), and"
                    f" DISPATCHER_EMAIL_URL asks for {needs}, which needs it; nothing was sent"
                ) from None
            await smtp.helo(hostname=name)

    def _take_over(self, smtp: SMTP) -> Session:
        transport = smtp.transport
        if transport is None or transport.is_closing():
            raise aiosmtplib.SMTPServerDisconnected("the server closed the connection")
        settings, extensions = self._settings, dict(smtp.esmtp_extensions)
        if not settings.pipelining:
            extensions.pop("pipelining", None)
        if not settings.eight_bit:
            extensions.pop("8bitmime", None)
        session = Session(cast(asyncio.Transport, transport), extensions, server=self._server)
        # Bytes that came with the last reply belong to the session; there is no public way to them.
        if smtp.protocol is not None and (rest := bytes(smtp.protocol._buffer)):  # noqa: SLF001
            session.data_received(rest)
        return session


class Opener:
    """Opens sessions to one relay with the settings and the credentials as they are now, so that a
    changed password needs no restart."""

    def __init__(
        self,
        settings: SmtpSettings,
        ca_file: Path | None,
        timeouts: Timeouts,
        ehlo: str | None,
        tokens: Tokens | None,
        in_hurry: Callable[[], bool],
        reread: Callable[[], SmtpSettings],
    ) -> None:
        """`reread` gives the settings as they are now, and is asked before each connection. The
        others: see `Connector`."""
        self._settings = settings
        self._tokens = tokens
        self._in_hurry = in_hurry
        self._reread = reread
        self._new_connector = partial(
            Connector,
            ca_file=ca_file,
            timeouts=timeouts,
            ehlo=ehlo,
            tokens=tokens,
            in_hurry=in_hurry,
        )
        self._connector = self._new_connector(settings)
        self._sign_in = SignInGate()

    async def open(self) -> Session:
        """See `Connector.open`. Raises Crowded where more connections may be open in a moment."""
        settings = self._reread()
        if settings != self._settings:
            self._settings = settings
            self._connector = self._new_connector(settings)
        try:
            if settings.username is None:
                return await self._connector.open()
            return await self._sign_in.open(
                self._connector.open, self._credentials(settings), lambda: self._credentials(None)
            )
        except Crowded as crowded:
            if not self._in_hurry():
                raise
            raise Unavailable(str(crowded)) from None  # the other relay need not wait

    async def close(self) -> None:
        """Let go of what gives the tokens."""
        if self._tokens is not None:
            await self._tokens.close()

    def _credentials(self, settings: SmtpSettings | None) -> Hashable:
        """What we sign in with, by `settings` or as they are now."""
        tokens = self._tokens.credentials() if self._tokens is not None else None
        return settings or self._reread(), tokens


def _context(ca_file: Path | None) -> ssl.SSLContext:
    """Verifies certificates and host names, against the system's authorities or `ca_file` alone."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ValueError(
            f"DISPATCHER_EMAIL_CA_FILE: {ca_file} is no file of certificates: {error}"
        ) from None
