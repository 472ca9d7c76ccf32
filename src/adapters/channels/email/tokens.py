"""Access tokens to sign in with (RFC 6750), and the refresh token that a provider gave last."""

import asyncio
import contextlib
import fcntl
import json
import os
import re
from collections.abc import AsyncIterator, Callable, Hashable
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile

from domain.errors import Unavailable

_TOKEN = re.compile(r"[!-~]+")

_LOOK = 0.05  # seconds between two tries for the lock
_LONGEST_WAIT = 60.0


class Tokens:
    """Where access tokens come from. Raises Unavailable when no token can be had."""

    async def token(self) -> str:
        """A token that is good, as far as is known."""
        raise NotImplementedError

    def accepted(self, token: str) -> None:
        """A relay took it."""

    async def renewed(self, refused: str) -> str | None:
        """Another token in place of one that a relay refused; None where another would be refused
        as well."""
        token = await self.token()
        return token if token != refused else None

    def credentials(self) -> Hashable:
        """What the tokens are made of, as the settings have it now."""
        raise NotImplementedError

    async def close(self) -> None:
        """Let go of connections."""


class GivenToken(Tokens):
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

    def credentials(self) -> Hashable:
        return self._read()


def is_token(text: str) -> bool:
    """Whether `text` can stand in the dialogue of a sign-in."""
    return _TOKEN.fullmatch(text) is not None


class RefreshTokenFile:
    """One refresh token, for all processes that share the folder.

    It belongs to the token that was given in the settings: another one there begins again.
    """

    def __init__(self, path: Path, client: Callable[[], str]) -> None:
        """`client` names the account as it is now; a token of another is not taken."""
        self.path = path
        self._client = client

    @contextlib.asynccontextmanager
    async def locked(self) -> AsyncIterator[None]:
        """Hold off other processes: each use of the token may replace it. Where there can be no
        lock, as on a disk without writing, go on without."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:
            yield
            return
        try:
            await self._wait(file)
            yield
        finally:
            os.close(file)

    async def _wait(self, file: int) -> None:
        for _ in range(int(_LONGEST_WAIT / _LOOK)):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                await asyncio.sleep(_LOOK)
            except OSError:
                return
            else:
                return

    def load(self, given: str) -> str | None:
        """The token kept for `given`, or None."""
        try:
            kept = json.loads(self.path.read_text("utf-8"))
        except (OSError, ValueError):
            return None
        match kept:
            case {"for": owner, "refresh_token": str(token)} if owner == self._name(given):
                return token or None
        return None

    def save(self, given: str, token: str) -> None:
        """Keep `token` in place of the last one, whole or not at all. Raises OSError."""
        content = json.dumps({"for": self._name(given), "refresh_token": token})
        folder = self.path.parent
        folder.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile("w", dir=folder, prefix=".oauth2-", delete=False) as file:
            try:  # its mode is 0600
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).replace(self.path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise

    def _name(self, given: str) -> str:
        return sha256(f"{self._client()}\0{given}".encode()).hexdigest()
