"""What was captured instead of being sent, read from its files."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from pathlib import Path

_MAILDIR = ("new", "cur")
_SHORT_KEY = 16


@dataclass(frozen=True, slots=True)
class CapturedFile:
    """An attachment of a mail."""

    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """A message that was kept. `id` names it in URLs and leads to no path. `html` is None where
    it has no HTML. Everything in it may be hostile."""

    id: str
    place: str
    channel: str
    captured_at: datetime
    headers: tuple[tuple[str, str], ...]
    text: str = field(repr=False)
    html: str | None = field(default=None, repr=False)
    files: tuple[CapturedFile, ...] = ()
    source: bytes = field(repr=False)

    def header(self, name: str) -> str:
        """The first header of this name, whatever its case; empty where it is absent."""
        return next((v for k, v in self.headers if k.lower() == name.lower()), "")


@dataclass(frozen=True, slots=True)
class CapturedPlace:
    """A folder that one channel's messages are kept in; `name` is unique."""

    name: str
    channel: str
    folder: Path

    def files(self) -> Iterator[Path]:
        """Whole messages, in no order; a folder that is not there has none."""
        folders = [self.folder / name for name in _MAILDIR] if self._is_mail else [self.folder]
        for folder in folders:
            yield from (path for path in folder.glob("[!.]*") if path.is_file())

    def read(self, path: Path) -> Captured:
        """Read one of `files`. Raises OSError where it has gone."""
        source = path.read_bytes()
        time = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        read = _mail if self._is_mail else _text
        return read(source, id=key_of(path), place=self.name, channel=self.channel, time=time)

    @property
    def _is_mail(self) -> bool:
        return self.channel == "email"


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


def _text(source: bytes, *, id: str, place: str, channel: str, time: datetime) -> Captured:  # noqa: A002
    head, _, body = source.decode("utf-8", "replace").partition("\n\n")
    pairs = (line.partition(": ") for line in head.splitlines())
    return Captured(
        id=id,
        place=place,
        channel=channel,
        captured_at=time,
        headers=tuple((name, value) for name, _, value in pairs),
        text=body,
        source=source,
    )


def _mail(source: bytes, *, id: str, place: str, channel: str, time: datetime) -> Captured:  # noqa: A002
    mail = message_from_bytes(source)
    texts: dict[str, str] = {}
    files = []
    for part in mail.walk():
        if part.is_multipart():
            continue
        kind, name = part.get_content_type(), part.get_filename()
        if kind in ("text/plain", "text/html") and name is None and kind not in texts:
            texts[kind] = _decoded(part)
        else:
            payload = part.get_payload(decode=True)
            files.append(
                CapturedFile(
                    _readable(name or kind), payload if isinstance(payload, bytes) else b""
                )
            )
    return Captured(
        id=id,
        place=place,
        channel=channel,
        captured_at=time,
        headers=tuple((name, _readable(value)) for name, value in mail.items()),
        text=texts.get("text/plain", ""),
        html=texts.get("text/html"),
        files=tuple(files),
        source=source,
    )


def _decoded(part: Message) -> str:
    payload = part.get_payload(decode=True)
    raw = payload if isinstance(payload, bytes) else b""
    try:
        return raw.decode(part.get_content_charset() or "utf-8", "replace")
    except LookupError:  # an unknown charset
        return raw.decode("utf-8", "replace")


def _readable(value: object) -> str:
    """A header without its encoding and folding."""
    text = " ".join(str(value).split())
    try:
        return str(make_header(decode_header(text)))
    except (HeaderParseError, LookupError, ValueError):
        return text
