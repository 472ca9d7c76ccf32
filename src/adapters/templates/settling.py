"""Whether the writer of a changed file is done.

A file that arrives by rename is complete. One that is written in place is seen empty, cut in half
and complete, and nothing says which: it is complete when it has rested for a while.
"""

import ctypes
import os
import struct
import time

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
        self._births = {name: _birth_of(stamp.path) for name, stamp in first.stamps.items()}
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
        # A file being written is first seen empty or cut. A change time in the future (a network
        # mount with another clock) counts as settled.
        newest = max((stamp.ctime_ns for stamp in look.stamps.values()), default=0) / 1e9
        is_fresh = 0 <= time.time() - newest < min(_TICK, self._settle)
        return not (self._written or is_fresh)

    def _follow(self, look: FolderLook, now: float) -> None:
        is_swapped = look.base != self._look.base
        for name in self._written.keys() - look.stamps.keys():
            del self._written[name]
        for name, stamp in look.stamps.items():
            before = self._look.stamps.get(name)
            if stamp == before:
                continue
            birth, self._births[name] = self._births.get(name), _birth_of(stamp.path)
            is_another = before is not None and birth != self._births[name]
            if is_swapped or is_another or self._arrived_whole(before, stamp):
                self._written.pop(name, None)
            else:
                self._written[name] = self._time_of_change(stamp, now)
        self._look = look

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
