"""One SQLite file, or memory: opened when needed, used in short transactions, its faults named."""

import asyncio
import random
import sqlite3
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar, TypeVarTuple

from adapters.inbound.contract import BrokerUnavailable
from domain.errors import DispatcherError
from domain.value_object import value_object

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")

LOCK_PATIENCE: Final = 10.0

# Seconds, of which a pause is a random part. Another's transaction takes a good half of a
# millisecond; where it takes longer the pauses double.
_FIRST_PAUSE: Final = 0.002
_LONGEST_PAUSE: Final = 0.005
_BUSY_CODES: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_OLDEST_SQLITE: Final = (3, 35)  # the first with RETURNING
_ADVICE: Final = {
    sqlite3.SQLITE_FULL: "the disk is full: free some space",
    sqlite3.SQLITE_READONLY: "it cannot be written: check its owner and permissions",
    sqlite3.SQLITE_PERM: "it cannot be written: check its owner and permissions",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: check that the path is a file in a folder"
    " this user may write to",
    sqlite3.SQLITE_IOERR: "reading or writing failed: check the disk",
    sqlite3.SQLITE_CORRUPT: "it is damaged: move it away or restore a backup",
    sqlite3.SQLITE_NOTADB: "it is no SQLite database: move it away or choose another path",
}


@value_object(kw_only=True)
class Kind:
    """What a file is: its name in an error, the error itself, and whether a commit survives a loss
    of power, at the price of a flush of the disk; the death of the process it always survives."""

    name: str
    error: type[DispatcherError]
    survives_power: bool


# A message we confirmed must not vanish.
QUEUE: Final = Kind(name="embedded queue", error=BrokerUnavailable, survives_power=True)


def fault(error: sqlite3.DatabaseError) -> str:
    """What is wrong with the file and what to do."""
    return _ADVICE.get(_code(error), f"SQLite says: {error}")


class Database:
    """A connection that opens itself, and again after any fault.

    Calls run on the event loop, not in a thread: a transaction takes well under a millisecond, and
    one that cannot be cut by a cancellation needs no clean-up. What could block is waiting for
    another process; so SQLite itself never waits: an awaited, jittered pause leaves the loop to the
    other mails.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        schema: str,
        version: int,
        patience: float = LOCK_PATIENCE,
        kind: Kind = QUEUE,
    ) -> None:
        """`path` None: in memory, for this object alone, until it is closed. `schema` is one or
        more SQL statements; `version` goes to `user_version`, from 1. `patience`: seconds to wait
        for another process to let go of the file."""
        self.name: Final = f"{kind.name} {path or 'in memory'}"
        self._kind = kind
        self._path = path
        self._schema = schema
        self._version = version
        self._patience = patience
        self._connection: sqlite3.Connection | None = None
        self._inode = 0

    async def write(
        self,
        work: Callable[[sqlite3.Connection, *_Ts], _T],
        *arguments: *_Ts,
        begin: str = "BEGIN IMMEDIATE",
    ) -> _T:
        """Run `work` in one durable transaction: all of it is stored for good, or nothing.

        `work` may run several times. Raises its kind's error, which names the file and the remedy.
        """
        # IMMEDIATE: a lock taken at the start cannot fail half way, as an upgraded one does.
        loop = asyncio.get_running_loop()
        give_up = loop.time() + self._patience
        pause = _FIRST_PAUSE
        while True:
            try:
                with self._open() as connection:  # commits, or rolls back
                    connection.execute(begin)
                    return work(connection, *arguments)
            except sqlite3.DatabaseError as error:
                if _code(error) not in _BUSY_CODES:
                    raise self._given_up(fault(error)) from error
                if loop.time() > give_up:
                    waited = f"{self._patience:g} seconds"
                    raise self._error(f"another program has kept it locked for {waited}") from None
            except OSError as error:
                folder = self._path.parent if self._path else "for temporary files"
                words = f"{error.strerror or error}: check the folder {folder}"
                raise self._given_up(words) from error
            await asyncio.sleep(random.uniform(0, pause))  # noqa: S311 - jitter, not a secret
            pause = min(pause * 2, _LONGEST_PAUSE)

    def read(
        self, work: Callable[[sqlite3.Connection, *_Ts], _T], *arguments: *_Ts
    ) -> Coroutine[Any, Any, _T]:
        """Run queries without taking the write lock. Raises as `write` does."""
        return self.write(work, *arguments, begin="BEGIN")

    def exists(self) -> bool:
        """Whether there is anything to read: a file, or what is in memory."""
        return self._path is None or self._path.exists()

    def close(self) -> None:
        """Let go of the file; the next call opens it again. What was in memory is gone."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def _open(self) -> sqlite3.Connection:
        path = self._path
        if self._connection is not None:
            # A file deleted under an open connection would take messages that no other process
            # sees.
            with suppress(FileNotFoundError):
                if path is None or path.stat().st_ino == self._inode:
                    return self._connection
            self.close()
        if path is not None:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not path.exists():
                path.touch(mode=0o600)  # messages name people: only the owner may read them
        connection = sqlite3.connect(path or ":memory:", timeout=0, isolation_level=None)
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        self._inode = 0 if path is None else path.stat().st_ino
        self._connection = connection
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
            raise self._error("Python's SQLite is older than 3.35: use a newer Python")
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal" and self._path is not None:
            raise self._error("it cannot use WAL here: choose a path on a local disk")
        level = "FULL" if self._kind.survives_power else "NORMAL"
        connection.execute(f"PRAGMA synchronous = {level}")
        asked = "PRAGMA user_version"
        if connection.execute(asked).fetchone() == (self._version,):
            return
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            (found,) = connection.execute(asked).fetchone()
            if found == self._version:  # another process was faster
                return
            (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            if found or tables:
                words = "it belongs to another program or another version: choose another path"
                raise self._error(words)
            for statement in self._schema.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {self._version:d}")

    def _given_up(self, what: str) -> DispatcherError:
        if self._path is not None:  # what is in memory would be gone
            self.close()
        return self._error(what)

    def _error(self, what: str) -> DispatcherError:
        return self._kind.error(f"{self.name}: {what}")


def _code(error: sqlite3.DatabaseError) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF  # the low byte of extended codes
