"""When a token is fetched again: before it ends, and after a relay has refused it."""

import asyncio
from pathlib import Path

import pytest

from domain.errors import Unavailable
from tests.support.http_server import Answer, HttpServer
from tests.support.oauth2 import USER, Provider, fetched, signed_in, token_server


def test_field_5_7_a_token_is_renewed_before_it_ends(tmp_path: Path) -> None:
    now = [1000.0]

    async def main() -> None:
        async with HttpServer() as http:
            http.on(Provider(), path="/token")
            tokens = fetched(http, tmp_path, now=lambda: now[0])
            seen = []
            for moment in (1000.0, 4500.0, 4541.0, 4600.0):
                now[0] = moment
                seen.append(await tokens.token())
            await tokens.close()
        assert seen == ["access-1", "access-1", "access-2", "access-2"]

    asyncio.run(main())


def test_field_5_7_a_token_that_was_good_and_is_refused_is_renewed_once(tmp_path: Path) -> None:
    async def main() -> None:
        async with HttpServer() as http, token_server("access-1") as server:
            http.on(Provider(), path="/token")
            tokens = fetched(http, tmp_path)
            await signed_in(server, tokens)
            server.users = {USER: "access-2"}
            await signed_in(server, tokens)
            server.users = {USER: "none of them"}
            with pytest.raises(Unavailable):
                await signed_in(server, tokens)
            with pytest.raises(Unavailable):
                await signed_in(server, tokens)
            await tokens.close()
        assert len(server.sessions) == 6
        assert len(http.requests) == 3

    asyncio.run(main())


def test_field_5_7_the_first_token_that_is_refused_is_renewed_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        async with HttpServer() as http, token_server("access-2") as server:
            http.on(Provider(), path="/token")
            tokens = fetched(http, tmp_path)
            await signed_in(server, tokens)
            await tokens.close()
        assert [session.user for session in server.sessions] == [None, USER]

    asyncio.run(main())


def test_field_5_7_tokens_that_are_refused_cost_one_login_a_try(tmp_path: Path) -> None:
    async def main() -> None:
        async with HttpServer() as http, token_server("never") as server:
            http.on(Provider(), path="/token")
            tokens = fetched(http, tmp_path)
            for _ in range(5):
                with pytest.raises(Unavailable):
                    await signed_in(server, tokens)
            await tokens.close()
        assert len(server.sessions) == 6

    asyncio.run(main())


@pytest.mark.parametrize(
    ("expires_in", "seconds", "requests"),
    [(0, 0, 2), (-1, 0, 2), ("0", 0, 2), (1, 0.7, 1), (1, 0.9, 2), (None, 3000, 1), ("x", 3000, 1)],
)
def test_field_5_7_a_token_serves_until_shortly_before_its_end(
    tmp_path: Path, expires_in: object, seconds: float, requests: int
) -> None:
    now = [1000.0]

    async def main() -> None:
        async with HttpServer() as http:
            answer = {"access_token": "access", "expires_in": expires_in}
            http.on(Answer(200, answer), path="/token")
            tokens = fetched(http, tmp_path, now=lambda: now[0])
            await tokens.token()
            now[0] += seconds
            assert await tokens.token() == "access"
            await tokens.close()
        assert len(http.requests) == requests

    asyncio.run(main())
