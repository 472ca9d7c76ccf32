"""How long to wait before the next try: exponential with full jitter, so that a restarted broker
is not stormed by all its clients in step."""

import asyncio
import random
from collections.abc import Callable

_FLOOR = 0.1


class Backoff:
    """Seconds to wait after each failure in a row. A success counts only once it has lasted, else a
    broker that accepts and drops us at once would be asked without pause."""

    def __init__(
        self,
        *,
        first: float = 1.0,
        cap: float = 30.0,
        stable: float = 30.0,
        pick: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._first = first
        self._cap = cap
        self._stable = stable
        self._pick = pick
        self._failures = 0
        self._up_since: float | None = None

    def succeeded(self, now: float) -> None:
        """It works at `now`, in seconds on any steady clock."""
        if self._up_since is None:
            self._up_since = now

    def worked(self) -> None:
        """It did what it is there for, so the next failure is the first in a row."""
        self._failures = 0

    def failed(self, now: float) -> float:
        """It failed at `now`; the seconds to wait before the next try."""
        if self._up_since is not None and now - self._up_since >= self._stable:
            self._failures = 0
        self._up_since = None
        ceiling = min(self._cap, self._first * 2.0 ** min(self._failures, 16))
        self._failures += 1
        return max(_FLOOR, self._pick(0.0, ceiling))


class SharedPause:
    """One pause for many who failed for the same cause: they wait together and it is said once."""

    def __init__(self, announce: Callable[[float, Exception], None], backoff: Backoff) -> None:
        self._announce = announce
        self._backoff = backoff
        self._current: asyncio.Event | None = None

    async def wait(self, error: Exception) -> None:
        """Wait until the pause that is on is over; the first to come begins it."""
        if self._current is not None:
            await self._current.wait()
            return
        over = self._current = asyncio.Event()
        try:
            delay = self._backoff.failed(asyncio.get_running_loop().time())
            self._announce(delay, error)
            await asyncio.sleep(delay)
        finally:
            self._current = None
            over.set()

    def succeeded(self) -> None:
        """What was waited for works again."""
        self._backoff.succeeded(asyncio.get_running_loop().time())
