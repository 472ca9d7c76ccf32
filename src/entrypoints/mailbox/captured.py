"""Messages that were kept on this machine: where they are, in which order, and how one goes."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import field
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from adapters.channels import CHANNELS, DEFAULT
from adapters.channels.channel import Capture
from adapters.channels.shared.captured import CapturedContent
from adapters.texts import short_text
from domain.value_object import value_object
from entrypoints.settings import Settings

_SHORT_KEY = 16


@value_object(kw_only=True)
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


@value_object()
class CapturedPlace:
    """A folder that one channel's messages are kept in; `name` is unique."""

    name: str
    channel: str
    folder: Path
    form: Capture[Any]

    @property
    def folders(self) -> list[Path]:
        """The folders that its messages are in."""
        return [self.folder / name for name in self.form.subfolders]

    def files(self) -> Iterator[Path]:
        """Whole messages, in no order; a folder that is not there has none."""
        for folder in self.folders:
            yield from (path for path in folder.glob("[!.]*") if path.is_file())

    def read(self, path: Path) -> Captured | None:
        """Read one of `files`; None where it has gone. One that no reader understands has its
        source, and says so in its subject."""
        try:
            source, at = path.read_bytes(), path.stat().st_mtime
        except OSError:
            return None
        try:
            content = self.form.read(source)
        except Exception as error:  # noqa: BLE001 - whatever came must be shown and can be deleted
            is_deep = isinstance(error, RecursionError)
            why = "too many parts within parts" if is_deep else type(error).__name__
            subject = f"cannot be read: {why}; its source is kept"
            content = CapturedContent(headers=(("Subject", subject),), text="")
        return Captured(
            id=key_of(path),
            path=path,
            place=self.name,
            channel=self.channel,
            captured_at=datetime.fromtimestamp(at, UTC),
            content=content,
            source=source,
        )


class KeptFile(NamedTuple):
    """Where one message is, and when it came; sorted by that."""

    at: int
    path: str
    place: CapturedPlace

    @property
    def captured_at(self) -> datetime:
        """When it came, to the second."""
        return datetime.fromtimestamp(self.at // 10**9, UTC)

    def read(self) -> Captured | None:
        """The message; None where it has gone."""
        return self.place.read(Path(self.path))


def key_of(path: Path) -> str:
    """Return a name for the file from which no other name can be guessed."""
    return digest_of(path).hex()[:_SHORT_KEY]


def digest_of(path: Path) -> bytes:
    """What names of the file are made of."""
    return hashlib.sha256(bytes(path)).digest()


def kept_files(places: Iterable[CapturedPlace]) -> list[KeptFile]:
    """All that was kept, newest first; no file is read."""
    found = []
    for place in places:
        for path in place.files():
            with suppress(OSError):  # it may go while we look
                found.append(KeptFile(path.stat().st_mtime_ns, str(path), place))
    found.sort(key=lambda one: one[:2], reverse=True)
    return found


def everything(places: Iterable[CapturedPlace]) -> Iterator[Captured]:
    """All that was kept, newest first; each is read when it is reached."""
    return (message for file in kept_files(places) if (message := file.read()))


def find(places: Iterable[CapturedPlace], key: str) -> KeptFile | None:
    """Where the message of this name is, or None; no file is read."""
    return next((one for one in kept_files(places) if key_of(Path(one.path)) == key), None)


def remove(paths: Iterable[Path]) -> int:
    """Delete these messages; returns how many were there. Raises OSError."""
    gone = 0
    for path in paths:
        with suppress(FileNotFoundError):
            path.unlink()
            gone += 1
    return gone


def changed_at(places: Sequence[CapturedPlace]) -> tuple[int, ...]:
    """A value that is another one as soon as a message has come or gone."""
    return tuple(chain.from_iterable(_changed(f) for place in places for f in place.folders))


def _changed(folder: Path) -> tuple[int, int]:
    """Two messages within a tick of the file system's clock leave the same time, so they are
    counted as well."""
    try:
        return folder.stat().st_mtime_ns, len(os.listdir(folder))  # noqa: PTH208 - names only
    except OSError:
        return 0, 0


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


def mailbox_of(places: Sequence[CapturedPlace]) -> CapturedPlace:
    """The place of the mails in this folder of ours: what comes by SMTP is kept there."""
    return next(place for place in places if place.channel == DEFAULT.name and not place.name)
