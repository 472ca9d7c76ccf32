"""Signing in with an access token that the settings give."""

import asyncio

import pytest

from adapters.channels.email.tokens import GivenToken
from adapters.channels.email.url import Auth
from domain.errors import Unavailable
from tests.support.oauth2 import USER, signed_in, token_server
from tests.support.smtp_server import Say


@pytest.mark.parametrize("auth", [Auth.XOAUTH2, Auth.OAUTHBEARER])
def test_field_5_7_a_given_token_signs_in(auth: Auth) -> None:
    async def main() -> None:
        async with token_server("access-1") as server:
            await signed_in(server, GivenToken(lambda: "access-1"), auth)
            assert server.sessions[0].user == USER

    asyncio.run(main())


@pytest.mark.parametrize(("auth", "answer"), [(Auth.XOAUTH2, ""), (Auth.OAUTHBEARER, "AQ==")])
def test_field_5_7_a_refused_token_names_the_status_and_is_never_repeated(
    auth: Auth, answer: str
) -> None:
    async def main() -> None:
        async with token_server("another") as server:
            with pytest.raises(Unavailable) as caught:
                await signed_in(server, GivenToken(lambda: "access-S3cret"), auth)
        assert caught.value.is_login
        assert "535 5.7.8" in str(caught.value)
        assert "status 400" in str(caught.value)
        assert "DISPATCHER_EMAIL_OAUTH2_" in str(caught.value)
        assert "S3cret" not in repr(caught.value) + repr(caught.value.__context__)
        assert server.sessions[0].commands[-1] == answer
        assert len(server.sessions) == 1

    asyncio.run(main())


@pytest.mark.parametrize(
    ("reply", "is_login"),
    [
        ("501 5.5.2 Cannot Decode response", True),
        ("500 5.5.1 command unrecognized", True),
        ("554 5.7.0 no", True),
        ("454 4.7.0 Temporary authentication failure", False),
    ],
)
def test_field_5_7_a_challenge_is_a_refusal_whatever_code_ends_the_dialogue(
    reply: str, is_login: bool
) -> None:
    async def main() -> None:
        async with token_server("another") as server:
            server.on("badauth", Say(reply))
            with pytest.raises(Unavailable) as caught:
                await signed_in(server, GivenToken(lambda: "access"))
        assert caught.value.is_login is is_login
        assert reply in str(caught.value)

    asyncio.run(main())


def test_field_5_7_a_token_that_changes_in_its_file_is_tried_again() -> None:
    async def main() -> None:
        async with token_server("new") as server:
            await signed_in(server, GivenToken(lambda: "new" if server.sessions else "old"))
            assert [session.user for session in server.sessions] == [None, USER]

    asyncio.run(main())


@pytest.mark.parametrize("token", [None, "", "two words", "a\x01auth=Bearer b", "tökén"])
def test_a_token_that_cannot_be_one_reaches_no_relay(token: str | None) -> None:
    async def main() -> None:
        async with token_server("x") as server:
            with pytest.raises(Unavailable, match="DISPATCHER_EMAIL_OAUTH2_ACCESS_TOKEN"):
                await signed_in(server, GivenToken(lambda: token))
            assert server.sessions == []

    asyncio.run(main())
