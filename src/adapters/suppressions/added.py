"""The file of suppressions that Dispatcher alone writes: what queues and commands add."""

import asyncio
import errno
import os
import uuid
from collections.abc import Collection, Sequence
from pathlib import Path

from adapters.suppressions.disk import (
    PATIENCE,
    Stamp,
    append,
    fault,
    locked,
    read_whole,
    replace,
    stamp_of,
)
from adapters.suppressions.lines import (
    EMPTY,
    Key,
    LinesBroken,
    SuppressionLines,
    to_line,
)
from domain.suppressions import Suppression
from domain.value_object import value_object

_HEAD = b"# Dispatcher writes this file; do not edit it."
_GONE = "is gone; put it back"
_CUT = "has lost its end; put it back"


@value_object(kw_only=True)
class AddedLines:
    """What was read. `is_whole`: the whole file, else what came after the last time. `head`: its
    first line. `end`: the bytes of all whole lines."""

    entries: dict[Key, Suppression]
    stamp: Stamp
    head: bytes
    end: int
    is_whole: bool


class AddedFile:
    """The list that only we write, under the lock: lines are appended, and the file is exchanged
    whole where one is removed. Its first line is another one then, so that readers notice.

    `entries`: what counts. `fault`: why that is not what is on the disk now; else empty.
    """

    def __init__(self, path: Path, lines: SuppressionLines, patience: float = PATIENCE) -> None:
        """Read the file, which may be missing. `patience`: see PATIENCE. Raises LinesBroken, or
        OSError."""
        self.path = path
        self._lines = lines
        self._patience = patience
        self.fault = ""
        self.entries: dict[Key, Suppression] = {}
        self._taken: Stamp = ()
        self._head, self._end = b"", 0
        self._refused: Stamp | None = None
        self.take(self._read_at_rest())

    @property
    def is_there(self) -> bool:
        """Whether there was a file when it was last read."""
        return bool(self._taken)

    async def look(self) -> bool:
        """Look whether others have written, and take it; whether that was so."""
        try:
            stamp = stamp_of(self.path)
            if stamp == self._taken:
                self._refused, self.fault = None, ""
                return False
            if stamp == self._refused:
                return False
            self.take(await asyncio.to_thread(self._read_at_rest))
        except LinesBroken as broken:
            self._refused, self.fault = stamp, f"{self.path}: {broken}"
            return False
        except OSError as error:  # it may pass: the next look tries again
            self.fault = f"{self.path}: {error.strerror or type(error).__name__}"
            return False
        return True

    def take(self, read: AddedLines) -> None:
        """From now on this counts."""
        if read.is_whole:
            self.entries = read.entries
        else:
            self.entries.update(read.entries)
        self._taken, self._head, self._end = read.stamp, read.head, read.end
        self._refused, self.fault = None, ""

    def add(self, entries: Sequence[Suppression]) -> tuple[AddedLines, set[Key]]:
        """Store those that are not there yet, for good, under the lock. What there is now, and
        which were new. Raises LinesBroken or OSError."""
        before = self.read()
        earlier = {} if before.is_whole else self.entries
        new = {
            entry.key: entry
            for entry in entries
            if entry.key not in before.entries and entry.key not in earlier
        }
        if not new:
            return before, set()
        text = "".join(f"{to_line(entry)}\n" for entry in new.values()).encode()
        if before.stamp:
            append(self.path, before.end, text)
        else:
            replace(self.path, _head() + text)
        return self.read(), set(new)

    def remove(self, keys: Collection[Key]) -> tuple[AddedLines, set[Key]]:
        """Take these entries out of the file, under the lock. What there is now, and which were in
        it. Raises LinesBroken or OSError."""
        before = self.read()
        earlier = {} if before.is_whole else self.entries
        found = {key for key in keys if key in before.entries or key in earlier}
        if not found:
            return before, set()
        lines = read_whole(self.path)[0][: before.end]
        if lines.startswith(_HEAD):
            lines = lines[len(before.head) :]
        replace(self.path, _head() + self._lines.without(lines, found))
        return self.read(), found

    def read(self) -> AddedLines:
        """What came since the last `take`. Under the lock: who writes may still take back what
        could not be written for good. Raises LinesBroken or OSError; also where what counted is not
        there any more."""
        try:
            with self.path.open("rb") as file:
                stat = os.fstat(file.fileno())
                stamp = stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
                head = file.readline()
                is_same = head == self._head and stamp[:2] == self._taken[:2]
                if is_same and stat.st_size < self._end:
                    raise fault(errno.EIO, _CUT, self.path)
                start = self._end if is_same else 0
                file.seek(start)
                content = file.read()
        except FileNotFoundError:
            if self._taken:
                raise fault(errno.ENOENT, _GONE, self.path) from None
            return AddedLines(entries={}, stamp=(), head=b"", end=0, is_whole=True)
        end = content.rfind(b"\n") + 1  # what follows is of a process that died: it was not acked
        entries = self._lines.read(content[:end], self.path, may_be_empty=is_same)
        return AddedLines(
            entries=entries, stamp=stamp, head=head, end=start + end, is_whole=not is_same
        )

    def _read_at_rest(self) -> AddedLines:
        with locked(self.path.parent, self._patience, is_shared=True):
            return self.read()


def make_added(path: Path) -> None:
    """Make the file, without an address, so that its loss is seen later. Under the lock. Raises
    OSError."""
    replace(path, b"%s%s\n" % (_head(), EMPTY.encode()))


def _head() -> bytes:
    return b"%s %s\n" % (_HEAD, uuid.uuid4().hex.encode())
