"""The refresh token that a provider gave last, kept in a file that only its owner reads."""

import asyncio
import contextlib
import fcntl
import json
import os
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile

_LOOK = 0.05  # seconds between two tries for the lock
_LONGEST_WAIT = 60.0


class RefreshTokenFile:
    """One refresh token, for all processes that share the folder.

    It belongs to the token that was given in the settings: another one there begins again.
    """

    def __init__(self, path: Path, client: str) -> None:
        """`client` names the account; a token of another is not taken."""
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
        if not isinstance(kept, dict) or kept.get("for") != self._name(given):
            return None
        token = kept.get("refresh_token")
        return token if isinstance(token, str) and token else None

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
        return sha256(f"{self._client}\0{given}".encode()).hexdigest()
