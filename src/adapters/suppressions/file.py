"""The list of suppressions in two files: people write one, Dispatcher the other."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog

from adapters.suppressions.added import AddedFile, AddedLines, make_added
from adapters.suppressions.disk import PATIENCE, locked, replace, stamp_of
from adapters.suppressions.edited import EditedFile
from adapters.suppressions.lines import EMPTY, Key, LinesBroken, SuppressionLines
from domain.events import SUPPRESSIONS_FILE, TroubleBegan, TroubleEnded
from domain.ports import EventSink, NoObserver
from domain.suppressions import Canonical, Suppression, SuppressionsUnavailable

REST = 2.0
"""Seconds that a file saved in place must be left alone before it is read. Programs write long
files in several pieces."""

_HEAD = f"# channel:address, then a date and a reason. Workers read it when it changes.\n{EMPTY}\n"
_NOTHING_LISTED = (
    f"holds no address; put it back or, if nothing was added yet, make it with the line {EMPTY!r}"
)

_T = TypeVar("_T")

log = structlog.get_logger()


def added_path(path: Path) -> Path:
    """The file that Dispatcher writes."""
    return path.with_name(f"{path.name}.added")


def make_list(path: Path) -> bool:
    """Make both files of a list that is used for the first time; whether there was none. Where only
    what was added is there, the other was lost, and none is made. Raises OSError."""
    with locked(path.parent):
        if stamp_of(path) or stamp_of(added_path(path)):
            return False
        make_added(added_path(path))
        replace(path, _HEAD.encode())
        return True


class FileSuppressions:
    """The SuppressionStore contract on two files: an address is on the list if it is in one of
    them. A worker writes only to its own. Whoever writes through here holds a lock."""

    keeps_for = timedelta(0)  # it is in memory

    def __init__(
        self,
        path: Path,
        canonical: Canonical,
        default: str,
        *,
        events: EventSink | None = None,
        may_be_empty: bool = True,
        rest: float = REST,
        patience: float = PATIENCE,
    ) -> None:
        """Read both. `default`: the channel of an address alone. `events` gets the trouble
        SUPPRESSIONS_FILE while what is on the disk does not count. `may_be_empty`: whether the
        edited file may be missing or without an address now, and ours may be missing next to one
        without an address; later that may not be. `rest`: see REST; `patience`: see PATIENCE.
        Raises LinesBroken, with each line that cannot be read, or OSError."""
        self._lines = lines = SuppressionLines(canonical, default)
        self.path = path
        self._edited = EditedFile(path, lines, rest=rest, may_be_empty=may_be_empty)
        self._added = AddedFile(added_path(path), lines, patience)
        if not (may_be_empty or self._edited.entries or self._added.is_there):
            raise LinesBroken([f"is missing, and {path} {_NOTHING_LISTED}"], self._added.path)
        self._events = events or NoObserver()
        self._fault = ""
        self._patience = patience
        self._turn = asyncio.Lock()
        self._batch: dict[Key, Suppression] | None = None
        self._storing: asyncio.Task[set[Key]] | None = None

    async def find(self, channel: str, addresses: Sequence[str]) -> Sequence[Suppression | None]:
        edited, added = self._edited.entries, self._added.entries
        keys = [(channel, address) for address in addresses]
        return [edited.get(key) or added.get(key) for key in keys]

    async def entries(self) -> Sequence[Suppression]:
        return tuple({**self._added.entries, **self._edited.entries}.values())

    async def may_evict(self) -> bool:
        return False

    async def add(self, entries: Sequence[Suppression]) -> Sequence[bool]:
        """See SuppressionStore. What is asked for while the disk is busy is stored in one go."""
        for entry in entries:
            self._lines.check(entry)
        if self._batch is None or self._storing is None:
            self._batch = {}
            self._storing = asyncio.create_task(self._store(self._batch))
        batch, storing = self._batch, self._storing
        are_first = []
        for entry in entries:
            are_first.append(entry.key not in batch)
            batch.setdefault(entry.key, entry)
        new = await asyncio.shield(storing)
        return [
            is_first and entry.key in new
            for is_first, entry in zip(are_first, entries, strict=True)
        ]

    async def remove(self, channel: str, addresses: Sequence[str]) -> Sequence[bool]:
        keys = [(channel, address) for address in addresses]
        async with self._turn:
            read, found = await self._on_disk(partial(self._remove, frozenset(keys)))
            self._added.take(read)
        return [key in found for key in keys]

    async def close(self) -> None:
        pass  # nothing is open between two calls

    async def look(self) -> None:
        """Take what has changed on the disk. To be called about twice a second. A file that cannot
        be used is reported; what counted before counts on."""
        async with self._turn:
            changes = [await self._edited.look(), await self._added.look()]
        if changes[0]:
            count = len(self._edited.entries)
            log.info("suppressions changed", file=str(self.path), entries=count)
        fault = "; ".join(filter(None, (self._edited.fault, self._added.fault)))
        if fault and fault != self._fault:
            self._events.emit(TroubleBegan(SUPPRESSIONS_FILE, fault))
        elif self._fault and not fault:
            self._events.emit(TroubleEnded(SUPPRESSIONS_FILE))
        self._fault = fault

    async def _store(self, batch: dict[Key, Suppression]) -> set[Key]:
        async with self._turn:
            self._batch = None  # what comes from now on is for the next one
            read, new = await self._on_disk(partial(self._add, tuple(batch.values())))
            self._added.take(read)
        return new - self._edited.entries.keys()

    def _add(self, entries: Sequence[Suppression]) -> tuple[AddedLines, set[Key]]:
        self._edited.check()
        return self._added.add(entries)

    def _remove(self, keys: frozenset[Key]) -> tuple[AddedLines, set[Key]]:
        found = self._edited.remove(keys)
        read, also = self._added.remove(keys)
        if found and not (self._edited.entries or read.stamp):  # so that a loss is seen later
            make_added(self._added.path)
            read = self._added.read()
        return read, found | also

    async def _on_disk(self, work: Callable[[], _T]) -> _T:
        """Do the work in a thread, under the lock. Raises SuppressionsUnavailable."""

        def under_lock() -> _T:
            with locked(self.path.parent, self._patience):
                return work()

        try:
            return await asyncio.to_thread(under_lock)
        except LinesBroken as error:
            raise SuppressionsUnavailable(f"{error.path}: {error}; fix the file") from None
        except OSError as error:
            reason = error.strerror or type(error).__name__
            text = f"the suppressions cannot be stored: {error.filename or self.path}: {reason}"
            raise SuppressionsUnavailable(text) from error
