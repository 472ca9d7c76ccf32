"""The file of suppressions that people and their programs write."""

import asyncio
import errno
import time
from collections.abc import Collection
from pathlib import Path

from adapters.suppressions.disk import (
    CHANGED,
    WRITTEN,
    Stamp,
    fault,
    read_whole,
    replace,
    stamp_of,
    wait_for_rest,
)
from adapters.suppressions.lines import (
    Entries,
    Key,
    LinesBroken,
    SuppressionLines,
)

_GONE = "is gone; put it back"
_RESTLESS = "is written again and again; write it elsewhere in the folder, and rename it"
_LONGEST_CHANGE = 60.0


class EditedFile:
    """The list that people write, in whatever way their editor or program saves it. A worker only
    reads it. A command takes lines out of it.

    `entries`: what counts. `fault`: why that is not what is on the disk now; else empty.
    """

    def __init__(
        self, path: Path, lines: SuppressionLines, *, rest: float, may_be_empty: bool
    ) -> None:
        """Read the file. `rest`: how many seconds it must be left alone after a save in place.
        Where it `may_be_empty` it may be missing, too, at the start. Raises LinesBroken, or
        OSError."""
        self.path = path
        self._lines = lines
        self._rest = rest
        self.entries: Entries = {}
        self.fault = ""
        self._taken: Stamp = ()
        self._refused: Stamp | None = None
        self._pending: Stamp = ()
        self._since, self._calm = 0.0, time.monotonic()
        if not may_be_empty:
            wait_for_rest(path, rest)
        if not may_be_empty or stamp_of(path):
            self.entries, self._taken = self._read(may_be_empty=may_be_empty)

    async def look(self) -> bool:
        """Look whether the file has changed, and take what is in it once it is whole; whether that
        was so. What was exchanged by rename is whole; what was saved in place, or made there, once
        it has rested."""
        try:
            stamp = stamp_of(self.path)
            if stamp == self._taken:
                self._calm, self._refused, self.fault = time.monotonic(), None, ""
                return False
            if stamp == self._refused or not self._is_whole(stamp):
                return False
            return await self._take(stamp)
        except OSError as error:  # it may pass: the next look tries again
            self.fault = f"{self.path}: {error.strerror or type(error).__name__}"
            return False

    def check(self) -> None:
        """Raise OSError where the file was there and is gone: the folder may be another one."""
        if self._taken and not stamp_of(self.path):
            raise fault(errno.ENOENT, _GONE, self.path)

    def remove(self, keys: Collection[Key]) -> set[Key]:
        """Take these entries out of the file, under the lock; which were in it. Raises LinesBroken
        or OSError."""
        self.check()
        if not stamp_of(self.path) or not self._among(keys, read_whole(self.path)[0]):
            return set()
        wait_for_rest(self.path, self._rest)  # half a list must not become the list
        content, stamp = read_whole(self.path)
        found = self._among(keys, content)
        kept = self._lines.without(content, found)
        if stamp_of(self.path) != stamp:
            raise fault(errno.EBUSY, "is being written", self.path)
        replace(self.path, kept)
        self.entries, self._taken = self._read(may_be_empty=True)
        return found

    def _among(self, keys: Collection[Key], content: bytes) -> set[Key]:
        return self._lines.read(content, self.path).keys() & keys

    async def _take(self, stamp: Stamp) -> bool:
        try:
            if not stamp:
                raise fault(errno.ENOENT, _GONE, self.path)
            may_be_empty = not self.entries  # a list in use is not emptied without a word
            entries, taken = await asyncio.to_thread(self._read, may_be_empty=may_be_empty)
        except LinesBroken as broken:
            self._refused, self.fault = stamp, f"{self.path}: {broken}"
            return False
        if taken != stamp:  # it has changed since: look again
            return False
        self.entries, self._taken = entries, taken
        self._refused, self.fault = None, ""
        return True

    def _is_whole(self, stamp: Stamp) -> bool:
        now = time.monotonic()
        if stamp != self._pending:
            self._pending, self._since = stamp, now
            if now - self._calm > _LONGEST_CHANGE:
                self.fault = f"{self.path}: {_RESTLESS}"
            return False
        return self._is_renamed(stamp) or now - self._since >= self._rest

    def _is_renamed(self, stamp: Stamp) -> bool:
        """Whether another file was put there whole: a rename marks it later than the last write
        did. One that was made there may be half written."""
        is_another = bool(stamp) and stamp[:2] != self._taken[:2]
        return is_another and stamp[CHANGED] > stamp[WRITTEN]

    def _read(self, *, may_be_empty: bool) -> tuple[Entries, Stamp]:
        content, stamp = read_whole(self.path)
        return self._lines.read(content, self.path, may_be_empty=may_be_empty), stamp
