"""Which processes of this machine live: each holds a lease, a row that it renews on a clock that
cannot be set, and a lock, which the kernel lets go of at the moment of its death."""

import fcntl
import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_TRIES: Final = 5
_OPEN: Final = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC

since_boot: Final[Callable[[], float]] = partial(time.clock_gettime, _CLOCK)
"""Seconds since the machine started, those it slept included; the same in every process."""


def boot_id() -> str:
    """Names this start of the machine; empty where the system does not say."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


Renewal = tuple[sqlite3.Connection, float]
"""Where a lease was written again, and when."""


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
        path: Path | None,
        *,
        monotonic: Callable[[], float] = since_boot,
        boot: str | None = None,
    ) -> None:
        """`path` is the database's. `monotonic` and `boot` are read by every process of the machine
        alike."""
        self.owner: Final = secrets.randbits(62)
        self.clock: Final = monotonic
        self.pause: Final = length.total_seconds() / 3
        self.renew_at = -float("inf")
        """When a third of it has nearly passed."""
        self.connection: sqlite3.Connection | None = None
        """Where it was stored; another one may be to a file that does not have it."""
        self.locks = LockFiles(path, f"{self.owner:x}")
        self._length = length.total_seconds()
        self._boot = boot_id() if boot is None else boot

    def renew(self, connection: sqlite3.Connection) -> Renewal:
        """Write it again. `renewed` is called with the answer once that is committed."""
        self.locks.hold()
        now = self.clock()
        row = (self.owner, self._boot, now, now + self._length)
        connection.execute("INSERT OR REPLACE INTO process VALUES (?, ?, ?, ?)", row)
        return connection, now

    def renewed(self, renewal: Renewal) -> None:
        """That row is stored."""
        self.connection, at = renewal
        self.renew_at = at + self.pause * 0.9  # a task that wakes a little early renews as well

    def end(self, connection: sqlite3.Connection) -> None:
        """This process is dead to the others from here on."""
        connection.execute("DELETE FROM process WHERE owner = ?", (self.owner,))

    def lives(self, connection: sqlite3.Connection, owner: int) -> bool:
        """Whether that process has a lease and has not died. A clock that runs before the lease
        began is another boot's, whatever the system says."""
        sql = "SELECT 1 FROM process WHERE owner = ? AND boot = ? AND since <= ? AND until > ?"
        now = self.clock()
        found = connection.execute(sql, (owner, self._boot, now, now)).fetchone()
        return found is not None and not self.locks.has_died(f"{owner:x}")

    def bury(self, connection: sqlite3.Connection) -> list[str]:
        """Forget the leases that have run out, and those of processes that have died: a process
        without a row is dead as well. Returns those whose locks may be
        forgotten once that is committed."""
        now = self.clock()
        connection.execute(
            "DELETE FROM process WHERE boot <> ? OR since > ? OR until <= ?",
            (self._boot, now, now),
        )
        died = self.locks.died()
        connection.executemany(
            "DELETE FROM process WHERE owner = ?", [(_owner(name),) for name in died]
        )
        return died


class LockFiles:
    """A file next to a database for each process that uses it.

    A lock that is free says that its process has died, in another container too. One that is held
    says nothing: the process may stand still. Where locks do not work, as on some network
    filesystems, there is no file, and only the lease decides.
    """

    def __init__(self, database: Path | None, name: str) -> None:
        """`database` None: no other process uses it. `name` is this process's, and never used
        again."""
        self._database = database
        self._name = name
        self._fd = -1
        self._is_refused = database is None

    def hold(self) -> None:
        """Take our own lock, for as long as the process lives. May be called again and again."""
        if self._fd >= 0 or self._is_refused:
            return
        try:
            self._fd = self._locked()
        except OSError:
            self._is_refused = True

    def release(self) -> None:
        """Let go of our own lock, and remove its file."""
        if self._fd >= 0:
            self._file(self._name).unlink(missing_ok=True)
            os.close(self._fd)
            self._fd = -1

    def has_died(self, name: str) -> bool:
        """Whether that process held a lock, and holds it no more."""
        if name == self._name:
            return False
        try:
            fd = os.open(self._file(name), os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            # Shared: two that look at the same time do not take each other for the owner.
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return False
        finally:
            os.close(fd)
        return True

    def died(self) -> list[str]:
        """All who have died and whose files are still there."""
        if self._database is None:
            return []
        prefix = f"{self._database.name}-alive-"
        try:
            files = [file.name for file in self._database.parent.iterdir()]
        except OSError:
            return []
        names = [f.removeprefix(prefix) for f in files if f.startswith(prefix)]
        return [name for name in names if self.has_died(name)]

    def forget(self, names: Iterable[str]) -> None:
        """Remove the files of processes that have died, once nothing depends on knowing it."""
        for name in names:
            with suppress(OSError):
                self._file(name).unlink()

    def _file(self, name: str) -> Path:
        return Path(f"{self._database}-alive-{name}")

    def _locked(self) -> int:
        path = self._file(self._name)
        for _ in range(_TRIES):
            fd = os.open(path, _OPEN, 0o600)
            try:
                if self._is_ours(fd, path):
                    return fd
            except BaseException:
                os.close(fd)
                raise
            os.close(fd)
        raise OSError("another process keeps taking the lock")

    def _is_ours(self, fd: int, path: Path) -> bool:
        """Lock it; False where another process, which saw it without a lock, was faster."""
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.path.samestat(os.fstat(fd), path.stat()):
                return False
        except (BlockingIOError, FileNotFoundError):
            return False
        probe = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(probe, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(probe)
        path.unlink(missing_ok=True)
        raise OSError("file locks have no effect on this filesystem")


def _owner(name: str) -> int:
    try:
        return int(name, 16)
    except ValueError:  # not a file of ours
        return 0
