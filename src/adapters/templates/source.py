"""The template folder as one immutable, content-hashed set of files."""

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_TRIES = 10
MUST_BE_TEXT = (".jinja2", ".toml", ".json")


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
