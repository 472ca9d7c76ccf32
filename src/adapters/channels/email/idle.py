"""The connections that no mail uses."""

import asyncio
from collections import deque
from collections.abc import Callable

from adapters.channels.email.bounds import Ceiling, PoolLimits
from adapters.channels.email.session import Session


class IdleSessions:
    """Keeps them for the next mail, and dismisses those that are too old, or idle for too long,
    even when no further mail comes. The last used is the first to be used again."""

    def __init__(
        self, limits: PoolLimits, mails: Ceiling, dismiss: Callable[[Session], None]
    ) -> None:
        """`mails`: how many the relay takes over one connection. `dismiss` closes one."""
        self._limits = limits
        self._mails = mails
        self._dismiss = dismiss
        self._sessions: deque[Session] = deque()
        self._reaper: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._sessions)

    def take(self) -> Session | None:
        """Return one that can serve, or None."""
        while self._sessions:
            session = self._sessions.pop()
            if self.fit(session):
                return session
            self._dismiss(session)
        return None

    def keep(self, session: Session) -> None:
        """Keep it until a mail comes."""
        self._sessions.append(session)
        if self._reaper is None:
            self._reap()

    def fit(self, session: Session, mails: int = 1) -> bool:
        """Whether it can serve so many more mails."""
        now = asyncio.get_running_loop().time()
        return (
            session.is_open
            and session.mails_sent + mails <= self._mails.now
            and now - session.opened_at < self._limits.age
            and now - session.idle_since < self._limits.idle
        )

    def close(self) -> None:
        """Dismiss them all."""
        if self._reaper is not None:
            self._reaper.cancel()
        while self._sessions:
            self._dismiss(self._sessions.pop())

    def _reap(self) -> None:
        loop = asyncio.get_running_loop()
        for left in range(len(self._sessions), 0, -1):  # the longest idle first
            session = self._sessions.popleft()
            is_surplus = left > 1 and loop.time() - session.idle_since >= self._limits.surplus
            if self.fit(session) and not is_surplus:
                self._sessions.append(session)
            else:
                self._dismiss(session)
        look = min(self._limits.idle, self._limits.surplus)
        self._reaper = loop.call_later(look, self._reap) if self._sessions else None
