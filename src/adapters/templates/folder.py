"""The template folder as one set of files, read once those who write them are done.

A file that arrives by rename is complete. One that is written in place is seen empty, cut in half
and complete, and nothing says which: it is complete when it has rested for a while.
"""

import ctypes
import hashlib
import math
import os
import struct
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import field
from pathlib import Path
from typing import NamedTuple

from domain.errors import DispatcherError
from domain.value_object import value_object

_TRIES = 10
_TICK = 0.1  # seconds; two writes within a tick of the file system's clock leave equal stamps

MUST_BE_TEXT = (".jinja2", ".toml", ".json", ".po", "filters.py")

_statx = getattr(ctypes.CDLL(None), "statx", None)
_THIS_FOLDER = -100
_BIRTH = 0x800
_ANSWER = 256


class TemplateSetBroken(DispatcherError):
    """A set of templates that cannot be used. `faults` has one line for each fault."""

    def __init__(self, faults: tuple[str, ...], version: str = "") -> None:
        self.faults = faults
        self.version = version
        super().__init__("\n".join(faults))


class FolderUnstable(TemplateSetBroken):
    """The folder kept changing while it was read; look again a moment later."""


class Stamp(NamedTuple):
    """One file as a look saw it: where it lies, what it is, its times; or why it could not."""

    path: str
    identity: tuple[object, ...] = ()
    mtime_ns: int = 0
    ctime_ns: int = 0
    size: int = 0
    fault: str = ""


class FolderLook(NamedTuple):
    """A cheap look at the folder. Two equal looks mean that nothing has changed between them.

    Modification times alone would not do: rsync and tar keep them, and a release swapped in by a
    symbolic link may carry equal ones. Inode, change time and the resolved path distinguish them.
    """

    base: str
    stamps: dict[str, Stamp]
    """By the names of the files below the root."""


@value_object()
class FileSet:
    """All text files below the root by their path from it; `version` hashes names and contents.
    `faults`: what is wrong with the files that should be text, by path."""

    texts: Mapping[str, str] = field(repr=False)
    version: str
    faults: Mapping[str, str] = field(default_factory=dict)


class TemplateFolder:
    """Reads the folder, and follows its files from look to look."""

    def __init__(self, root: Path, settle: float) -> None:
        """`settle`: how many seconds a file that is written in place must rest."""
        self._root = root
        self._settle = settle
        self._look = FolderLook("", {})
        self._looked_at = 0.0
        self._taken: FolderLook | None = None
        self._written: dict[str, float] = {}  # when each was last written in place

    def read(self) -> FileSet:
        """Read the whole set as it was at one moment. Raises TemplateSetBroken."""
        with _faults_of(self._root):
            files, look = _read_all(self._root)
        self._taken = look if self._is_done(look) else None
        return files

    def changed(self) -> FileSet | None:
        """Read the set if it has changed since it was read and those who write it are done.
        A folder that could not be seen counts as changed. Raises TemplateSetBroken."""
        taken, self._taken = self._taken, None
        with _faults_of(self._root):
            look = _look_at(self._root)
        self._taken = taken
        if not self._is_done(look) or look == taken:
            return None
        files = self.read()
        return files if self._taken else None

    def _is_done(self, look: FolderLook) -> bool:
        """Whether what `look` shows may be used. To be called with each look, in their order."""
        now = time.monotonic()
        is_swapped = look.base != self._look.base
        for name, stamp in look.stamps.items() - self._look.stamps.items():
            before = self._look.stamps.get(name)
            self._written[name] = -math.inf if is_swapped else self._written_at(before, stamp, now)
        self._look, self._looked_at = look, now
        self._written = {
            name: at
            for name, at in self._written.items()
            if name in look.stamps and now - at < self._settle
        }
        # A file being written is first seen empty or cut. A change time in the future (a network
        # mount with another clock) counts as settled.
        newest = max((stamp.ctime_ns for stamp in look.stamps.values()), default=0) / 1e9
        is_fresh = 0 <= time.time() - newest < min(_TICK, self._settle)
        return not (self._written or is_fresh)

    def _written_at(self, before: Stamp | None, stamp: Stamp, now: float) -> float:
        """When a file was written in place; long ago if a rename or a link put it there whole."""
        age = time.time() - stamp.ctime_ns / 1e9
        if before is None:
            # It may be a file that is being written. A rename marks the inode later than the last
            # write did, and one that has long rested was moved with its folder.
            is_whole = stamp.ctime_ns > stamp.mtime_ns or age >= self._settle
        else:
            is_whole = before[:2] != stamp[:2]
        if is_whole:
            return -math.inf
        # Between the last look and this one, whatever a server's clock says.
        return now - age if 0 <= age <= now - self._looked_at else now


@contextmanager
def _faults_of(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise TemplateSetBroken((f"{error.filename or root}: {reason}",)) from None


def _look_at(root: Path) -> FolderLook:
    """See what is below `root`, reading no file. Raises FolderUnstable, or OSError if the root
    cannot be listed.

    A root that is a link is resolved once, so all comes from one release, whatever is swapped
    meanwhile; and it must still lead there afterwards, since a release that is no longer live may
    have been seen half removed.
    """
    for _ in range(_TRIES):
        base = _base(root)
        try:
            look = FolderLook(base, dict(_walk(base, "", (base,))))
            if _base(root) == base:
                return look
        except FileNotFoundError:
            if _base(root) == base:
                raise
    raise FolderUnstable((f"{root}: keeps changing while it is read",))


def _read_all(root: Path) -> tuple[FileSet, FolderLook]:
    for _ in range(_TRIES):
        before = _look_at(root)
        with suppress(FileNotFoundError):  # removed since the look
            contents = {name: _content(one) for name, one in before.stamps.items()}
            if dict(_walk(before.base, "", (before.base,))) == before.stamps:
                return _file_set(contents), before
    raise FolderUnstable((f"{root}: keeps changing while it is read",))


def _content(seen: Stamp) -> bytes | str:
    """What is in a file, or why it cannot be read. Raises FileNotFoundError."""
    try:
        return seen.fault or Path(seen.path).read_bytes()
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise
        return error.strerror or str(error)


def _base(root: Path) -> str:
    """Where the set really lies. Kubernetes mounts a ConfigMap as links through one folder
    `..data`, itself a link that it replaces by rename (its AtomicWriter)."""
    data = root / "..data"
    return os.path.realpath(data if data.is_dir() else root)


def _walk(folder: str, prefix: str, ancestors: tuple[str, ...]) -> Iterator[tuple[str, Stamp]]:
    for entry in list(os.scandir(folder)):
        if entry.name.startswith(".") or entry.name.endswith("~"):
            continue
        name = prefix + entry.name
        try:
            path = os.path.realpath(entry.path) if entry.is_symlink() else entry.path
            if entry.is_dir() and path not in ancestors:  # else a link that leads back up
                yield from _walk(path, f"{name}/", (*ancestors, path))
            elif entry.is_file():
                yield name, _stamp(path)
        except OSError as error:  # such as no right to it, or a link that leads to itself
            if not isinstance(error, FileNotFoundError):  # gone since it was listed
                yield name, Stamp(entry.path, fault=error.strerror or str(error))


def _stamp(path: str) -> Stamp:
    """What distinguishes a file from the one that was there before.

    A file that is removed and written again, as git does it, mostly gets the inode of the one that
    was removed: only its birth is another, in seconds and nanoseconds since 1970. Python 3.11 does
    not say it, and not every system and file system does.
    """
    seen = os.stat(path)  # noqa: PTH116 - a Path would take as long to make as the look itself
    birth, found = None, ctypes.create_string_buffer(_ANSWER)
    if _statx is not None and _statx(_THIS_FOLDER, os.fsencode(path), 0, _BIRTH, found) == 0:
        says, seconds, nanoseconds = struct.unpack_from("=I76xqI", found)
        birth = (seconds, nanoseconds) if says & _BIRTH else None
    identity = (seen.st_dev, seen.st_ino, birth)
    return Stamp(path, identity, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_size)


def _file_set(contents: Mapping[str, bytes | str]) -> FileSet:
    texts: dict[str, str] = {}
    faults: dict[str, str] = {}
    digest = hashlib.sha256()
    for name, content in sorted(contents.items()):
        if isinstance(content, str):
            faults[name] = f"{name}: cannot be read: {content}"
            digest.update(faults[name].encode())
            continue
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
