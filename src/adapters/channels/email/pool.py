"""A bounded pool of SMTP connections, handed out in the order of asking."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any

from adapters.channels.email.bounds import Ceiling, Growth, PoolLimits, Width
from adapters.channels.email.early import EarlyEnvelopes
from adapters.channels.email.goodbyes import Goodbyes
from adapters.channels.email.idle import IdleConnections
from adapters.channels.email.limits import Crowded, Limit
from adapters.channels.email.session import Session
from adapters.channels.email.waiting import WaitingLine
from adapters.channels.shared.learned import Fact


class Pool:
    """Keeps connections open between mails; opens one only when none is at hand.

    A mail waits for whichever comes first: a connection that is given back, a new one, or one over
    which its envelope can leave behind the body of another mail; see `EarlyEnvelopes`. A
    connection that cannot be opened while others serve us makes the pool smaller for a while; only
    when no connection is left is it an error, and then for every mail that waits. After a failure
    connections are opened one at a time until one succeeds. `mails`: how many the relay takes over
    one connection.
    """

    def __init__(
        self,
        connect: Callable[[], Coroutine[Any, Any, Session]],
        limits: PoolLimits,
        learned: Callable[[Fact, float | None], None],
        early: EarlyEnvelopes,
    ) -> None:
        """`learned`: called with what the relay takes."""
        self._connect = connect
        self._limits = limits
        self._width = Width(limits.size, limits.patience)
        self._learned = learned
        self.mails = Ceiling(limits.mails, limits.more, partial(learned, Fact.SESSION_MAILS))
        self._growth = Growth(self._width, partial(learned, Fact.CONNECTIONS), self._dial_as_needed)
        self._early = early
        self._out: dict[Session, int] = {}  # with the number of mails that use it
        self._waiters = WaitingLine()
        self._dials: set[asyncio.Task[Session]] = set()
        self._has_failed = False
        self._crowded_since: float | None = None
        self._next_try: asyncio.TimerHandle | None = None
        self._goodbyes = Goodbyes(self._dial_as_needed)
        self._dismiss = self._goodbyes.dismiss
        self._idle = IdleConnections(limits, self._fit, self._dismiss)
        self._closed = False
        self._opened = 0

    def use(self) -> Mapping[str, int]:
        """Connections by what they do; mails that are `waiting`, connections ever `opened`."""
        return {
            "in_use": len(self._out),
            "idle": len(self._idle),
            "opening": len(self._dials),
            "waiting": len(self._waiters),
            "opened": self._opened,
        }

    async def acquire(self) -> Session:
        """An open connection; waits for one to be given back when all are out.

        Every session acquired must go to `release` or to `renew`. Raises what connecting raises.
        """
        session = self._idle.take()
        if session is None and len(self._waiters) >= len(self._dials):
            session = self._early.take(self._may_lend)
        if session is None:
            return await self._wait(first=False)
        self._use(session)
        return session

    def body_left(self, session: Session) -> None:
        """The mail that uses it has left as a whole. Lend it to the next one, too, where that has
        no better place to go."""
        if self._may_lend(session):
            is_needed = len(self._waiters) > len(self._dials)
            if not (is_needed and self._serve(session, is_free=False)):
                self._early.offer(session)

    def keeps(self, session: Session) -> bool:
        """Whether a mail that is answered may go on with it: no other mail uses it."""
        self._early.withdraw(session)
        return session.is_open and self._out[session] == 1

    async def renew(self, session: Session, limit: Limit | None) -> Session:
        """Another connection in place of one that is dead or used up: a new one where possible.

        `session` is given up, even if this raises what connecting raises. `limit`: what the relay
        named. Where it finds our connections too many, the pool gets smaller.
        """
        if self._give_up(session):
            self._dismiss(session)
        others = len(self._out) + len(self._idle)
        if limit is Limit.CONNECTIONS and others:
            self._growth.refused(others)
        other = self._idle.take() if self._room() <= 0 else None
        if other is None:
            return await self._wait(first=True)
        self._use(other)
        return other

    def release(self, session: Session) -> None:
        """Give a connection back. One that is not open any more is dropped."""
        session.reused = True
        session.idle_since = asyncio.get_running_loop().time()
        if self._give_up(session):
            is_surplus = len(self._out) + len(self._idle) >= self._width.now
            if self._fit(session) and not is_surplus and not self._closed:
                self._hand_on(session)
            else:
                self._dismiss(session)
                self._dial_as_needed()

    async def close(self) -> None:
        """Say goodbye on every idle connection. Those that are out are closed when given back."""
        self._closed = True
        self._growth.stop()
        if self._next_try is not None:
            self._next_try.cancel()
        self._idle.close()
        for dial in self._dials:
            dial.cancel()
        if ending := self._goodbyes.tasks | self._dials:
            await asyncio.wait(ending)

    async def _wait(self, *, first: bool) -> Session:
        waiter = self._waiters.join(first=first)
        self._dial_as_needed()
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self.release(waiter.result())
            self._waiters.leave(waiter)
            raise

    def _give_up(self, session: Session) -> bool:
        """A mail uses it no more. Returns whether no other mail does."""
        users = self._out.pop(session) - 1
        if users:
            self._out[session] = users
        self._early.ended(session, is_free=not users)
        return not users

    def _use(self, session: Session) -> None:
        users = self._out[session] = self._out.get(session, 0) + 1
        if users > 1:
            self._early.begin(session)

    def _serve(self, session: Session, *, is_free: bool = True) -> bool:
        waiter = self._waiters.next(is_free=is_free)
        if waiter is not None:
            self._use(session)
            waiter.set_result(session)
        return waiter is not None

    def _hand_on(self, session: Session) -> None:
        """To whoever waits longest, else keep it."""
        if not self._serve(session):
            session.reused = True
            self._idle.keep(session)

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
            self._growth.go_on()

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
        self._growth.accepted(len(self._out) + len(self._idle) + 1)
        self._hand_on(session)
        self._dial_as_needed()

    def _dial_failed(self, error: BaseException) -> None:
        self._has_failed = True
        if count := len(self._out) + len(self._idle):
            self._growth.refused(count)
            while self._waiters and (idle := self._idle.take()):
                self._serve(idle)  # who waits for this one takes another
        elif not self._dials and not (isinstance(error, Crowded) and self._tries_again()):
            self._growth.reset()  # nothing serves us: that says nothing about how many would
            self._waiters.fail(error)

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

    def _may_lend(self, session: Session) -> bool:
        """Whether a second mail may use it. While more connections may be tried it waits for one of
        these, since the answer to the mail before it may take long."""
        return (
            session.pipelining
            and session.mails_sent > 0
            and self._early.may_begin()
            and (self._width.is_full or self._width.is_narrowed)
            and len(self._out) + len(self._idle) <= self._width.now
            and not self._closed
            and self._fit(session, under_way=1)
        )

    def _fit(self, session: Session, under_way: int = 0) -> bool:
        now = asyncio.get_running_loop().time()
        return (
            session.is_open
            and session.mails_sent + under_way < self.mails.now
            and now - session.opened_at < self._limits.age
            and now - session.idle_since < self._limits.idle
        )
