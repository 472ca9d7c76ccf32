"""Signing in (RFC 4954): by password with PLAIN, LOGIN and CRAM-MD5, by token with XOAUTH2 and
OAUTHBEARER (RFC 7628)."""

import hmac
import json
from base64 import b64decode
from collections.abc import Awaitable, Callable, Mapping

from adapters.channels.email.failures import METHOD_NOT_KNOWN, Failures, to_base64
from adapters.channels.email.session import Session, SmtpReply
from adapters.channels.email.url import Auth
from domain.errors import Unavailable

_GO_ON = 334
_SIGNED_IN = 235
_BY_PASSWORD = (Auth.PLAIN, Auth.LOGIN, Auth.CRAM_MD5)
_FOR_A_USER = ("user", "login", "account")
_STATUS_FIELDS = ("status", "error", "error_description", "schemes", "scope")


class SignIn:
    """One signing in over `session`, which has said EHLO."""

    def __init__(self, session: Session, failures: Failures, seconds: float) -> None:
        """`failures` has the settings and the token to use. `seconds`: to wait for each answer."""
        self._session = session
        self._failures = failures
        self._seconds = seconds
        self._settings = failures.settings
        self._username = failures.settings.username or ""
        self._password = failures.settings.password or ""
        self._token = failures.token or ""
        self._token_refused = False
        self._methods: Mapping[Auth, Callable[[], Awaitable[SmtpReply]]] = {
            Auth.PLAIN: self._plain,
            Auth.LOGIN: self._login,
            Auth.CRAM_MD5: self._cram_md5,
            Auth.XOAUTH2: self._xoauth2,
            Auth.OAUTHBEARER: self._oauthbearer,
        }

    async def run(self) -> None:
        """Sign in. One refusal ends it: a try with each method would lock an account out. Raises
        Unavailable."""
        offered = self._offered()
        for method in offered:
            reply = await self._methods[method]()
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

    async def _plain(self) -> SmtpReply:
        encoded = to_base64(f"\0{self._username}\0{self._password}")
        reply = await self._say(f"AUTH PLAIN {encoded}")
        if reply.code == _GO_ON:  # it takes no initial response
            reply = await self._say(encoded)
        return reply

    async def _login(self) -> SmtpReply:
        """Without an initial response, which some servers refuse and others ignore: those would
        take the password for the user name, and log it."""
        reply = await self._say("AUTH LOGIN")
        if reply.code != _GO_ON:
            return reply
        if "pass" in _prompt(reply):
            await self._refuse_order("the password before the user name")
        reply = await self._say(to_base64(self._username))
        if reply.code != _GO_ON:
            return reply
        prompt = _prompt(reply)
        if "pass" not in prompt and any(word in prompt for word in _FOR_A_USER):
            await self._refuse_order("the user name twice")
        return await self._say(to_base64(self._password))

    async def _cram_md5(self) -> SmtpReply:
        reply = await self._say("AUTH CRAM-MD5")
        if reply.code != _GO_ON:
            return reply
        try:
            challenge = b64decode(reply.text)
        except ValueError:
            return reply  # it asks for something else
        digest = hmac.digest(self._password.encode(), challenge, "md5").hex()
        return await self._say(to_base64(f"{self._username} {digest}"))

    async def _xoauth2(self) -> SmtpReply:
        text = f"user={self._username}\x01auth=Bearer {self._token}\x01\x01"
        return await self._bearer("XOAUTH2", text, "")

    async def _oauthbearer(self) -> SmtpReply:
        user = self._username.replace("=", "=3D").replace(",", "=2C")
        server = f"host={self._settings.host}\x01port={self._settings.port}"
        text = f"n,a={user},\x01{server}\x01auth=Bearer {self._token}\x01\x01"
        return await self._bearer("OAUTHBEARER", text, "\x01")

    async def _bearer(self, method: str, text: str, after_status: str) -> SmtpReply:
        """A refusal comes as a challenge with its reason, which `after_status` answers."""
        reply = await self._say(f"AUTH {method} {to_base64(text)}")
        if reply.code == _GO_ON and not reply.text:  # it takes no initial response
            reply = await self._say(to_base64(text))
        if reply.code != _GO_ON:
            return reply
        status = _status(reply)
        reply = await self._say(to_base64(after_status))
        self._token_refused = True
        reason = f" ({status})" if status else ""
        return SmtpReply(reply.code, reply.text + reason.encode())

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
