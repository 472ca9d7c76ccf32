"""Access tokens from a provider: renewed in time, and refresh tokens kept."""

import asyncio
import json
import stat
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from adapters.channels.email.channel import EmailSettings
from adapters.channels.email.oauth2 import FetchedToken
from adapters.channels.email.tokens import RefreshTokenFile
from adapters.secret import Secret
from domain.errors import Unavailable
from tests.support.http_server import Answer, Cut, HttpServer
from tests.support.oauth2 import REFRESH, SECRET, Provider, fetched, signed_in, token_server


def test_field_5_7_client_credentials_get_one_token_for_all_connections(tmp_path: Path) -> None:
    async def main() -> None:
        async with HttpServer() as http, token_server("access-1") as server:
            http.on(Provider(), path="/token")
            tokens = fetched(http, tmp_path)
            await asyncio.gather(*(signed_in(server, tokens) for _ in range(5)))
            await signed_in(server, tokens)
            await tokens.close()
        [request] = http.requests
        assert request.form() == {
            "grant_type": "client_credentials",
            "client_id": "client-id",
            "client_secret": SECRET,
            "scope": "mail",
        }
        assert len(server.sessions) == 6

    asyncio.run(main())


def test_field_5_7_a_replaced_refresh_token_is_kept_for_the_next_start(tmp_path: Path) -> None:
    async def main() -> None:
        async with HttpServer() as http:
            http.on(Provider(refresh_token="rotated"), path="/token")
            for _ in range(3):
                tokens = fetched(http, tmp_path / "home", refresh_token=REFRESH)
                await tokens.token()
                await tokens.close()
            another = fetched(http, tmp_path / "home", refresh_token="from-a-new-consent")
            await another.token()
            await another.close()
        used = [request.form()["refresh_token"] for request in http.requests]
        assert used == [REFRESH, "rotated-1", "rotated-2", "from-a-new-consent"]
        assert {request.form()["grant_type"] for request in http.requests} == {"refresh_token"}

    asyncio.run(main())

    kept = tmp_path / "home/kept.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert json.loads(kept.read_text())["refresh_token"] == "rotated-4"
    assert sorted(path.name for path in kept.parent.iterdir()) == ["kept.json", "kept.lock"]


def test_a_kept_refresh_token_that_was_revoked_gives_way_to_the_given_one(tmp_path: Path) -> None:
    async def main() -> None:
        async with HttpServer() as http:
            file = RefreshTokenFile(tmp_path / "kept.json", lambda: "client")
            file.save(REFRESH, "revoked")
            http.on(Provider(), path="/token")
            http.on(Answer(400, {"error": "invalid_grant"}), path="/token", times=1)
            tokens = fetched(http, tmp_path, refresh_token=REFRESH)
            assert await tokens.token() == "access-1"
            await tokens.close()
        used = [request.form()["refresh_token"] for request in http.requests]
        assert used == ["revoked", REFRESH]

    asyncio.run(main())


def test_a_refresh_token_that_cannot_be_kept_is_reported_and_the_mail_goes(tmp_path: Path) -> None:
    async def main() -> None:
        (tmp_path / "home").write_text("a file in the way")
        async with HttpServer() as http:
            http.on(Provider(refresh_token="rotated"), path="/token")
            tokens = fetched(http, tmp_path / "home", refresh_token=REFRESH)
            with capture_logs() as lines:
                assert await tokens.token() == "access-1"
            await tokens.close()
        assert [line["event"] for line in lines] == ["refresh token cannot be kept"]
        assert "rotated" not in repr(lines)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("answer", "is_login", "words"),
    [
        (
            Answer(400, {"error": "invalid_grant", "error_description": f"{REFRESH} expired"}),
            True,
            "DISPATCHER_EMAIL_OAUTH2_REFRESH_TOKEN",
        ),
        (Answer(401, {"error": "invalid_client"}), True, "DISPATCHER_EMAIL_OAUTH2_CLIENT_SECRET"),
        (Answer(400, {"error": "invalid_scope"}), True, "DISPATCHER_EMAIL_OAUTH2_SCOPE"),
        (Answer(404, "none"), True, "answered 404; check DISPATCHER_EMAIL_OAUTH2_TOKEN_URL"),
        (Answer(302), True, "answered 302; check DISPATCHER_EMAIL_OAUTH2_TOKEN_URL"),
        (Answer(401), True, "answered 401; check DISPATCHER_EMAIL_OAUTH2_CLIENT_ID"),
        (Answer(503, "busy"), False, "answered 503"),
        (Answer(429), False, "answered 429"),
        (Answer(200, {"error": "odd"}), False, "without an access token"),
        (Answer(200, {"access_token": "two words"}), False, "without an access token"),
        (Cut(), False, "DISPATCHER_EMAIL_OAUTH2_TOKEN_URL"),
    ],
)
def test_field_5_7_a_provider_that_gives_no_token_pauses_the_channel(
    tmp_path: Path, answer: Answer | Cut, is_login: bool, words: str
) -> None:
    async def main() -> None:
        async with HttpServer() as http, token_server("x") as server:
            http.on(answer, path="/token")
            tokens = fetched(http, tmp_path, refresh_token=REFRESH)
            with pytest.raises(Unavailable) as caught:
                await signed_in(server, tokens)
            await tokens.close()
            assert server.sessions == []
        assert caught.value.is_login is is_login
        assert words in str(caught.value)
        assert "S3cret" not in str(caught.value)
        assert len(http.requests) == 1

    asyncio.run(main())


def test_a_provider_that_is_away_is_worth_another_try(tmp_path: Path) -> None:
    async def main() -> None:
        async with HttpServer() as http:
            pass
        tokens = fetched(http, tmp_path)
        with pytest.raises(Unavailable) as caught:
            await tokens.token()
        assert caught.value.safe_to_repeat
        await tokens.close()

    asyncio.run(main())


def test_one_failed_request_answers_all_who_wait_for_it(tmp_path: Path) -> None:
    async def main() -> None:
        async with HttpServer() as http:
            http.on(Answer(503, delay=0.1), path="/token")
            tokens = fetched(http, tmp_path)
            waiting = [tokens.token() for _ in range(5)]
            answers = await asyncio.gather(*waiting, return_exceptions=True)
            assert all(isinstance(answer, Unavailable) for answer in answers)
            assert len(http.requests) == 1
            await tokens.close()

    asyncio.run(main())


def test_a_changed_secret_is_used_at_once(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("old")

    async def main() -> None:
        async with HttpServer() as http:
            http.on(Provider(), path="/token")
            settings = EmailSettings(
                oauth2_token_url=Secret(f"{http.url}/token"),
                oauth2_client_id="me",
                oauth2_client_secret=Secret("old", secret),
            )
            tokens = FetchedToken(
                settings, RefreshTokenFile(tmp_path / "kept.json", lambda: "client")
            )
            await tokens.token()
            secret.write_text("new")
            assert await tokens.token() == "access-2"
            await tokens.close()
        assert [request.form()["client_secret"] for request in http.requests] == ["old", "new"]

    asyncio.run(main())
