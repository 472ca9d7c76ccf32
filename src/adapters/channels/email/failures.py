"""The errors that an operator reads when there is no connection to a relay."""

import re
import socket
import ssl
from base64 import b64encode
from dataclasses import field

from adapters.channels.email.about_us import sign_in_advice
from adapters.channels.email.limits import Crowded, Limit, Phase, limit_of
from adapters.channels.email.session import Session
from adapters.channels.email.smtp_reply import LONGEST_TEXT, SmtpReply
from adapters.channels.email.url import Security, SmtpSettings
from adapters.texts import short_text
from domain.errors import Unavailable
from domain.value_object import value_object

METHOD_NOT_KNOWN = frozenset({500, 501, 502, 503, 504})
_WANTS_TLS = frozenset({530, 538})  # RFC 3207 section 4, RFC 4954 section 6
_OAUTH2 = "check the user name in DISPATCHER_EMAIL_URL and the settings DISPATCHER_EMAIL_OAUTH2_…"
_TLS_RECORDS = (b"\x15\x03", b"\x16\x03")  # an alert, a handshake
# What OpenSSL says of an answer in clear.
NOT_TLS = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"})


def no_greeting(settings: SmtpSettings, seconds: float) -> str:
    """A relay that is silent after so many seconds, and what may be the cause."""
    cause = "the relay is slow or overloaded"
    if settings.security is not Security.TLS:
        cause += ", or its port wants TLS from the first byte (smtps://)"
    return f"{settings.server}: no greeting within {seconds:g} s: {cause}"


@value_object()
class Failures:
    """The errors on the way to one relay; each is an Unavailable. `token`: the access token to sign
    in with, which no error repeats."""

    settings: SmtpSettings
    token: str | None = field(default=None, repr=False)

    async def answer(self, session: Session, command: bytes, seconds: float) -> SmtpReply:
        """The reply to a command. Raises Unavailable where none comes in so many seconds. What the
        server said before it was asked answers nothing."""
        if session.lost is None:
            session.unasked.clear()
        replies = await session.ask(command, seconds)
        if not replies:
            raise self.lost(session)
        return replies[0]

    def unreachable(self, error: OSError, seconds: float, awaited: str) -> Unavailable:
        """No connection, or no TLS; `seconds` is the limit of the wait for what is `awaited`."""
        server = self.settings.server
        if isinstance(error, ssl.SSLError):
            return Unavailable(f"{server}: {self._tls_fault(error)}")
        if isinstance(error, socket.gaierror):
            return Unavailable(
                f"{server}: the host name does not resolve ({error.strerror})",
                safe_to_repeat=error.errno == socket.EAI_AGAIN,
            )
        what = f"no connection ({self._clean(str(error))})"
        if isinstance(error, TimeoutError):
            what = f"no {awaited} within {seconds:g} s"
        return Unavailable(f"{server}: {what}", safe_to_repeat=True)

    def lost(self, session: Session) -> Unavailable:
        """The connection ended."""
        server, garbage = self.settings.server, session.garbage
        if garbage.startswith(_TLS_RECORDS):
            return Unavailable(
                f"{server}: the port wants TLS from the first byte; write smtps:// in"
                " DISPATCHER_EMAIL_URL"
            )
        if garbage:
            said = self._clean(garbage.decode("utf-8", "replace"))
            return Unavailable(
                f"{server} does not speak SMTP ({said}); check the"
                " port and the scheme of DISPATCHER_EMAIL_URL (a port for TLS wants smtps://)"
            )
        text = self._clean(session.lost or "")
        if not session.was_silent:
            text = f"no connection ({text})"
        return Unavailable(f"{server}: {text}", safe_to_repeat=True)

    def not_served(self, reply: SmtpReply) -> Unavailable:
        """The relay takes its leave."""
        is_crowded = limit_of(reply, Phase.GREETING) is Limit.CONNECTIONS
        kind = Crowded if is_crowded else Unavailable
        return kind(f"{self.settings.server} does not serve us: {self.said(reply)}")

    def sign_in_refused(self, reply: SmtpReply, *, is_token: bool) -> Unavailable:
        """`is_token`: the access token was refused, whatever code ends the dialogue."""
        server, said = self.settings.server, self.said(reply)
        if 400 <= reply.code < 500:  # RFC 4954: 454, a temporary failure
            return Unavailable(f"{server} cannot sign us in at the moment: {said}")
        advice = _OAUTH2 if self.settings.wants_token else sign_in_advice(reply)
        return Unavailable(
            f"{server} refused to sign us in: {said}; {advice}",
            is_login=is_token or reply.code not in _WANTS_TLS | METHOD_NOT_KNOWN,
        )

    def _tls_fault(self, error: ssl.SSLError) -> str:
        if isinstance(error, ssl.SSLCertVerificationError):
            return (
                f"the certificate is not trusted ({error.verify_message}); check the host name in"
                " DISPATCHER_EMAIL_URL and DISPATCHER_EMAIL_CA_FILE"
            )
        if self.settings.security is Security.TLS and error.reason in NOT_TLS:
            return (
                f"the port does not speak TLS at once ({error.reason}); write smtp+starttls:// in"
                " place of smtps:// in DISPATCHER_EMAIL_URL, or smtp:// for a relay without TLS;"
                " check the scheme and the port"
            )
        return (
            f"TLS failed ({error.reason}); check the scheme (smtps:// speaks TLS at once,"
            " smtp+starttls:// after asking) and port of DISPATCHER_EMAIL_URL"
        )

    def said(self, reply: SmtpReply) -> str:
        """Return what the relay answered."""
        return self._clean(f"{reply.code} {reply.words}")

    def _clean(self, text: str) -> str:
        """A server may echo what it was sent; credentials never leave here, in any form. Base64 is
        known by how it begins, since an echo may be cut off."""
        user, password, token = self.settings.username or "", self.settings.password, self.token
        for secret, forms in (
            (password, (f"\0{user}\0{password}", password)),
            (token, (f"user={user}\x01auth=Bearer {token}", f"n,a={user},\x01host=", token)),
        ):
            if secret:
                begins = "|".join(re.escape(to_base64(form or "")[:8]) for form in forms)
                text = re.sub(f"(?:{begins})[\\w+/=]*", "***", text.replace(secret, "***"))
        return short_text(text, LONGEST_TEXT)


def to_base64(text: str) -> str:
    return b64encode(text.encode()).decode()
