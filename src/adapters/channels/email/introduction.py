"""The commands before the first mail: EHLO, STARTTLS, and the login where the settings have one.

Signing in (RFC 4954) goes by password with PLAIN, LOGIN and CRAM-MD5, by token with XOAUTH2 and
OAUTHBEARER (RFC 7628).
"""

import asyncio
import hmac
import json
import re
import ssl
from base64 import b64decode

from adapters.channels.email.failures import METHOD_NOT_KNOWN, Failures, to_base64
from adapters.channels.email.session import Session
from adapters.channels.email.smtp_reply import SmtpReply
from adapters.channels.email.url import Auth, Security
from domain.errors import Unavailable

_READY, _DONE, _GO_ON, _SIGNED_IN = 220, 250, 334, 235
# RFC 5321 3.2 and 4.2.2: a server that does not know EHLO. Some say 502 or 504 of it.
_NO_EHLO = frozenset({500, 501, 502, 504})
_OLD_AUTH = re.compile("^auth=", re.IGNORECASE | re.MULTILINE)
_BY_PASSWORD = (Auth.PLAIN, Auth.LOGIN, Auth.CRAM_MD5)
_FOR_A_USER = ("user", "login", "account")
_STATUS_FIELDS = ("status", "error", "error_description", "schemes", "scope")
EHLO, HELO = "EHLO", "HELO"


class EhloCloses(Unavailable):
    """The server refuses EHLO and closes the connection: say HELO over another."""


async def introduce(
    session: Session,
    name: str,
    failures: Failures,
    context: ssl.SSLContext | None,
    seconds: float,
    verb: str = EHLO,
) -> None:
    """Make a connection that has been greeted ready for a mail. `name` is ours, `seconds` is the
    limit for each answer. `verb`: HELO after an EhloCloses. Raises Unavailable."""
    settings = failures.settings
    await _say_ehlo(session, name, failures, seconds, verb)
    if settings.security is Security.STARTTLS:
        if "starttls" not in session.extensions or context is None:
            raise Unavailable(
                f"{session.server} does not offer STARTTLS, and DISPATCHER_EMAIL_URL asks for "
                "it (smtp+starttls://); nothing was sent in clear"
            )
        reply = await failures.answer(session, b"STARTTLS\r\n", seconds)
        if reply.code != _READY:
            raise failures.not_served(reply)
        if session.lost is not None:
            raise failures.lost(session)
        try:
            async with asyncio.timeout(seconds):
                await session.start_tls(context, settings.host)
        except OSError as error:
            raise failures.unreachable(error, seconds, "answer") from None
        await _say_ehlo(session, name, failures, seconds)
    if settings.username:
        await SignIn(session, failures, seconds).run()
    if session.lost is not None and not session.unasked:
        raise failures.lost(session)
    if not settings.eight_bit:
        session.extensions.pop("8bitmime", None)
    session.pipelining = settings.pipelining and "pipelining" in session.extensions


async def _say_ehlo(
    session: Session, name: str, failures: Failures, seconds: float, verb: str = EHLO
) -> None:
    """EHLO, or HELO where the server knows no EHLO and we need none of its extensions."""
    reply = await failures.answer(session, f"{verb} {name}\r\n".encode(), seconds)
    if verb == EHLO and reply.code in _NO_EHLO:
        wants_tls = failures.settings.security is not Security.CLEAR
        if needs := "TLS" if wants_tls else "a sign-in" if failures.settings.username else "":
            raise Unavailable(
                f"{session.server} does not know EHLO ({reply}), and"
                f" DISPATCHER_EMAIL_URL asks for {needs}, which needs it; nothing was sent"
            )
        verb = HELO
        try:
            reply = await failures.answer(session, f"{verb} {name}\r\n".encode(), seconds)
        except Unavailable as error:
            if not session.was_closed:
                raise
            raise EhloCloses(str(error)) from None
    if reply.code != _DONE:
        said = f"does not take our greeting: {failures.said(reply)}; if it refuses our name"
        raise Unavailable(f"{session.server} {said}, set DISPATCHER_EMAIL_EHLO to a full name")
    session.extensions = _extensions(reply) if verb == EHLO else {}


def _extensions(reply: SmtpReply) -> dict[str, str]:
    """The keywords in lower case, with their parameters. Some servers write AUTH=LOGIN, or several
    lines of AUTH."""
    extensions: dict[str, str] = {}
    for line in _OLD_AUTH.sub("auth ", reply.words).split("\n")[1:]:
        keyword, _, parameters = line.lower().partition(" ")
        extensions[keyword] = f"{extensions.get(keyword, '')} {parameters}".strip()
    return extensions


class SignIn:
    """One login over `session`, which has sent EHLO."""

    def __init__(self, session: Session, failures: Failures, seconds: float) -> None:
        """`failures` has the settings and the token to use. `seconds`: to wait for each answer."""
        self._session, self._failures, self._seconds = session, failures, seconds
        self._settings = failures.settings
        self._token_refused = False

    async def run(self) -> None:
        """Sign in. One refusal ends it: a try with each method would lock an account out. Raises
        Unavailable."""
        user, password = self._settings.username or "", self._settings.password or ""
        offered = self._offered()
        for method in offered:
            if method is Auth.PLAIN:
                reply = await self._plain(to_base64(f"\0{user}\0{password}"))
            elif method is Auth.LOGIN:
                reply = await self._login(user, password)
            elif method is Auth.CRAM_MD5:
                reply = await self._cram_md5(user, password)
            else:
                reply = await self._bearer(method, user, self._failures.token or "")
            if reply.code == _SIGNED_IN:
                return
            if reply.code == _GO_ON:
                await self._say("*")  # ends the dialogue
                raise Unavailable(
                    f"{self._settings.server} asks for more than a user name and a password"
                )
            if reply.code not in METHOD_NOT_KNOWN or method is offered[-1]:
                raise self._failures.sign_in_refused(reply, is_token=self._token_refused)

    def _offered(self) -> list[Auth]:
        asked = self._settings.auth
        offers = self._session.extensions.get("auth", "").lower().split()
        if asked is not None:
            if asked.value in offers:
                return [asked]
            given = ", ".join(name.upper() for name in offers) or "no method at all"
            raise Unavailable(
                f"{self._settings.server} offers {given}, and DISPATCHER_EMAIL_URL asks for"
                f" ?auth={asked}"
            )
        usable = [method for method in _BY_PASSWORD if method.value in offers]
        if not usable:
            raise Unavailable(f"{self._settings.server} {_why_none(offers)}")
        return usable

    async def _plain(self, response: str) -> SmtpReply:
        reply = await self._say(f"AUTH PLAIN {response}")
        if reply.code == _GO_ON:  # it takes no initial response
            reply = await self._say(response)
        return reply

    async def _login(self, user: str, password: str) -> SmtpReply:
        """Without an initial response, which some servers refuse and others ignore: those would
        take the password for the user name, and log it."""
        reply = await self._say("AUTH LOGIN")
        if reply.code == _GO_ON:
            if "pass" in _prompt(reply):
                await self._refuse_order("the password before the user name")
            reply = await self._say(to_base64(user))
        if reply.code == _GO_ON:
            prompt = _prompt(reply)
            if "pass" not in prompt and any(word in prompt for word in _FOR_A_USER):
                await self._refuse_order("the user name twice")
            reply = await self._say(to_base64(password))
        return reply

    async def _cram_md5(self, user: str, password: str) -> SmtpReply:
        reply = await self._say("AUTH CRAM-MD5")
        if reply.code == _GO_ON:
            try:
                challenge = b64decode(reply.text)
            except ValueError:
                return reply  # it asks for something else
            digest = hmac.digest(password.encode(), challenge, "md5").hex()
            reply = await self._say(to_base64(f"{user} {digest}"))
        return reply

    async def _bearer(self, method: Auth, user: str, token: str) -> SmtpReply:
        """A refusal comes as a challenge with its reason, and waits for a last answer."""
        start, last = f"user={user}", ""
        if method is Auth.OAUTHBEARER:
            name = user.replace("=", "=3D").replace(",", "=2C")
            start = f"n,a={name},\x01host={self._settings.host}\x01port={self._settings.port}"
            last = to_base64("\x01")
        response = to_base64(f"{start}\x01auth=Bearer {token}\x01\x01")
        reply = await self._say(f"AUTH {method.upper()} {response}")
        if reply.code == _GO_ON and not reply.text:  # it takes no initial response
            reply = await self._say(response)
        if reply.code == _GO_ON:
            status = _status(reply)
            reply = await self._say(last)
            self._token_refused = True
            reply = SmtpReply(reply.code, reply.text + (f" ({status})" if status else "").encode())
        return reply

    async def _say(self, line: str) -> SmtpReply:
        return await self._failures.answer(self._session, f"{line}\r\n".encode(), self._seconds)

    async def _refuse_order(self, what: str) -> None:
        await self._say("*")
        raise Unavailable(
            f"{self._settings.server} asks for {what} (AUTH LOGIN); the password was not sent. "
            "Write ?auth=plain or ?auth=cram-md5 in DISPATCHER_EMAIL_URL if the server has it"
        )


def _why_none(offers: list[str]) -> str:
    bearer = [name for name in offers if name in {Auth.XOAUTH2, Auth.OAUTHBEARER}]
    if bearer:
        return (
            f"takes no password, only a token ({', '.join(bearer).upper()}): write"
            f" ?auth={bearer[0]} in DISPATCHER_EMAIL_URL and set DISPATCHER_EMAIL_OAUTH2_TOKEN_URL"
            " or DISPATCHER_EMAIL_OAUTH2_ACCESS_TOKEN"
        )
    return (
        "offers no way to sign in that we know (PLAIN, LOGIN, CRAM-MD5); it may want TLS first:"
        " check the scheme of DISPATCHER_EMAIL_URL"
    )


def _prompt(reply: SmtpReply) -> str:
    """What a challenge asks, in lower case; some servers forget to encode it."""
    try:
        decoded = b64decode(reply.text, validate=True).decode("utf-8", "replace")
    except ValueError:
        decoded = ""
    return f"{decoded} {reply.words}".lower()


def _status(challenge: SmtpReply) -> str:
    """The reason of a refused token: base64 of a JSON object. Empty where it is something else."""
    try:
        fields = json.loads(b64decode(challenge.text, validate=True))
    except (ValueError, RecursionError):  # Base64Error and JSONDecodeError are ValueErrors
        return ""
    if not isinstance(fields, dict):
        return ""
    return ", ".join(f"{name} {fields[name]}" for name in _STATUS_FIELDS if fields.get(name))
