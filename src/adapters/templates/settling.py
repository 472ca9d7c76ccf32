"""Whether the writer of a changed file is done.

A file that arrives by rename is complete. One that is written in place is seen empty, cut in half
and complete, and nothing says which: it is complete when it has rested for a while.
"""

import ctypes
import os
import struct
import time
from collections.abc import Mapping

from adapters.templates.source import FolderLook, Stamp

_TICK = 0.1
"""Seconds: two writes within a tick of the file system's clock leave equal stamps."""

_statx = getattr(ctypes.CDLL(None), "statx", None)
_THIS_FOLDER = -100
_BIRTH = 0x800
_ANSWER = 256


class Settling:
    """Follows the files of a folder from look to look."""

    def __init__(self, first: FolderLook, settle: float) -> None:
        """`first`: what was read already. `settle`: how many seconds a file that is written in
        place must rest."""
        self._settle = settle
        self._look = first
        self._stamps = _by_name(first)
        self._births = {stamp.name: _birth_of(stamp.path) for stamp in first.stamps}
        self._looked_at = time.monotonic()
        self._written: dict[str, float] = {}
        """When a file that is written in place was last written, of the monotonic clock."""

    def is_done(self, look: FolderLook) -> bool:
        """Whether what `look` shows may be read. To be called with each look, in their order."""
        now = time.monotonic()
        if look != self._look:
            self._follow(look, now)
        self._looked_at = now
        self._written = {name: at for name, at in self._written.items() if now - at < self._settle}
        return not self._written and look.is_settled(time.time(), min(_TICK, self._settle))

    def _follow(self, look: FolderLook, now: float) -> None:
        is_swapped = look.base != self._look.base
        stamps = _by_name(look)
        for name in self._written.keys() - stamps.keys():
            del self._written[name]
        for name, stamp in stamps.items():
            before = self._stamps.get(name)
            if stamp == before:
                continue
            birth, self._births[name] = self._births.get(name), _birth_of(stamp.path)
            is_another = before is not None and birth != self._births[name]
            if is_swapped or is_another or self._arrived_whole(before, stamp):
                self._written.pop(name, None)
            else:
                self._written[name] = self._time_of_change(stamp, now)
        self._look, self._stamps = look, stamps

    def _arrived_whole(self, before: Stamp | None, stamp: Stamp) -> bool:
        """Whether it is another file than before, which a rename or a link put there.

        A name that was not there may be a file that is being written. A rename marks the inode
        later than the last write did, and one that has long rested was moved with its folder.
        """
        if before is not None:
            return (before.device, before.inode, before.path) != (
                stamp.device,
                stamp.inode,
                stamp.path,
            )
        age = time.time() - stamp.ctime_ns / 1e9
        return stamp.ctime_ns > stamp.mtime_ns or age >= self._settle

    def _time_of_change(self, stamp: Stamp, now: float) -> float:
        """When it changed: between the last look and this one, whatever a server's clock says."""
        age = time.time() - stamp.ctime_ns / 1e9
        return now - age if 0 <= age <= now - self._looked_at else now


def _by_name(look: FolderLook) -> Mapping[str, Stamp]:
    return {stamp.name: stamp for stamp in look.stamps}


def _birth_of(path: str) -> int | None:
    """Nanoseconds since 1970, which Python 3.11 does not say; None where system, file system or
    file does not say (Linux only).

    A file that is removed and written again, as git does it, mostly gets the inode of the one that
    was removed: only its birth is another.
    """
    if _statx is None:
        return None
    found = ctypes.create_string_buffer(_ANSWER)
    if _statx(_THIS_FOLDER, os.fsencode(path), 0, _BIRTH, found) != 0:
        return None
    if not struct.unpack_from("=I", found)[0] & _BIRTH:
        return None
    seconds, nanoseconds = struct.unpack_from("=qI", found, 80)
    return int(seconds * 10**9 + nanoseconds)
