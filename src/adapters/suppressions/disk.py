"""What both files of a list share: how they are read, exchanged whole, and locked."""

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

Stamp = tuple[int, ...]
"""What changes when a file does: device, inode, size and times. Empty: there is no file."""

WRITTEN, CHANGED = 3, 4
"""Where a stamp has the times of the last write and of the last change, a rename included."""

PATIENCE = 5.0
"""Seconds to wait for another process that writes the list."""

_TRIES = 5
_LONGEST_REST = 10.0
_POLL = 0.05


def stamp_of(path: Path) -> Stamp:
    """The file's stamp now."""
    try:
        return _stamp(path.stat())
    except FileNotFoundError:
        return ()


def read_whole(path: Path) -> tuple[bytes, Stamp]:
    """The file's content and its stamp, both of one moment. Raises OSError, also where the file
    changes each time."""
    for _ in range(_TRIES):
        with path.open("rb") as file:
            before = _stamp(os.fstat(file.fileno()))
            content = file.read()
            if _stamp(os.fstat(file.fileno())) == before:
                return content, before
    raise fault(errno.EBUSY, "is being written", path)


def wait_for_rest(path: Path, seconds: float) -> None:
    """Wait until the file was last written that long ago. Raises OSError where it never rests."""
    end = time.monotonic() + _LONGEST_REST
    while 0 <= time.time() - path.stat().st_mtime < seconds:
        if time.monotonic() > end:
            raise fault(errno.EBUSY, "is being written", path)
        time.sleep(_POLL)


@contextmanager
def locked(folder: Path, patience: float = PATIENCE, *, is_shared: bool = False) -> Iterator[None]:
    """Hold the lock of all who write here through Dispatcher, or share it with others who read: it
    is on the folder, so that there is no file that only one user may open. The system releases it
    if we die. Raises OSError where another process keeps it for `patience` seconds."""
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    kind = fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX
    try:
        end = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(lock, kind | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    text = "is locked by another process that writes the list"
                    raise fault(errno.EBUSY, text, folder) from None
                time.sleep(_POLL)
        yield
    finally:
        os.close(lock)


def append(path: Path, end: int, content: bytes) -> None:
    """Write this after the first `end` bytes, for good; where that fails, leave it as it was."""
    file = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.ftruncate(file, end)
        try:
            with os.fdopen(os.dup(file), "wb") as stream:
                stream.seek(end)
                stream.write(content)
            os.fsync(file)
        except OSError:
            with suppress(OSError):
                os.ftruncate(file, end)
            raise
    finally:
        os.close(file)


def replace(path: Path, content: bytes) -> None:
    """Exchange the file for one with this content, for good. It keeps its owner, group and rights;
    a new one has those of its folder, without any for others. Only under the lock."""
    path = path.resolve()  # a link stays a link
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)  # of a process that died
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(file, "wb") as stream:
            _give_rights(stream.fileno(), path)
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        new.replace(path)
    except OSError:
        with suppress(OSError):
            new.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def fault(number: int, text: str, path: Path) -> OSError:
    """An error of the system with words of ours."""
    return OSError(number, text, str(path))


def _give_rights(file: int, path: Path) -> None:
    try:
        like = path.stat()
        mode = like.st_mode & 0o7777
    except FileNotFoundError:
        like = path.parent.stat()
        mode = like.st_mode & 0o660 | 0o600  # addresses are personal data
    for owner in (-1, like.st_uid):  # only root may give it to another, but the group may be ours
        with suppress(PermissionError):
            os.fchown(file, owner, like.st_gid)
    os.fchmod(file, mode)


def _stamp(stat: os.stat_result) -> Stamp:
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
