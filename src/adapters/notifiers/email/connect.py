"""Opening a connection: aiosmtplib greets, secures and signs in, then a Session takes over."""

import asyncio
import socket
import ssl
from base64 import b64encode
from pathlib import Path
from typing import cast

import aiosmtplib
from aiosmtplib import SMTP

from adapters.notifiers.email.replies import Reply, one_line
from adapters.notifiers.email.session import Session
from adapters.notifiers.email.url import Security, SmtpSettings
from domain.errors import Unavailable

_CREDENTIALS = "check the user name and password in DISPATCHER_EMAIL_URL"
_METHOD_NOT_KNOWN = frozenset({500, 501, 502, 503, 504})


class Connector:
    """Opens sessions to one relay. Raises Unavailable, and nothing else, when it cannot."""

    def __init__(self, settings: SmtpSettings, *, ca_file: Path | None, timeout: float) -> None:
        """`timeout`: seconds for the whole way from the first packet to being signed in.

        Raises ValueError when `ca_file` cannot be read.
        """
        self._settings = settings
        self._timeout = timeout
        self._server = f"{settings.host}:{settings.port}"
        self._context = None if settings.security is Security.CLEAR else _context(ca_file)
        self._local_hostname: str | None = None

    async def open(self) -> Session:
        """A fresh connection, ready for a mail."""
        smtp = SMTP(
            hostname=self._settings.host,
            port=self._settings.port,
            local_hostname=await self._hostname(),
            timeout=self._timeout,
            use_tls=self._settings.security is Security.TLS,
            start_tls=False,
            tls_context=self._context,
        )
        try:
            async with asyncio.timeout(self._timeout):
                await self._greet(smtp)
                return self._take_over(smtp)
        except (aiosmtplib.SMTPException, OSError) as error:
            failure = self._failure(error)
        except BaseException:
            smtp.close()
            raise
        # Raised out here so that no chain leads back to an error that could echo a credential.
        smtp.close()
        raise failure

    async def _hostname(self) -> str:
        if self._local_hostname is None:
            name = await asyncio.to_thread(socket.getfqdn)
            self._local_hostname = name if name.isascii() and name.isprintable() else "localhost"
        return self._local_hostname

    async def _greet(self, smtp: SMTP) -> None:
        await smtp.connect()
        await smtp.ehlo()
        if self._settings.security is Security.STARTTLS:
            if not smtp.supports_extension("starttls"):
                raise Unavailable(
                    f"{self._server} does not offer STARTTLS, and DISPATCHER_EMAIL_URL asks for "
                    "it (smtp+starttls://); nothing was sent in clear"
                )
            await smtp.starttls()
            await smtp.ehlo()
        if self._settings.username:
            await self._sign_in(smtp, self._settings.username, self._settings.password or "")

    async def _sign_in(self, smtp: SMTP, username: str, password: str) -> None:
        """One refusal ends it: trying on with each method would lock an account out."""
        methods = {
            "plain": smtp.auth_plain,
            "login": smtp.auth_login,
            "cram-md5": smtp.auth_crammd5,
        }
        offered = [name for name in methods if name in smtp.server_auth_methods]
        if not offered:
            raise Unavailable(
                f"{self._server} offers no way to sign in that we know (PLAIN, LOGIN, CRAM-MD5); "
                "it may want TLS first: check the scheme of DISPATCHER_EMAIL_URL"
            )
        for name in offered:
            try:
                await methods[name](username, password)
            except aiosmtplib.SMTPAuthenticationError as error:
                if error.code not in _METHOD_NOT_KNOWN or name == offered[-1]:
                    raise
            else:
                return

    def _take_over(self, smtp: SMTP) -> Session:
        transport = smtp.transport
        if transport is None or transport.is_closing():
            raise aiosmtplib.SMTPServerDisconnected("the server closed the connection")
        session = Session(
            cast(asyncio.Transport, transport), smtp.esmtp_extensions, server=self._server
        )
        # Bytes that came with the last reply belong to the session; there is no public way to them.
        if smtp.protocol is not None and (rest := bytes(smtp.protocol._buffer)):  # noqa: SLF001
            session.data_received(rest)
        return session

    def _failure(self, error: Exception) -> Unavailable:
        cause = error.__cause__ if isinstance(error, aiosmtplib.SMTPConnectError) else error
        tls = cause if isinstance(cause, ssl.SSLError) else error
        if isinstance(tls, ssl.SSLCertVerificationError):
            return Unavailable(
                f"{self._server}: the certificate is not trusted ({tls.verify_message}); check "
                "the host name in DISPATCHER_EMAIL_URL and DISPATCHER_EMAIL_CA_FILE"
            )
        if isinstance(tls, ssl.SSLError):
            return Unavailable(
                f"{self._server}: TLS failed ({tls.reason}); check the scheme (smtps:// speaks "
                "TLS at once, smtp+starttls:// after asking) and port of DISPATCHER_EMAIL_URL"
            )
        if isinstance(error, aiosmtplib.SMTPResponseException):
            return self._refused(error)
        if isinstance(error, TimeoutError):
            return Unavailable(
                f"{self._server}: not ready within {self._timeout:g} s", safe_to_repeat=True
            )
        if isinstance(cause, socket.gaierror):
            return Unavailable(
                f"{self._server}: the host name does not resolve ({cause.strerror})",
                safe_to_repeat=cause.errno == socket.EAI_AGAIN,
            )
        return Unavailable(
            f"{self._server}: no connection ({self._clean(str(cause or error))})",
            safe_to_repeat=isinstance(error, ConnectionError | OSError),
        )

    def _refused(self, error: aiosmtplib.SMTPResponseException) -> Unavailable:
        said = self._clean(str(Reply(error.code, error.message.encode("utf-8", "replace"))))
        if isinstance(error, aiosmtplib.SMTPAuthenticationError):
            if 400 <= error.code < 500:  # RFC 4954: 454, a temporary failure
                return Unavailable(f"{self._server} cannot sign us in at the moment: {said}")
            return Unavailable(f"{self._server} refused to sign us in: {said}; {_CREDENTIALS}")
        return Unavailable(f"{self._server} does not serve us: {said}")

    def _clean(self, text: str) -> str:
        """A server may echo what it was sent; credentials never leave here, in any form."""
        username, password = self._settings.username or "", self._settings.password or ""
        plain = f"\0{username}\0{password}"
        for secret in filter(None, (password, _base64(plain), password and _base64(password))):
            text = text.replace(secret, "***")
        return one_line(text)


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
