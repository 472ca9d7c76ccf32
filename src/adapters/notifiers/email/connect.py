"""Opening a connection: aiosmtplib greets, secures and signs in, then a Session takes over."""

import asyncio
import socket
import ssl
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import cast

import aiosmtplib
from aiosmtplib import SMTP

from adapters.notifiers.email.about_us import sign_in_advice
from adapters.notifiers.email.auth import METHOD_NOT_KNOWN, SignIn
from adapters.notifiers.email.dial import Dialer, log_late
from adapters.notifiers.email.names import own_name, parse_ehlo
from adapters.notifiers.email.replies import Reply, one_line
from adapters.notifiers.email.session import Session
from adapters.notifiers.email.transaction import Timeouts
from adapters.notifiers.email.url import Security, SmtpSettings
from domain.errors import Unavailable

_WANTS_TLS = frozenset({530, 538})  # RFC 3207 section 4, RFC 4954 section 6
_OAUTH2 = "check the user name in DISPATCHER_EMAIL_URL and the settings DISPATCHER_EMAIL_OAUTH2_…"
# RFC 5321 3.2 and 4.2.2: a server that does not know EHLO. Some say 502 or 504 of it.
_NO_EHLO = frozenset({500, 501, 502, 504})
_TLS_RECORDS = ("\x15\x03", "\x16\x03")  # an alert, a handshake


class Connector:
    """Opens sessions to one relay. Raises Unavailable, and nothing else, when it cannot."""

    def __init__(
        self,
        settings: SmtpSettings,
        *,
        ca_file: Path | None = None,
        timeouts: Timeouts | None = None,
        ehlo: str | None = None,
        on_late: Callable[[str, str], None] = log_late,
        in_hurry: Callable[[], bool] = lambda: False,
    ) -> None:
        """`ehlo`: the name to give; None takes the host's full name. `on_late` and `in_hurry`: see
        `Dialer`.

        Raises ValueError when `ca_file` cannot be read.
        """
        self._settings = settings
        self._server = settings.server
        self._context = None if settings.security is Security.CLEAR else _context(ca_file)
        self._ehlo = None if ehlo is None else parse_ehlo(ehlo)
        self._host_name: str | None = None
        self._timeouts = timeouts or Timeouts()
        self._dialer = Dialer(
            settings, self._timeouts, self._context, on_late=on_late, in_hurry=in_hurry
        )

    async def open(self) -> Session:
        """A fresh connection, ready for a mail."""
        smtp: SMTP | None = None
        try:
            smtp = await self._dialer.reach()
            await self._introduce(smtp)
            return self._take_over(smtp)
        except (aiosmtplib.SMTPException, OSError) as error:
            failure = self._failure(error, greeted=smtp is not None)
        except BaseException:
            if smtp is not None:
                smtp.close()
            raise
        # Raised out here so that no chain leads back to an error that could echo a credential.
        if smtp is not None:
            smtp.close()
        raise failure

    async def _introduce(self, smtp: SMTP) -> None:
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
            await SignIn(smtp, self._settings, None).run()

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
                    f"{self._server} does not know EHLO ({self._said(error)}), and"
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

    def _failure(self, error: Exception, *, greeted: bool) -> Unavailable:
        cause, times = error.__cause__ or error, self._timeouts
        if isinstance(error, ssl.SSLError):
            return self._tls_failure(error)
        if isinstance(error, aiosmtplib.SMTPResponseException):
            return self._refused(error)
        if isinstance(error, aiosmtplib.SMTPReadTimeoutError) and not greeted:
            return self._dialer.too_late()
        if isinstance(error, TimeoutError):
            what, limit = ("answer", times.command) if greeted else ("connection", times.connect)
            text = f"{self._server}: no {what} within {limit:g} s"
            return Unavailable(text, safe_to_repeat=True)
        if isinstance(cause, socket.gaierror):
            return Unavailable(
                f"{self._server}: the host name does not resolve ({cause.strerror})",
                safe_to_repeat=cause.errno == socket.EAI_AGAIN,
            )
        return Unavailable(
            f"{self._server}: no connection ({self._clean(str(cause))})",
            safe_to_repeat=isinstance(error, OSError),
        )

    def _tls_failure(self, error: ssl.SSLError) -> Unavailable:
        if isinstance(error, ssl.SSLCertVerificationError):
            return Unavailable(
                f"{self._server}: the certificate is not trusted ({error.verify_message}); check "
                "the host name in DISPATCHER_EMAIL_URL and DISPATCHER_EMAIL_CA_FILE"
            )
        if self._settings.security is Security.TLS and error.reason in _NOT_TLS:
            return Unavailable(
                f"{self._server}: the port does not speak TLS at once ({error.reason}); write "
                "smtp+starttls:// in place of smtps:// in DISPATCHER_EMAIL_URL, or smtp:// for a "
                "relay without TLS; check the scheme and the port"
            )
        return Unavailable(
            f"{self._server}: TLS failed ({error.reason}); check the scheme (smtps:// speaks "
            "TLS at once, smtp+starttls:// after asking) and port of DISPATCHER_EMAIL_URL"
        )

    def _refused(self, error: aiosmtplib.SMTPResponseException) -> Unavailable:
        reply = _reply(error)
        said = self._clean(str(reply))
        if isinstance(error, aiosmtplib.SMTPAuthenticationError):
            if 400 <= error.code < 500:  # RFC 4954: 454, a temporary failure
                return Unavailable(f"{self._server} cannot sign us in at the moment: {said}")
            advice = _OAUTH2 if self._settings.wants_token else sign_in_advice(reply)
            text = f"{self._server} refused to sign us in: {said}; {advice}"
            return Unavailable(text, is_login=error.code not in _WANTS_TLS | METHOD_NOT_KNOWN)
        if isinstance(error, aiosmtplib.SMTPHeloError):
            return Unavailable(
                f"{self._server} does not take our greeting: {said}; if it refuses our name, set"
                " DISPATCHER_EMAIL_EHLO to this host's full name"
            )
        if any(record in error.message for record in _TLS_RECORDS):
            return Unavailable(
                f"{self._server}: the port wants TLS from the first byte; write smtps:// in"
                " DISPATCHER_EMAIL_URL"
            )
        if not 200 <= error.code <= 599:
            return Unavailable(
                f"{self._server} does not speak SMTP ({self._clean(error.message)}); check the"
                " port and the scheme of DISPATCHER_EMAIL_URL (a port for TLS wants smtps://)"
            )
        return Unavailable(f"{self._server} does not serve us: {said}")

    def _said(self, error: aiosmtplib.SMTPResponseException) -> str:
        return self._clean(str(_reply(error)))

    def _clean(self, text: str) -> str:
        """A server may echo what it was sent; credentials never leave here, in any form."""
        username, password = self._settings.username or "", self._settings.password or ""
        plain = f"\0{username}\0{password}"
        for secret in filter(None, (password, _base64(plain), password and _base64(password))):
            text = text.replace(secret, "***")
        return one_line(text)


def _reply(error: aiosmtplib.SMTPResponseException) -> Reply:
    return Reply(error.code, error.message.encode("utf-8", "replace"))


# What OpenSSL says of an answer in clear.
_NOT_TLS = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"})


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode()


def _context(ca_file: Path | None) -> ssl.SSLContext:
    """Verifies certificates and host names, against the system's authorities or `ca_file` alone."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ValueError(
            f"DISPATCHER_EMAIL_CA_FILE: {ca_file} is no file of certificates: {error}"
        ) from None
