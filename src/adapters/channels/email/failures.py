"""What an operator reads when no connection to a relay can be had."""

import socket
import ssl
from base64 import b64encode

import aiosmtplib

from adapters.channels.email.about_us import sign_in_advice
from adapters.channels.email.auth import METHOD_NOT_KNOWN, TokenRefused
from adapters.channels.email.limits import Crowded, Limit, Phase, limit_of
from adapters.channels.email.session import SmtpReply, one_line
from adapters.channels.email.transaction import Timeouts
from adapters.channels.email.url import Security, SmtpSettings
from domain.errors import Unavailable

_WANTS_TLS = frozenset({530, 538})  # RFC 3207 section 4, RFC 4954 section 6
_OAUTH2 = "check the user name in DISPATCHER_EMAIL_URL and the settings DISPATCHER_EMAIL_OAUTH2_…"
_TLS_RECORDS = ("\x15\x03", "\x16\x03")  # an alert, a handshake
# What OpenSSL says of an answer in clear.
_NOT_TLS = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"})


def no_greeting(settings: SmtpSettings, seconds: float) -> str:
    """A relay that is silent after so many seconds, and what may be the cause."""
    cause = "the relay is slow or overloaded"
    if settings.security is not Security.TLS:
        cause += ", or its port wants TLS from the first byte (smtps://)"
    return f"{settings.server}: no greeting within {seconds:g} s: {cause}"


class Failures:
    """Turns what went wrong on the way to one relay into an Unavailable."""

    def __init__(self, settings: SmtpSettings, timeouts: Timeouts, token: str | None) -> None:
        """`token`: the access token that was used, which no error repeats."""
        self._settings = settings
        self._server = settings.server
        self._timeouts = timeouts
        self._token = token

    def failure(self, error: Exception, waited: float, *, greeted: bool) -> Unavailable:
        """The error for `error`. `waited`: the limit of a wait, in seconds; `greeted`: whether the
        server had greeted us before."""
        cause, times = error.__cause__ or error, self._timeouts
        if isinstance(error, ssl.SSLError):
            return self._tls_failure(error)
        if isinstance(error, aiosmtplib.SMTPResponseException):
            return self._refused(error)
        if isinstance(error, aiosmtplib.SMTPReadTimeoutError) and not greeted:
            return Unavailable(no_greeting(self._settings, times.greeting), safe_to_repeat=True)
        if isinstance(error, TimeoutError):
            what = "answer" if greeted else "connection"
            text = f"{self._server}: no {what} within {waited:g} s"
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
        reply = reply_of(error)
        said = self._clean(str(reply))
        if isinstance(error, aiosmtplib.SMTPAuthenticationError):
            if 400 <= error.code < 500:  # RFC 4954: 454, a temporary failure
                return Unavailable(f"{self._server} cannot sign us in at the moment: {said}")
            advice = _OAUTH2 if self._settings.wants_token else sign_in_advice(reply)
            text = f"{self._server} refused to sign us in: {said}; {advice}"
            is_login = error.code not in _WANTS_TLS | METHOD_NOT_KNOWN
            return Unavailable(text, is_login=is_login or isinstance(error, TokenRefused))
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
        is_crowded = limit_of(reply, Phase.GREETING) is Limit.CONNECTIONS
        kind = Crowded if is_crowded else Unavailable
        return kind(f"{self._server} does not serve us: {said}")

    def _clean(self, text: str) -> str:
        """A server may echo what it was sent; credentials never leave here, in any form."""
        user, password = self._settings.username or "", self._settings.password or ""
        secrets = [
            password,
            _base64(f"\0{user}\0{password}"),
            _base64(password) if password else "",
        ]
        if self._token:
            bearer = f"user={user}\x01auth=Bearer {self._token}\x01\x01"
            secrets += [self._token, _base64(bearer), _base64(self._token)]
        for secret in filter(None, secrets):
            text = text.replace(secret, "***")
        return one_line(text)


def reply_of(error: aiosmtplib.SMTPResponseException) -> SmtpReply:
    """What the server said. Once it was given a secret it may repeat that."""
    return SmtpReply(error.code, error.message.encode("utf-8", "replace"))


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode()
