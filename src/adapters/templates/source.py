"""The template folder as one immutable, content-hashed set of files; and whether the writer of a
changed file is done.

A file that arrives by rename is complete. One that is written in place is seen empty, cut in half
and complete, and nothing says which: it is complete when it has rested for a while.
"""

import ctypes
import hashlib
import os
import stat
import struct
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_TRIES = 10
MUST_BE_TEXT = (".jinja2", ".toml", ".json")
_TICK = 0.1
"""Seconds: two writes within a tick of the file system's clock leave equal stamps."""

_statx = getattr(ctypes.CDLL(None), "statx", None)
_THIS_FOLDER = -100
_BIRTH = 0x800
_ANSWER = 256


class SourceUnstable(Exception):
    """The folder kept changing while it was read; look again a moment later."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """One file as a look saw it: its name below the root, where it really lies, its identity."""

    name: str
    path: str
    device: int
    inode: int
    mtime_ns: int
    ctime_ns: int
    size: int


@dataclass(frozen=True, slots=True)
class FolderLook:
    """A cheap look at the folder. Two equal looks mean that nothing has changed between them.

    Modification times alone would not do: rsync and tar keep them, and a release swapped in by a
    symbolic link may carry equal ones. Inode, change time and the resolved path distinguish them.
    """

    base: str
    stamps: Mapping[str, Stamp]
    """By their names."""


@dataclass(frozen=True, slots=True)
class FileSet:
    """All text files below the root by their path from it; `version` hashes names and contents.
    `faults`: what is wrong with the files that should be text, by path."""

    texts: Mapping[str, str] = field(repr=False)
    version: str
    faults: Mapping[str, str] = field(default_factory=dict)


def look_at(root: Path) -> FolderLook:
    """See what is below `root`, reading no file. Raises SourceUnstable, or OSError if the root
    cannot be listed.

    A root that is a link is resolved once, so all comes from one release, whatever is swapped
    meanwhile; and it must still lead there afterwards, since a release that is no longer live may
    have been seen half removed.
    """
    for _ in range(_TRIES):
        base = _base(root)
        try:
            look = _look_below(base)
        except FileNotFoundError:
            if _base(root) == base:
                raise
            continue
        if _base(root) == base:
            return look
    raise SourceUnstable


def read_all(root: Path) -> tuple[FileSet, FolderLook]:
    """Read the whole set as it was at one moment. Raises OSError or SourceUnstable."""
    for _ in range(_TRIES):
        before = look_at(root)
        try:
            contents = {n: Path(one.path).read_bytes() for n, one in before.stamps.items()}
            after = _look_below(before.base)
        except FileNotFoundError:  # removed since the look
            continue
        if after == before:
            return _file_set(contents), before
    raise SourceUnstable


def _base(root: Path) -> str:
    """Where the set really lies. Kubernetes mounts a ConfigMap as links through one folder
    `..data`, itself a link that it replaces by rename (its AtomicWriter)."""
    data = root / "..data"
    return os.path.realpath(data if data.is_dir() else root)


def _look_below(base: str) -> FolderLook:
    return FolderLook(base, {stamp.name: stamp for stamp in _walk(base, "", (base,))})


def _walk(folder: str, prefix: str, ancestors: tuple[str, ...]) -> Iterator[Stamp]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except FileNotFoundError:
        if prefix:
            return  # gone since it was listed
        raise
    for entry in entries:
        if entry.name.startswith(".") or entry.name.endswith("~"):
            continue
        path = os.path.realpath(entry.path) if entry.is_symlink() else entry.path
        if entry.is_dir():
            if path not in ancestors:  # else a link that leads back up
                yield from _walk(path, f"{prefix}{entry.name}/", (*ancestors, path))
        elif stamp := _stamp(prefix + entry.name, path):
            yield stamp


def _stamp(name: str, path: str) -> Stamp | None:
    try:
        seen = Path(path).stat()
    except FileNotFoundError:  # a dangling link, or gone since it was listed
        return None
    if not stat.S_ISREG(seen.st_mode):
        return None
    return Stamp(
        name, path, seen.st_dev, seen.st_ino, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_size
    )


def _file_set(contents: Mapping[str, bytes]) -> FileSet:
    texts: dict[str, str] = {}
    faults: dict[str, str] = {}
    digest = hashlib.sha256()
    for name, content in sorted(contents.items()):
        try:
            texts[name] = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            if not name.endswith(MUST_BE_TEXT):
                continue  # an image or the like next to the templates
            line = content.count(b"\n", 0, error.start) + 1
            faults[name] = f"{name} line {line}: is not UTF-8"
        for piece in (name.encode(), content):
            digest.update(len(piece).to_bytes(8, "big") + piece)
    return FileSet(texts, digest.hexdigest()[:16], faults)


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
