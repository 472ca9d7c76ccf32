"""Which processes live: a row each, renewed while it does, on a clock that cannot be set, and a
lock file, which shows a death at once."""

import secrets
import sqlite3
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final

from adapters.sqlite.lock_files import LockFiles

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def since_boot() -> float:
    """Seconds since the machine started, those it slept included; the same in every process."""
    return time.clock_gettime(_CLOCK)


def boot_id() -> str:
    """Names this start of the machine; empty where the system does not say."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


class Lease:
    """This process's row in `process`. A process lives while its lease lasts, unless its lock shows
    that it has died; a lock that is held prolongs nothing, since its process may stand still."""

    schema: Final = """
CREATE TABLE process (
    owner INTEGER PRIMARY KEY,
    boot TEXT NOT NULL,
    since REAL NOT NULL,
    until REAL NOT NULL
)"""

    def __init__(
        self,
        length: timedelta,
        path: Path,
        *,
        monotonic: Callable[[], float] = since_boot,
        boot: str | None = None,
    ) -> None:
        """`path` is the database's. `monotonic` and `boot` are read by every process of the machine
        alike."""
        self.owner: Final = secrets.randbits(62)
        self._locks = LockFiles(path, f"{self.owner:x}")
        self.pause: Final = length.total_seconds() / 3
        self._length = length.total_seconds()
        self._monotonic = monotonic
        self._boot = boot_id() if boot is None else boot
        self._renew_at = -float("inf")

    def is_due(self, connection: sqlite3.Connection) -> bool:
        """Whether a third of it has nearly passed, or the file has forgotten it: what writes now
        should renew it on the way."""
        return self._monotonic() >= self._renew_at or not self.lives(connection, self.owner)

    def renew(self, connection: sqlite3.Connection) -> float:
        """Write it again. Returns when; `renewed` is called with that once it is committed."""
        self._locks.hold()
        now = self._monotonic()
        row = (self.owner, self._boot, now, now + self._length)
        connection.execute("INSERT OR REPLACE INTO process VALUES (?, ?, ?, ?)", row)
        return now

    def renewed(self, at: float) -> None:
        """The row written then is stored."""
        self._renew_at = at + self.pause * 0.9  # a task that wakes a little early renews as well

    def end(self, connection: sqlite3.Connection) -> None:
        """This process is dead to the others from here on."""
        connection.execute("DELETE FROM process WHERE owner = ?", (self.owner,))

    def ended(self) -> None:
        """The end is stored, or cannot be."""
        self._locks.release()

    def lives(self, connection: sqlite3.Connection, owner: int) -> bool:
        """Whether that process has a lease and has not died. A clock that runs before the lease
        began is another boot's, whatever the system says."""
        sql = "SELECT 1 FROM process WHERE owner = ? AND boot = ? AND since <= ? AND until > ?"
        now = self._monotonic()
        found = connection.execute(sql, (owner, self._boot, now, now)).fetchone()
        return found is not None and not self._locks.has_died(f"{owner:x}")

    def bury(self, connection: sqlite3.Connection) -> list[str]:
        """Forget the leases that have run out, and those of processes that have died: a process
        without a row is dead as well. Returns what `buried` is given once that is committed."""
        now = self._monotonic()
        connection.execute(
            "DELETE FROM process WHERE boot <> ? OR since > ? OR until <= ?",
            (self._boot, now, now),
        )
        died = self._locks.died()
        connection.executemany(
            "DELETE FROM process WHERE owner = ?", [(_owner(name),) for name in died]
        )
        return died

    def buried(self, died: list[str]) -> None:
        """Their rows are gone, so their files may go."""
        self._locks.forget(died)


def _owner(name: str) -> int:
    try:
        return int(name, 16)
    except ValueError:  # not a file of ours
        return 0
