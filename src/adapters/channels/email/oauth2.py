"""Access tokens from a provider's token endpoint (RFC 6749): by client credentials, or by a refresh
token, which the provider may replace each time."""

import asyncio
import time
from collections.abc import Callable, Hashable, Mapping
from math import isnan

import structlog

from adapters.channels.email.channel import EmailSettings
from adapters.channels.email.tokens import RefreshTokenFile, Tokens, is_token
from adapters.channels.shared.http import HttpClient
from adapters.secret import now as read_now
from adapters.texts import short_text
from domain.errors import InDoubt, Unavailable
from domain.notification import JsonValue

log = structlog.get_logger()

_PREFIX = "DISPATCHER_EMAIL_OAUTH2_"
_TIMEOUT = 10.0
_LIFE = 3600.0
_LONGEST_LIFE = 86400.0
_MARGIN = 60.0
_SECRET_ERRORS = {
    "invalid_grant": "REFRESH_TOKEN",
    "invalid_client": "CLIENT_SECRET",
    "unauthorized_client": "CLIENT_ID",
    "invalid_scope": "SCOPE",
}


class FetchedToken(Tokens):
    """Keeps one token and renews it before it ends, once for all who ask meanwhile."""

    def __init__(
        self,
        settings: EmailSettings,
        kept: RefreshTokenFile,
        *,
        http: HttpClient | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """The secrets of `settings` are read before each request. `kept` holds the refresh token
        that the provider gave last. `now` is in seconds."""
        self._settings = settings
        self._kept = kept
        self._http = http or HttpClient("the token endpoint", timeout=_TIMEOUT)
        self._now = now
        self._token = ""
        self._ends_at = 0.0
        self._may_renew = True  # no token was refused since one was accepted
        self._made_of: Hashable = None
        self._request: asyncio.Task[None] | None = None

    async def token(self) -> str:
        if not self._token or self._now() >= self._ends_at or self._made_of != self.credentials():
            if self._request is None:
                self._request = asyncio.get_running_loop().create_task(self._fetch())
                self._request.add_done_callback(self._over)
            await asyncio.shield(self._request)
        return self._token

    def accepted(self, token: str) -> None:
        self._may_renew |= token == self._token

    async def renewed(self, refused: str) -> str | None:
        if refused == self._token:
            self._token = ""  # the next connection signs in with another one
            if not self._may_renew:
                return None
            self._may_renew = False
        return await super().renewed(refused)

    def credentials(self) -> Hashable:
        own = self._settings
        secrets = own.oauth2_token_url, own.oauth2_client_secret, own.oauth2_refresh_token
        return tuple(map(read_now, secrets))

    async def close(self) -> None:
        """Let go of the connection to the provider."""
        if self._request is not None:
            self._request.cancel()
        await self._http.close()

    def _over(self, request: asyncio.Task[None]) -> None:
        self._request = None
        if not request.cancelled():
            request.exception()  # those who waited have it

    async def _fetch(self) -> None:
        made_of = self.credentials()
        given = read_now(self._settings.oauth2_refresh_token)
        if given is None:
            answer = await self._ask(None)
        else:
            async with self._kept.locked():
                answer = await self._renew(given)
        self._token, self._made_of = str(answer["access_token"]), made_of
        life = _life(answer.get("expires_in"))
        self._ends_at = self._now() + life - min(_MARGIN, life / 5)

    async def _renew(self, given: str) -> Mapping[str, JsonValue]:
        kept = self._kept.load(given)
        used = kept or given
        try:
            answer = await self._ask(used)
        except _GrantRefused:
            if used == given:
                raise
            answer = await self._ask(given)  # the one kept was revoked; that one may be good
        token = answer.get("refresh_token")
        if isinstance(token, str) and is_token(token) and token != used:
            try:
                self._kept.save(given, token)
            except OSError as error:
                log.error(  # noqa: TRY400 - the traceback would say no more
                    "refresh token cannot be kept",
                    file=str(self._kept.path),
                    error=error.strerror or type(error).__name__,
                )
        return answer

    async def _ask(self, refresh_token: str | None) -> Mapping[str, JsonValue]:
        """The fields of an answer that has an access token."""
        settings = self._settings
        secret = read_now(settings.oauth2_client_secret)
        form = {
            "grant_type": "client_credentials" if refresh_token is None else "refresh_token",
            "client_id": settings.oauth2_client_id,
            "client_secret": secret,
            "scope": settings.oauth2_scope,
            "refresh_token": refresh_token,
        }
        try:
            reply = await self._http.post(
                read_now(settings.oauth2_token_url) or "",
                headers={"Accept": "application/json"},
                form={name: value for name, value in form.items() if value},
            )
        except (InDoubt, Unavailable) as error:  # a request that is not answered does no harm
            raise Unavailable(
                f"{str(error).partition(';')[0]} ({_PREFIX}TOKEN_URL)",
                safe_to_repeat=isinstance(error, InDoubt) or error.safe_to_repeat,
            ) from None
        fields = reply.json()
        if not 200 <= reply.status < 300:
            raise _refusal(reply.status, fields, [secret or "", refresh_token or ""])
        token = fields.get("access_token")
        if not isinstance(token, str) or not is_token(token):
            raise Unavailable(
                f"the token endpoint answered {reply.status} without an access token;"
                f" check {_PREFIX}TOKEN_URL"
            )
        return fields


class _GrantRefused(Unavailable):
    """The refresh token is not good any more."""


def _life(value: object) -> float:
    """In seconds; an hour where the provider does not say."""
    try:
        life = float(value)  # type: ignore[arg-type]  # some providers give a text
    except (TypeError, ValueError):
        return _LIFE
    return _LIFE if isnan(life) else min(max(life, 0.0), _LONGEST_LIFE)


def _refusal(status: int, fields: Mapping[str, JsonValue], secrets: list[str]) -> Unavailable:
    error = fields.get("error")
    code = error if isinstance(error, str) else ""
    said = short_text(f"{code} {fields.get('error_description') or ''}", secrets=secrets)
    text = f"the token endpoint answered {status}{': ' if said else ''}{said}"
    if status == 429 or status >= 500 or code in {"temporarily_unavailable", "server_error"}:
        return Unavailable(text, safe_to_repeat=True)
    usual = "CLIENT_ID" if status in {400, 401, 403} else "TOKEN_URL"
    text += f"; check {_PREFIX}{_SECRET_ERRORS.get(code, usual)}"
    if code == "invalid_grant":
        return _GrantRefused(f"{text}: have a new one made", is_login=True)
    return Unavailable(text, is_login=True)
