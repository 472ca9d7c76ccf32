"""`dispatcher mailbox`."""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from adapters.channels import CHANNELS
from adapters.channels.channel import Capture
from adapters.channels.shared.captured import CapturedContent
from adapters.texts import short_text
from entrypoints.cli.application import ago
from entrypoints.pages.web import STYLE, PageReply, foreign, missing, page, serve
from entrypoints.settings import Settings
from entrypoints.start import load

_LATEST = 500
_SHOWN = (
    "From",
    "To",
    "Cc",
    "Reply-To",
    "Delivered-To",
    "Date",
    "Template",
    "Id",
    "X-Dispatcher-Id",
)
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


@click.command("mailbox")
@click.option("--port", type=click.IntRange(0, 65535), default=8025, show_default=True)
def command(port: int) -> None:
    """Show captured mails and messages in a browser, on this machine only.

    Shows the local mailbox and the folders of captured channels, the demo's too. It only reads:
    nothing is deleted or marked. Pictures and styles from elsewhere are not loaded.
    """
    box = CapturedMailbox(places(load()))
    serve(box.answer, port, "captured messages")


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


@dataclass(frozen=True, slots=True)
class CapturedMailbox:
    """Answers with what is in these places at the moment of asking."""

    places: list[CapturedPlace]

    def answer(self, path: str) -> PageReply:
        """The page at `path`."""
        match path.split("/")[1:]:
            case [""]:
                return self._list()
            case ["style.css"]:
                return STYLE
            case ["m", key, *rest]:
                files = ((place, path) for place in self.places for path in place.files())
                named = (place.read(path) for place, path in files if key_of(path) == key)
                message = next(named, None)
                return missing() if message is None else _part(message, rest)
            case _:
                return missing()

    def _list(self) -> PageReply:
        messages = list(islice(everything(self.places), _LATEST))
        return page(
            "messages",
            title="Captured messages",
            messages=messages,
            many=f"the last {_LATEST}" if len(messages) == _LATEST else len(messages),
            folders=", ".join(sorted({str(place.folder) for place in self.places})),
            ago=ago,
        )


def _part(message: Captured, rest: list[str]) -> PageReply:
    match rest:
        case []:
            shown = [(n, v) for n, v in message.content.headers if n.title() in _SHOWN]
            return page("message", title=message.title, message=message, shown=shown)
        case ["html"] if message.content.html is not None:
            return foreign(message.content.html)
        case ["source"]:
            return PageReply(message.source, "text/plain; charset=utf-8")
        case ["file", number] if number in map(str, range(len(message.content.files))):
            file = message.content.files[int(number)]
            name = quote(file.name, safe="", errors="replace")
            headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
            return PageReply(file.content, "application/octet-stream", headers=headers)
        case _:
            return missing()
