"""A token endpoint, and relays that take its tokens."""

from pathlib import Path
from typing import Any

from adapters.channels.email.channel import EmailSettings
from adapters.channels.email.connect import Connector
from adapters.channels.email.oauth2 import FetchedToken
from adapters.channels.email.tokens import RefreshTokenFile, Tokens
from adapters.channels.email.url import Auth
from adapters.secret import Secret
from tests.support.http_server import Answer, HttpServer, Request
from tests.support.relays import SHORT, relay
from tests.support.smtp_server import SmtpServer

USER = "shop@example.com"
SECRET, REFRESH = "client-S3cret", "refresh-S3cret"


class Provider:
    """A token endpoint: gives `access-1`, `access-2` and so on."""

    def __init__(self, **more: object) -> None:
        self.more = more
        self.given = 0

    def __call__(self, _request: Request) -> Answer:
        self.given += 1
        rotated = {name: f"{value}-{self.given}" for name, value in self.more.items()}
        return Answer(body={"access_token": f"access-{self.given}", "expires_in": 3600, **rotated})


def fetched(
    http: HttpServer,
    home: Path,
    *,
    refresh_token: str | None = None,
    secret: str | None = SECRET,
    **options: Any,
) -> FetchedToken:
    settings = EmailSettings(
        oauth2_token_url=Secret(f"{http.url}/token"),
        oauth2_client_id="client-id",
        oauth2_client_secret=None if secret is None else Secret(secret),
        oauth2_scope="mail",
        oauth2_refresh_token=None if refresh_token is None else Secret(refresh_token),
    )
    return FetchedToken(settings, RefreshTokenFile(home / "kept.json", lambda: "client"), **options)


def token_server(token: str, **options: Any) -> SmtpServer:
    options.setdefault("auth", "XOAUTH2 OAUTHBEARER")
    return SmtpServer(users={USER: token}, **options)


async def signed_in(server: SmtpServer, tokens: Tokens, auth: Auth = Auth.XOAUTH2) -> None:
    """Open a connection with a token and leave. Raises Unavailable."""
    settings = relay(server, username=USER, auth=auth)
    session = await Connector(settings, timeouts=SHORT, tokens=tokens).open()
    await session.quit(1)
