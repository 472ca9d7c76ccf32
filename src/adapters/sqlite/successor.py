"""Takes over, at once, what consumers of the embedded queue that have died had in hand."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from adapters.sqlite.database import Database
from adapters.sqlite.processes import LockFiles

# Seconds between looks at who holds messages and has died.
_LOOK: Final = 0.5
# Seconds between looks for the files of any who have died.
_SWEEP: Final = 60.0
_HOLDERS: Final = (
    "SELECT DISTINCT owner FROM message"
    " WHERE queue = ? AND visible_at > ? AND visible_at <= ? AND owner IS NOT NULL"
)
_HAND_BACK: Final = "UPDATE message SET visible_at = ?, owner = NULL WHERE owner = ?"


class Successor:
    """Watches the other consumers of a file for one consumer, whose own lock is held meanwhile."""

    def __init__(
        self, database: Database, locks: LockFiles, time_after: Callable[[timedelta], int]
    ) -> None:
        """`time_after`: the time after a wait, as the queue's rows have it."""
        self._database = database
        self._locks = locks
        self._time_after = time_after
        self._look_at = self._sweep_at = 0.0

    async def take_over(self, queues: Sequence[str], lease: timedelta, now: float) -> None:
        """Let what the dead hold be taken by anyone, rather than when their leases end. Does
        nothing most of the time; `now` is in seconds. Raises BrokerUnavailable."""
        if now < self._look_at:
            return
        self._look_at = now + _LOOK
        span = self._time_after(timedelta(0)), self._time_after(lease)
        holders = await self._database.read(
            lambda c: {
                owner for queue in queues for (owner,) in c.execute(_HOLDERS, (queue, *span))
            }
        )
        self._locks.hold()  # the folder is there by now
        died = [holder for holder in holders if self._locks.has_died(holder)]
        if now >= self._sweep_at:
            self._sweep_at = now + _SWEEP
            died = self._locks.died()
        if died:
            rows = [(self._time_after(timedelta(0)), owner) for owner in died]
            await self._database.write(lambda c: c.executemany(_HAND_BACK, rows))
            self._locks.forget(died)

    def end(self) -> None:
        """Hold our own lock no more."""
        self._locks.release()
