"""The list of suppressions in one file. It is read again when it changes, and exchanged whole."""

import asyncio
import fcntl
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import structlog

from adapters.suppressions.lines import LinesBroken, SuppressionLines, to_line
from domain.suppressions import Canonical, Suppression, SuppressionsUnavailable

_NEW = 0o600  # addresses are personal data
_HEAD = "# channel:address, then a date and a reason. A worker reads this file when it changes.\n"
_TRIES = 5

Entries = Mapping[tuple[str, str], Suppression]
Stamp = tuple[int, ...]
"""What changes when a file does: device, inode, size and times. Empty: there is no file."""
Edit = Callable[[str, Entries], str | None]
"""The file's text and entries -> its new text; None: it stays as it is."""

log = structlog.get_logger()


class FileSuppressions:
    """The SuppressionStore contract on a file. Whoever writes it through here holds a lock, next
    to the file, and exchanges the file by rename."""

    def __init__(self, path: Path, canonical: Canonical, default: str) -> None:
        """Read the file; one that does not exist is an empty list. `default`: the channel of an
        address alone. Raises LinesBroken, with each line that cannot be read, or OSError."""
        self.path = path
        self._lines = SuppressionLines(canonical, default)
        self._entries, self._taken = self._read(self.path)
        self._pending: Stamp | None = None
        self._fault = ""

    async def find(self, channel: str, addresses: Sequence[str]) -> Sequence[Suppression | None]:
        entries = self._entries
        return [entries.get((channel, address)) for address in addresses]

    async def entries(self) -> Sequence[Suppression]:
        return tuple(self._entries.values())

    async def add(self, entry: Suppression) -> bool:
        return await self._change(partial(_with, entry))

    async def remove(self, channel: str, address: str) -> bool:
        return await self._change(partial(self._without, (channel, address)))

    async def close(self) -> None:
        pass  # nothing is open between two calls

    async def look(self) -> None:
        """Look whether the file has changed, and take what is in it once it has rested from one
        look to the next. A list that cannot be read is logged, and the last good one kept."""
        try:
            stamp = _stamp_of(self.path)
            if stamp == self._taken:
                self._pending = None
                return
            if stamp != self._pending:  # it may still be written
                self._pending = stamp
                return
            self._taken, self._pending = stamp, None
            if not stamp:
                raise FileNotFoundError("it is not there any more")
            self._entries, self._taken = await asyncio.to_thread(self._read, self.path)
        except (OSError, LinesBroken) as error:
            self._refuse(str(error))
        else:
            self._fault = ""
            log.info("suppressions changed", file=str(self.path), entries=len(self._entries))

    def _refuse(self, fault: str) -> None:
        if fault != self._fault:
            self._fault = fault
            text = "the suppressions cannot be read; the last good list counts"
            log.error(text, file=str(self.path), entries=len(self._entries), error=fault)

    def _read(self, path: Path) -> tuple[Entries, Stamp]:
        """What is in the file, and its stamp as it was read. Raises OSError or LinesBroken."""
        for _ in range(_TRIES):
            before = _stamp_of(path)
            if not before:
                return {}, before
            text = path.read_bytes()
            if _stamp_of(path) == before:
                break
        try:
            return self._lines.read(text.decode("utf-8-sig")), before
        except UnicodeDecodeError as error:
            number = text[: error.start].count(b"\n") + 1
            raise LinesBroken([f"line {number}: is not UTF-8 text"]) from None

    async def _change(self, edit: Edit) -> bool:
        """Change the file; whether that was needed. Raises SuppressionsUnavailable."""
        try:
            read = await asyncio.to_thread(self._write, edit)
        except LinesBroken as error:
            raise SuppressionsUnavailable(f"{self.path}: {error}; fix the file") from None
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise SuppressionsUnavailable(f"{self.path} cannot be written: {reason}") from error
        if read is None:
            return False
        self._entries, self._taken = read
        return True

    def _write(self, edit: Edit) -> tuple[Entries, Stamp] | None:
        path = self.path.resolve()  # a link stays a link
        with _locked(path):
            entries, stamp = self._read(path)
            text = path.read_text("utf-8-sig") if stamp else _HEAD
            changed = edit(text, entries)
            if changed is None:
                return None
            _replace(path, changed)
            return self._read(path)

    def _without(self, key: tuple[str, str], text: str, entries: Entries) -> str | None:
        if key not in entries:
            return None
        kept = []
        for line in text.splitlines(keepends=True):
            entry = self._lines.entry(line)
            if entry is None or (entry.channel, entry.address) != key:
                kept.append(line)
        return "".join(kept)


def _with(entry: Suppression, text: str, entries: Entries) -> str | None:
    if (entry.channel, entry.address) in entries:
        return None
    end = "" if not text or text.endswith("\n") else "\n"
    return f"{text}{end}{to_line(entry)}\n"


def _stamp_of(path: Path) -> Stamp:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return ()
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock for as long as this is entered; the system releases it if we die."""
    lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _NEW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _replace(path: Path, text: str) -> None:
    """Exchange the file for one with this text, with the same owner and rights, for good."""
    new = path.with_name(f".{path.name}.new")
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _NEW)
    with os.fdopen(file, "wb") as stream:
        with suppress(OSError):
            old = path.stat()
            os.fchmod(stream.fileno(), old.st_mode & 0o7777)
            os.fchown(stream.fileno(), old.st_uid, old.st_gid)
        stream.write(text.encode("utf-8"))
        stream.flush()
        os.fsync(stream.fileno())
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
