"""Connections that are open and serve no mail."""

import asyncio
from collections import deque
from collections.abc import Callable

from adapters.channels.email.bounds import PoolLimits
from adapters.channels.email.session import Session


class IdleConnections:
    """The one used last is taken first, so that those that are not needed are closed in time."""

    def __init__(
        self,
        limits: PoolLimits,
        is_fit: Callable[[Session], bool],
        dismiss: Callable[[Session], None],
    ) -> None:
        """`is_fit`: whether one may serve another mail; any other goes to `dismiss`."""
        self._limits = limits
        self._is_fit = is_fit
        self._dismiss = dismiss
        self._sessions: deque[Session] = deque()
        self._reaper: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._sessions)

    def keep(self, session: Session) -> None:
        """One more."""
        self._sessions.append(session)
        if self._reaper is None:
            self._reap()

    def take(self) -> Session | None:
        """One that may serve a mail."""
        while self._sessions:
            session = self._sessions.pop()
            if self._is_fit(session):
                return session
            self._dismiss(session)
        return None

    def close(self) -> None:
        """Dismiss all."""
        if self._reaper is not None:
            self._reaper.cancel()
        while self._sessions:
            self._dismiss(self._sessions.pop())

    def _reap(self) -> None:
        """Close idle connections even when no further mail comes."""
        loop = asyncio.get_running_loop()
        for left in range(len(self._sessions), 0, -1):  # the longest idle first
            session = self._sessions.popleft()
            is_surplus = left > 1 and loop.time() - session.idle_since >= self._limits.surplus
            if self._is_fit(session) and not is_surplus:
                self._sessions.append(session)
            else:
                self._dismiss(session)
        look = min(self._limits.idle, self._limits.surplus)
        self._reaper = loop.call_later(look, self._reap) if self._sessions else None
