"""What was captured instead of being sent, found in its folders."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adapters.channels.captured_message import CapturedContent
from adapters.channels.channel import Capture

_SHORT_KEY = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """A message that was kept. `id` names it in URLs and leads to no path. Everything in it may be
    hostile."""

    id: str
    place: str
    channel: str
    captured_at: datetime
    content: CapturedContent
    source: bytes = field(repr=False)

    def header(self, name: str) -> str:
        """The first header of this name, whatever its case; empty where it is absent."""
        return next((v for k, v in self.content.headers if k.lower() == name.lower()), "")


@dataclass(frozen=True, slots=True)
class CapturedPlace:
    """A folder that one channel's messages are kept in; `name` is unique."""

    name: str
    channel: str
    folder: Path
    form: Capture[Any]

    def files(self) -> Iterator[Path]:
        """Whole messages, in no order; a folder that is not there has none."""
        for name in self.form.subfolders:
            yield from (path for path in (self.folder / name).glob("[!.]*") if path.is_file())

    def read(self, path: Path) -> Captured:
        """Read one of `files`. Raises OSError where it has gone."""
        source = path.read_bytes()
        return Captured(
            id=key_of(path),
            place=self.name,
            channel=self.channel,
            captured_at=datetime.fromtimestamp(path.stat().st_mtime, UTC),
            content=self.form.read(source),
            source=source,
        )


def key_of(path: Path) -> str:
    """Return a name for the file from which no other name can be guessed."""
    return hashlib.sha256(bytes(path)).hexdigest()[:_SHORT_KEY]


def newest(places: list[CapturedPlace], limit: int) -> list[Captured]:
    """The last `limit` messages of all places, newest first."""
    found = []
    for place in places:
        for path in place.files():
            try:
                found.append((path.stat().st_mtime_ns, str(path), place, path))
            except OSError:
                continue  # it went while we looked
    found.sort(key=lambda one: one[:2], reverse=True)
    return [one for *_, place, path in found[:limit] if (one := _read(place, path))]


def find(places: list[CapturedPlace], key: str) -> Captured | None:
    """Return the message of this id, or None."""
    for place in places:
        for path in place.files():
            if key_of(path) == key:
                return _read(place, path)
    return None


def _read(place: CapturedPlace, path: Path) -> Captured | None:
    try:
        return place.read(path)
    except OSError:
        return None
