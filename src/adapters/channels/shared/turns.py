"""Turns at a provider: those of this process, where short waits are spent, and those that all
processes with one account take together, so that a fleet keeps one limit."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from hashlib import blake2b

from domain.errors import Throttled, Unavailable
from domain.ledger import LedgerUnavailable
from domain.pace import Lane, PaceStore, Spacing

_MANY = 1000


class Gate:
    """Lets the messages of a chat, or all messages of an account, pass one by one, in the order in
    which they came and with this `spacing`. Times are those of the event loop.

    A message that would wait too long is handed back, so that a worker does not hold many messages
    for a few busy chats. Those handed back come back at the pace at which they can be sent.
    """

    def __init__(self, spacing: Spacing, why: str, why_paused: str = "") -> None:
        """`why`: the text of the error that hands a message back; `why_paused`: during a pause."""
        self.spacing = spacing
        self._why, self._why_paused = why, why_paused or why
        self._lane = Lane(horizon=math.inf)  # this clock is never set back
        self._lock = asyncio.Lock()
        self._pending = 0
        self._paused_until = self._next_return = -math.inf

    def is_paused(self) -> bool:
        """Whether a pause is not over yet."""
        return self._paused_until > loop_time()

    def pause(self, until: float) -> None:
        """Let nothing pass until then, and no burst after it."""
        self._paused_until = max(self._paused_until, until)
        self._lane.next_at = max(self._lane.next_at, until + self.spacing.headstart)

    def refuse_long_wait(self, until: float) -> None:
        """Raise Throttled if a message that comes now, behind all that wait already, would wait
        for longer."""
        due = self._due(self._pending)
        if due > until:
            raise self._hand_back(due)

    @asynccontextmanager
    async def turn(self, times: int = 1, longest: float | None = None) -> AsyncIterator[None]:
        """Wait until all that came before have passed; no other passes meanwhile. `times`: how
        often this message passes. Raises Throttled if the wait is longer than `longest` seconds."""
        self._pending += times
        try:
            try:
                async with asyncio.timeout(longest):
                    await self._lock.acquire()
            except TimeoutError:
                raise self._hand_back(max(self._due(), loop_time() + (longest or 0))) from None
            try:
                yield
            finally:
                self._lock.release()
        finally:
            self._pending -= times

    async def wait(self, until: float) -> None:
        """Wait until the next may pass. Raises Throttled if that is later than `until`."""
        while (due := self._due()) > loop_time():
            if due > until:
                raise self._hand_back(due)
            await asyncio.sleep(due - loop_time())

    def take(self) -> float:
        """Count one that passes now; return the time."""
        return self._lane.take(self.spacing, loop_time(), math.inf).at

    def recount(self, at: float, to: float) -> float:
        """Count what passed at the time `at` as if it had passed at the time `to`; return `to`."""
        self._lane.count(self.spacing, at, -1)
        self._lane.count(self.spacing, to, 1)
        return to

    def is_idle(self) -> bool:
        """Whether a new gate would say the same."""
        counts_for = max([0.0, *(budget.period for budget in self.spacing.budgets)])
        busy_until = max(self._lane.next_at + counts_for, self._next_return)
        return not self._pending and busy_until <= loop_time()

    def _due(self, behind: int = 0) -> float:
        """Return when the next may pass that has `behind` others before it."""
        return self._lane.due(self.spacing, loop_time(), behind)

    def _hand_back(self, until: float) -> Throttled:
        """Return the error that brings the message back when there is room for it."""
        at = max(until, self._next_return)
        each = [budget.period / budget.count for budget in self.spacing.budgets]
        self._next_return = at + max(self.spacing.interval, *each, 0.0)
        why = self._why_paused if self.is_paused() else self._why
        return Throttled(why, retry_after=timedelta(seconds=at - loop_time()))


class SharedTurns:
    """The turns of one account. `gates`: those of this process, by name. `store` None: there is no
    other process. `account` gives what names it, such as a token; neither that nor the names of
    chats are stored, only a digest of both."""

    def __init__(self, store: PaceStore | None, account: Callable[[], str]) -> None:
        self.gates: dict[object, Gate] = {}
        self._store = store
        self._account = account

    def gate(self, name: object, spacing: Spacing, why: str, why_paused: str = "") -> Gate:
        """Return the gate of this name; make it if it is missing. Idle gates are forgotten."""
        if name not in self.gates:
            if len(self.gates) % _MANY == _MANY - 1:
                self.gates = {key: gate for key, gate in self.gates.items() if not gate.is_idle()}
            self.gates[name] = Gate(spacing, why, why_paused)
        return self.gates[name]

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
        await asyncio.sleep(turn.wait)

    async def pause(self, name: object, wait: timedelta) -> None:
        """The provider asked for a wait: all processes keep to it."""
        if self._store is not None:
            with suppress(LedgerUnavailable):  # then nothing is sent anyway
                await self._store.hold(self._key(name), wait.total_seconds())

    def _key(self, name: object) -> str:
        text = f"{self._account()}\n{name}"
        return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def loop_time() -> float:
    """The time of the event loop, in seconds."""
    return asyncio.get_running_loop().time()
