"""A bounded pool of SMTP connections, handed out in the order of asking."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from adapters.notifiers.email.session import Session

_GOODBYE = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLimits:
    """When a connection is given up. Seconds, but for `size` and `mails`.

    `idle` is well below what servers and the firewalls between allow, so a connection taken from
    the pool is rarely dead.
    """

    size: int = 10
    age: float = 300.0
    idle: float = 30.0
    mails: int = 1000


class Pool:
    """Keeps connections open between mails; opens one only when none is at hand."""

    def __init__(self, connect: Callable[[], Awaitable[Session]], limits: PoolLimits) -> None:
        self._connect = connect
        self._limits = limits
        self._slots = asyncio.Semaphore(limits.size)
        self._idle: deque[Session] = deque()
        self._reaper: asyncio.TimerHandle | None = None
        self._goodbyes: set[asyncio.Task[None]] = set()
        self._closed = False

    async def acquire(self) -> Session:
        """An open connection; waits for one to be given back when all are out.

        Every session acquired must go to `release`. Raises what connecting raises.
        """
        await self._slots.acquire()
        try:
            while self._idle:
                session = self._idle.pop()
                if self._fit(session):
                    return session
                self._dismiss(session)
            return await self._connect()
        except BaseException:
            self._slots.release()
            raise

    async def replace(self, session: Session) -> Session:
        """A fresh connection in place of one that turned out to be dead, never a pooled one.

        If connecting raises, `session` is still the one to release.
        """
        session.abort()
        return await self._connect()

    def release(self, session: Session) -> None:
        """Give a connection back. One that is not open any more is dropped."""
        session.reused = True
        session.idle_since = asyncio.get_running_loop().time()
        if self._fit(session) and not self._closed:
            self._idle.append(session)
            self._watch()
        else:
            self._dismiss(session)
        self._slots.release()

    async def close(self) -> None:
        """Say goodbye on every idle connection. Those that are out are closed when given back."""
        self._closed = True
        if self._reaper is not None:
            self._reaper.cancel()
        while self._idle:
            self._dismiss(self._idle.pop())
        if self._goodbyes:
            await asyncio.wait(self._goodbyes)

    def _fit(self, session: Session) -> bool:
        now = asyncio.get_running_loop().time()
        return (
            session.is_open
            and session.mails_sent < self._limits.mails
            and now - session.opened_at < self._limits.age
            and now - session.idle_since < self._limits.idle
        )

    def _dismiss(self, session: Session) -> None:
        if not session.is_open:
            session.abort()
            return
        goodbye = asyncio.get_running_loop().create_task(session.quit(_GOODBYE))
        self._goodbyes.add(goodbye)
        goodbye.add_done_callback(self._goodbyes.discard)

    def _watch(self) -> None:
        """See that idle connections are closed even when no further mail comes."""
        if self._reaper is None:
            loop = asyncio.get_running_loop()
            self._reaper = loop.call_later(self._limits.idle, self._reap)

    def _reap(self) -> None:
        self._reaper = None
        for _ in range(len(self._idle)):
            session = self._idle.popleft()
            if self._fit(session):
                self._idle.append(session)
            else:
                self._dismiss(session)
        if self._idle:
            self._watch()
