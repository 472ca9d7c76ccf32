"""Which processes of this machine have died: each holds a lock on a file of its own, and the
kernel lets go of it at the moment of death, in other containers too."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

_TRIES: Final = 5
_OPEN: Final = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC


class LockFiles:
    """A file next to a database for each process that uses it.

    A lock that is free says that its process has died. One that is held says nothing: the process
    may stand still. Where locks do not work, as on some network filesystems, there is no file, and
    only the lease decides.
    """

    def __init__(self, database: Path, name: str) -> None:
        """`name` is this process's, and never used again."""
        self._database = database
        self._prefix = f"{database.name}-alive-"
        self._name = name
        self._fd = -1
        self._is_refused = False

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
        try:
            files = [file.name for file in self._database.parent.iterdir()]
        except OSError:
            return []
        names = [f.removeprefix(self._prefix) for f in files if f.startswith(self._prefix)]
        return [name for name in names if self.has_died(name)]

    def forget(self, names: list[str]) -> None:
        """Remove the files of processes that have died, once nothing depends on knowing it."""
        for name in names:
            with suppress(OSError):
                self._file(name).unlink()

    def _file(self, name: str) -> Path:
        return self._database.with_name(f"{self._prefix}{name}")

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
