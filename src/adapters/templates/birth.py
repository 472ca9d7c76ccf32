"""When a file was created, which Python 3.11 does not say.

A file that is removed and written again, as git does it, mostly gets the inode of the one that was
removed: only its birth is another.
"""

import ctypes
import os
import sys
from collections.abc import Callable
from functools import cache

_AT_FDCWD = -100
_STATX_BTIME = 0x800
_SIZE = 256
_SECONDS = slice(80, 88)
_NANOSECONDS = slice(88, 92)


def birth_of(path: str) -> int | None:
    """Nanoseconds since 1970; None where system, file system or file does not say (Linux only)."""
    statx = _statx()
    if statx is None:
        return None
    found = ctypes.create_string_buffer(_SIZE)
    if statx(_AT_FDCWD, os.fsencode(path), 0, _STATX_BTIME, found) != 0:
        return None
    if not int.from_bytes(found.raw[:4], sys.byteorder) & _STATX_BTIME:
        return None
    seconds = int.from_bytes(found.raw[_SECONDS], sys.byteorder, signed=True)
    return seconds * 10**9 + int.from_bytes(found.raw[_NANOSECONDS], sys.byteorder)


@cache
def _statx() -> Callable[..., int] | None:
    return getattr(ctypes.CDLL(None), "statx", None)
