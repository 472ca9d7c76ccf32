"""Turns that all processes with one account take together, so that a fleet keeps one limit."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from hashlib import blake2b

from domain.errors import Throttled, Unavailable
from domain.ledger import LedgerUnavailable
from domain.pace import PaceStore, Spacing


class SharedTurns:
    """The turns of one account. `store` None: there is no other process. `account` gives what names
    it, such as a token; neither that nor the names of chats are stored, only a digest of both."""

    def __init__(self, store: PaceStore | None, account: Callable[[], str]) -> None:
        self._store = store
        self._account = account

    async def wait(self, name: object, spacing: Spacing, longest: float) -> None:
        """Wait for the next turn of what is named so. Raises Throttled where it is more than
        `longest` seconds away, Unavailable where the store is away."""
        if self._store is None:
            return
        try:
            turn = await self._store.take(self._key(name), spacing, longest)
        except LedgerUnavailable as error:
            raise Unavailable(f"the pace is in the ledger: {error}") from error
        if not turn.taken:
            raise Throttled(
                "other processes with this account are before this message",
                retry_after=timedelta(seconds=turn.wait),
            )
        if turn.wait > 0:
            await asyncio.sleep(turn.wait)

    async def pause(self, name: object, wait: timedelta) -> None:
        """The provider asked for a wait: all processes keep to it."""
        if self._store is None:
            return
        with suppress(LedgerUnavailable):  # then nothing is sent anyway
            await self._store.hold(self._key(name), wait.total_seconds())

    def _key(self, name: object) -> str:
        text = f"{self._account()}\n{name}"
        return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def loop_time() -> float:
    """The time of the event loop, in seconds."""
    return asyncio.get_running_loop().time()
