"""Signing in (RFC 4954): by password with PLAIN, LOGIN and CRAM-MD5, by token with XOAUTH2 and
OAUTHBEARER (RFC 7628). A refusal is aiosmtplib's SMTPAuthenticationError."""

import json
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Awaitable, Callable

from aiosmtplib import SMTP, SMTPAuthenticationError, SMTPResponse

from adapters.channels.email.url import Auth, SmtpSettings
from domain.errors import Unavailable

_GO_ON = 334
_SIGNED_IN = 235
METHOD_NOT_KNOWN = frozenset({500, 501, 502, 503, 504})
_BY_PASSWORD = (Auth.PLAIN, Auth.LOGIN, Auth.CRAM_MD5)
_FOR_A_USER = ("user", "login", "account")
_STATUS_FIELDS = ("status", "error", "error_description", "schemes", "scope")


class TokenRefused(SMTPAuthenticationError):
    """A server answered an access token with a challenge, which is a refusal whatever code ends the
    dialogue."""


class SignIn:
    """One signing in over `smtp`, which has said EHLO."""

    def __init__(self, smtp: SMTP, settings: SmtpSettings, token: str | None) -> None:
        """`token`: the access token, where `settings.auth` is a method that wants one."""
        self._smtp = smtp
        self._settings = settings
        self._username = settings.username or ""
        self._password = settings.password or ""
        self._token = token or ""
        self._methods: dict[Auth, Callable[[], Awaitable[None]]] = {
            Auth.PLAIN: self._plain,
            Auth.LOGIN: self._login,
            Auth.CRAM_MD5: self._cram_md5,
            Auth.XOAUTH2: self._xoauth2,
            Auth.OAUTHBEARER: self._oauthbearer,
        }

    async def run(self) -> None:
        """Sign in. One refusal ends it: a try with each method would lock an account out. Raises
        SMTPAuthenticationError, or Unavailable where there is no method or an unsafe dialogue."""
        offered = self._offered()
        for method in offered:
            try:
                await self._methods[method]()
            except SMTPAuthenticationError as error:
                if error.code not in METHOD_NOT_KNOWN or method is offered[-1]:
                    raise
            else:
                return

    def _offered(self) -> list[Auth]:
        asked, offers = self._settings.auth, self._smtp.server_auth_methods
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

    async def _plain(self) -> None:
        encoded = _base64(f"\0{self._username}\0{self._password}")
        reply = await self._say(b"AUTH", b"PLAIN", encoded)
        if reply.code == _GO_ON:  # it takes no initial response
            reply = await self._say(encoded)
        await self._finish(reply)

    async def _login(self) -> None:
        """Without an initial response, which some servers refuse and others ignore: those would
        take the password for the user name, and log it."""
        reply = await self._say(b"AUTH", b"LOGIN")
        if reply.code == _GO_ON:
            if "pass" in _prompt(reply):
                await self._refuse_order("the password before the user name")
            reply = await self._say(_base64(self._username))
            if reply.code == _GO_ON:
                prompt = _prompt(reply)
                if "pass" not in prompt and any(word in prompt for word in _FOR_A_USER):
                    await self._refuse_order("the user name twice")
                reply = await self._say(_base64(self._password))
        await self._finish(reply)

    async def _cram_md5(self) -> None:
        await self._smtp.auth_crammd5(self._username, self._password)

    async def _xoauth2(self) -> None:
        text = f"user={self._username}\x01auth=Bearer {self._token}\x01\x01"
        await self._bearer("XOAUTH2", _base64(text), b"")

    async def _oauthbearer(self) -> None:
        user = self._username.replace("=", "=3D").replace(",", "=2C")
        server = f"host={self._settings.host}\x01port={self._settings.port}"
        text = f"n,a={user},\x01{server}\x01auth=Bearer {self._token}\x01\x01"
        await self._bearer("OAUTHBEARER", _base64(text), _base64("\x01"))

    async def _bearer(self, method: str, encoded: bytes, after_status: bytes) -> None:
        """A refusal comes as a challenge with its reason, which `after_status` answers."""
        reply = await self._say(b"AUTH", method.encode(), encoded)
        if reply.code != _GO_ON:
            await self._finish(reply)
            return
        status = _status(reply.message)
        if not status and not reply.message.strip():  # it takes no initial response
            reply = await self._say(encoded)
            status = _status(reply.message) if reply.code == _GO_ON else ""
        if reply.code == _GO_ON:
            reply = await self._say(after_status)
            if reply.code not in {_SIGNED_IN, _GO_ON}:
                reason = f" ({status})" if status else ""
                raise TokenRefused(reply.code, f"{reply.message}{reason}")
        await self._finish(reply)

    async def _say(self, *words: bytes) -> SMTPResponse:
        return await self._smtp.execute_command(*words)

    async def _finish(self, reply: SMTPResponse) -> None:
        if reply.code == _SIGNED_IN:
            return
        if reply.code == _GO_ON:
            await self._say(b"*")  # ends the dialogue
            raise Unavailable(
                f"{self._settings.server} asks for more than a user name and a password"
            )
        raise SMTPAuthenticationError(reply.code, reply.message)

    async def _refuse_order(self, what: str) -> None:
        await self._say(b"*")
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


def _base64(text: str) -> bytes:
    return b64encode(text.encode())


def _prompt(reply: SMTPResponse) -> str:
    """What a challenge asks, in lower case; some servers forget to encode it."""
    try:
        decoded = b64decode(reply.message.strip(), validate=True).decode("utf-8", "replace")
    except (Base64Error, ValueError):
        decoded = ""
    return f"{decoded} {reply.message}".lower()


def _status(challenge: str) -> str:
    """The reason of a refused token: base64 of a JSON object. Empty where it is something else."""
    try:
        fields = json.loads(b64decode(challenge.strip(), validate=True))
    except (ValueError, RecursionError):  # Base64Error and JSONDecodeError are ValueErrors
        return ""
    if not isinstance(fields, dict):
        return ""
    return ", ".join(f"{name} {fields[name]}" for name in _STATUS_FIELDS if fields.get(name))
