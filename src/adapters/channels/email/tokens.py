"""Access tokens to sign in with (RFC 6750): given by the operator, who renews it."""

import re
from collections.abc import Callable, Hashable
from typing import Protocol

from domain.errors import Unavailable

_TOKEN = re.compile(r"[!-~]+")


class Tokens(Protocol):
    """Where access tokens come from. Raises Unavailable when no token can be had."""

    async def token(self) -> str:
        """A token that is good, as far as is known."""

    def accepted(self, token: str) -> None:
        """A relay took it."""

    async def renewed(self, refused: str) -> str | None:
        """Another token in place of one that a relay refused; None where another would be refused
        as well."""

    def credentials(self) -> Hashable:
        """What the tokens are made of, as the settings have it now."""

    async def close(self) -> None:
        """Let go of connections."""


class GivenToken:
    """The token in DISPATCHER_EMAIL_OAUTH2_ACCESS_TOKEN, or in its file, which is read each time:
    another program renews it there."""

    def __init__(self, read: Callable[[], str | None]) -> None:
        self._read = read

    async def token(self) -> str:
        token = self._read() or ""
        if not is_token(token):
            raise Unavailable(
                "DISPATCHER_EMAIL_OAUTH2_ACCESS_TOKEN: must be a token: ASCII without blanks",
                is_login=True,
            )
        return token

    def accepted(self, token: str) -> None:
        """Nothing to remember."""

    async def renewed(self, refused: str) -> str | None:
        token = await self.token()
        return token if token != refused else None

    def credentials(self) -> Hashable:
        return self._read()

    async def close(self) -> None:
        """Nothing is open."""


def is_token(text: str) -> bool:
    """Whether `text` can stand in the dialogue of a sign-in."""
    return _TOKEN.fullmatch(text) is not None
