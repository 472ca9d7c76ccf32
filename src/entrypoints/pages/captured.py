"""What was captured on this machine: where it is kept, and what each file holds."""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adapters.channels import CHANNELS
from adapters.channels.channel import Capture
from adapters.channels.shared.captured import CapturedContent
from adapters.texts import short_text
from entrypoints.settings import Settings

_SHORT_KEY = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """A message that was kept. Everything in it may be hostile. `id`: a name for URLs, which leads
    to no path."""

    id: str
    path: Path
    place: str
    channel: str
    captured_at: datetime
    content: CapturedContent
    source: bytes = field(repr=False)

    @property
    def title(self) -> str:
        """Its subject, else its first line."""
        lines = (line.strip() for line in self.content.text.splitlines())
        return self.header("Subject") or short_text(next(filter(None, lines), "(no subject)"))

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

    def read(self, path: Path) -> Captured | None:
        """Read one of `files`; None where it has gone."""
        try:
            source, at = path.read_bytes(), path.stat().st_mtime
        except OSError:
            return None
        return Captured(
            id=key_of(path),
            path=path,
            place=self.name,
            channel=self.channel,
            captured_at=datetime.fromtimestamp(at, UTC),
            content=self.form.read(source),
            source=source,
        )


def key_of(path: Path) -> str:
    """Return a name for the file from which no other name can be guessed."""
    return hashlib.sha256(bytes(path)).hexdigest()[:_SHORT_KEY]


def everything(places: list[CapturedPlace]) -> Iterator[Captured]:
    """All that was kept, newest first; each is read when it is reached."""
    found = []
    for place in places:
        for path in place.files():
            with suppress(OSError):  # it may go while we look
                found.append((path.stat().st_mtime_ns, str(path), place, path))
    for *_, place, path in sorted(found, key=lambda one: one[:2], reverse=True):
        if message := place.read(path):
            yield message


def places(settings: Settings) -> list[CapturedPlace]:
    """Every folder that a channel may have captured something in."""
    found: list[CapturedPlace] = []
    for channel in CHANNELS.values():
        if form := channel.capture:
            here = channel.captured_in(settings.home)
            own = form.elsewhere(settings.channel_settings[channel.name])
            folders = {here: "", channel.captured_in(settings.home / "demo"): "demo"}
            if own is not None:
                folders.setdefault(own, "")
            found += [CapturedPlace(name, channel.name, one, form) for one, name in folders.items()]
    return found
