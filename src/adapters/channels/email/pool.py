"""A bounded pool of SMTP connections, handed out in the order of asking."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from adapters.channels.email.bounds import Ceiling, PoolLimits, Width
from adapters.channels.email.goodbyes import Goodbyes
from adapters.channels.email.idle import IdleSessions
from adapters.channels.email.limits import Crowded
from adapters.channels.email.session import Session
from adapters.channels.shared.learned import Fact


class Pool:
    """Keeps connections open between mails; opens one only when none is at hand.

    A mail waits for whichever comes first: a connection that is given back, or a new one. A
    connection that cannot be opened while others serve us makes the pool smaller for a while; only
    when no connection is left is it an error, and then for every mail that waits. After a failure
    connections are opened one at a time until one succeeds. `mails`: how many the relay takes over
    one connection. `shares`: false once it has lost commands sent together.
    """

    def __init__(
        self,
        connect: Callable[[], Coroutine[Any, Any, Session]],
        limits: PoolLimits,
        learned: Callable[[Fact, float | None], None],
    ) -> None:
        """`learned`: called with what the relay takes."""
        self._connect, self._limits = connect, limits
        self._width = Width(limits.size, limits.patience)
        self._learned = learned
        self.mails = Ceiling(limits.mails, limits.more, partial(learned, Fact.SESSION_MAILS))
        self._out: set[Session] = set()
        self._waiters: deque[asyncio.Future[Session]] = deque()
        self._dials: set[asyncio.Task[Session]] = set()
        self._has_failed = self._closed = False
        self._crowded_since: float | None = None
        self._next_try: asyncio.TimerHandle | None = None
        self._growth: asyncio.TimerHandle | None = None
        self._goodbyes = Goodbyes(self._dial_as_needed)
        self._dismiss = self._goodbyes.dismiss
        self._idle = IdleSessions(limits, self.mails, self._dismiss)
        self._opened, self.shares = 0, True

    def use(self) -> Mapping[str, int]:
        """Connections by what they do; mails that are `waiting`, connections ever `opened`."""
        return {
            "in_use": len(self._out),
            "idle": len(self._idle),
            "opening": len(self._dials),
            "waiting": len(self._waiters),
            "opened": self._opened,
        }

    async def acquire(self, *, first: bool = False) -> Session:
        """An open connection; waits for one to be given back when all are out, `first` before all
        others. Every session acquired must go to `release`. Raises what connecting raises.
        """
        session = self._idle.take()
        if session is None:
            return await self._wait(first=first)
        self._out.add(session)
        session.in_hand = 1
        return session

    def share(self, session: Session) -> None:
        """Called when its mail has left: where answers come soon and no other connection is to be
        had, who waits longest may send the commands of the next mail before this one's answer."""
        if (
            len(self._waiters) > len(self._dials)
            and session.is_quick
            and session.pipelining
            and self.shares
            and self._width.is_full
            and self._room() <= 0
            and self._idle.fit(session, mails=2)
        ):
            session.reused = True
            self._serve(session)

    async def renew(self, session: Session, *, is_crowded: bool = False) -> Session:
        """Another connection in place of one that is dead or used up: a new one where possible.

        `session` is given up, even if this raises what connecting raises. `is_crowded`: the relay
        finds our connections too many, so this one makes the pool smaller.
        """
        self._let_go(session)
        others = len(self._out - {session}) + len(self._idle)
        if is_crowded and others:
            self._was_refused(others)
        if self._room() > 0:
            return await self._wait(first=True)
        return await self.acquire(first=not is_crowded)

    def release(self, session: Session) -> None:
        """Give a connection back. One that is not open any more is dropped."""
        if session in self._out:
            session.reused = True
            session.idle_since = asyncio.get_running_loop().time()
            is_surplus = len(self._out) + len(self._idle) > self._width.now
            if session.in_hand > 1:
                session.in_hand -= 1
            elif self._idle.fit(session) and not is_surplus and not self._closed:
                self._out.discard(session)
                self._hand_on(session)
            else:
                self._let_go(session)
                self._dial_as_needed()

    async def close(self) -> None:
        """Say goodbye on every idle connection. Those that are out are closed when given back."""
        self._closed = True
        for timer in (self._growth, self._next_try):
            if timer is not None:
                timer.cancel()
        self._idle.close()
        for dial in self._dials:
            dial.cancel()
        if ending := self._goodbyes.tasks | self._dials:
            await asyncio.wait(ending)

    async def _wait(self, *, first: bool) -> Session:
        waiter: asyncio.Future[Session] = asyncio.get_running_loop().create_future()
        (self._waiters.appendleft if first else self._waiters.append)(waiter)
        self._dial_as_needed()
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self.release(waiter.result())
            with suppress(ValueError):
                self._waiters.remove(waiter)
            raise

    def _hand_on(self, session: Session) -> None:
        """To whoever waits longest, else keep it."""
        session.in_hand = 0
        if not self._serve(session):
            session.reused = True
            self._idle.keep(session)

    def _serve(self, session: Session) -> bool:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                self._out.add(session)
                session.in_hand += 1
                waiter.set_result(session)
                return True
        return False

    def _let_go(self, session: Session) -> None:
        """Give it up for one mail; it is closed with the last."""
        session.in_hand -= 1
        if not session.in_hand:
            self._out.discard(session)
            self._dismiss(session)

    def _room(self) -> int:
        return self._width.now - len(self._out) - len(self._idle) - len(self._dials)

    def _dial_as_needed(self) -> None:
        wanted = len(self._waiters) - len(self._dials)
        # Those that say goodbye still count at the relay.
        wanted = min(wanted, 0 if self._closed else self._room() - len(self._goodbyes.tasks))
        if self._has_failed:
            wanted = min(wanted, 1 - len(self._dials) if self._next_try is None else 0)
        for _ in range(wanted):
            dial = asyncio.get_running_loop().create_task(self._connect())
            self._dials.add(dial)
            dial.add_done_callback(self._dialled)
        if len(self._waiters) > len(self._dials):
            self._grow_later()

    def _dialled(self, dial: asyncio.Task[Session]) -> None:
        self._dials.discard(dial)
        if dial.cancelled():
            return
        if error := dial.exception():
            self._dial_failed(error)
            return
        session = dial.result()  # not looked at: what a fresh one has said already is an answer
        if self._closed:
            self._dismiss(session)
            return
        self._has_failed = False
        self._crowded_since = None
        self._opened += 1
        self._width.accepted(len(self._out) + len(self._idle) + 1)
        self._say_width()
        self._hand_on(session)
        self._dial_as_needed()

    def _dial_failed(self, error: BaseException) -> None:
        self._has_failed = True
        if count := len(self._out) + len(self._idle):
            self._was_refused(count)
            while self._waiters and (idle := self._idle.take()):  # who waits takes another
                self._hand_on(idle)
        elif not self._dials and not (isinstance(error, Crowded) and self._tries_again()):
            self._width.reset()  # nothing serves us: that says nothing about how many would
            self._say_width()
            while self._waiters:
                waiter = self._waiters.popleft()
                if not waiter.done():
                    waiter.set_exception(error)

    def _was_refused(self, count: int) -> None:
        self._width.refused(count)
        self._say_width()
        self._grow_later(again=True)

    def _grow_later(self, *, again: bool = False) -> None:
        if self._growth is not None and again:
            self._growth.cancel()
            self._growth = None
        if self._growth is None and not self._width.is_full and not self._closed:
            loop = asyncio.get_running_loop()
            self._growth = loop.call_later(self._width.step, self._grow)

    def _tries_again(self) -> bool:
        """Whether to go on asking a relay that serves others to the full, and us not at all."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        waited = now - (self._crowded_since or now)
        self._crowded_since = None if waited >= self._limits.crowded else now - waited
        if self._crowded_since is not None and self._waiters:
            self._next_try = loop.call_later(min(max(waited, 0.25), 1.0), self._try_again)
        return self._crowded_since is not None

    def _try_again(self) -> None:
        self._next_try = None
        self._dial_as_needed()

    def _say_width(self) -> None:
        self._learned(Fact.CONNECTIONS, self._width.now if self._width.is_narrowed else None)

    def _grow(self) -> None:
        self._growth = None
        self._width.grow()
        self._say_width()
        if self._width.is_narrowed:
            self._grow_later()
        self._dial_as_needed()
