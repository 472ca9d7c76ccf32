"""The rules of a message's fields, one function each, and guesses for the names of unknown fields.
Faults are ValueErrors."""

import base64
import mimetypes
import re
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any

from adapters.message_format.rules import Reading
from adapters.records import Given, ObjectForm, text_of
from adapters.texts import nearest
from domain.duration import parse_duration
from domain.media_type import MediaType
from domain.notification import Attachment, header_fault, locale_fault

MAX_ID = 255  # as an AMQP message id: it travels in the headers of copies
_CHANNEL = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_POSIX_LOCALE = re.compile(
    r"(?P<tag>C|POSIX|[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,3})"
    r"(?:\.[A-Za-z0-9_:-]{1,20})?(?:@[A-Za-z0-9_=;-]{1,20})?"
)
_LONGEST_TIMEZONE = 100  # no name in the database is half as long, and names are kept
_MOST_HINTS = 3
_MAX_DELAY = timedelta(days=366)
_CONTENT_ID = re.compile(r"<?(?P<id>[A-Za-z0-9!#$&'*+/=?^_`{|}~.@-]{1,200})>?")  # RFC 2392
_BASE64_SPACE = re.compile(r"[ \t\r\n]+")
_URL_SAFE = str.maketrans("-_", "+/")
_LEAP_SECOND = re.compile(r"(T\d\d:?\d\d:?)60", re.ASCII)

JsonObject = dict[str, Any]


def channel_name(value: object) -> str:
    """Any channel's name: whether there is such a channel is the worker's business."""
    channel = text_of(value)
    if not _CHANNEL.fullmatch(channel):
        raise ValueError("must be a channel's name such as email")
    return channel


def named_channels(value: object, reading: Reading) -> tuple[str, ...]:
    """The channels that a message names, of which `channel`, `channels` and `fallback` are three
    ways that exclude each other."""
    if not isinstance(value, list) or not value:
        raise ValueError("must be a list of channels")
    if not all(isinstance(item, str) for item in value):
        raise ValueError("must be a list of channels")
    names = tuple(channel_name(item) for item in value)
    if len(set(names)) < len(names):
        raise ValueError("names a channel twice")
    for other in ("channel", "channels"):
        if reading.so_far.get(other):
            raise ValueError(f"must not be set together with {other}")
    return names


def timezone_name(value: object) -> str:
    """The name of a time zone; an empty string counts as absent."""
    name = text_of(value)
    if name and not (len(name) <= _LONGEST_TIMEZONE and _is_timezone(name)):
        raise ValueError("must be the name of a time zone such as Europe/Rome")
    return name


def language_tag(value: object) -> str:
    """A language tag such as it-IT; an empty string counts as absent."""
    locale = text_of(value)
    posix = _POSIX_LOCALE.fullmatch(locale)  # such as en_US.UTF-8 or de_DE@euro
    tag = posix["tag"].replace("_", "-") if posix else locale
    if tag in {"", "C", "POSIX"}:
        return ""
    if found := locale_fault(tag):
        raise ValueError(found)
    return tag


@lru_cache(maxsize=256)
def _is_timezone(name: str) -> bool:
    """Whether the IANA database has a time zone of this name."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # a tenth of a MiB that few need

    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def utc_time(value: object) -> datetime:
    try:
        text = text_of(value).strip().upper()  # RFC 3339 5.6 allows lower case
        usual, leaps = _LEAP_SECOND.subn(r"\g<1>59", text, count=1)
        time = datetime.fromisoformat(usual) + timedelta(seconds=leaps)
    except (ValueError, OverflowError):
        raise ValueError("must be an ISO 8601 time such as 2026-01-31T08:00:00+01:00") from None
    if time.tzinfo is None:
        raise ValueError("must carry an offset, such as +01:00 or Z")
    try:
        return time.astimezone(UTC)
    except OverflowError:  # the last day of year 9999, west of Greenwich
        raise ValueError("is out of range") from None


def delay_of(value: object) -> timedelta:
    if isinstance(value, str):
        delay = parse_duration(value)
    elif isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e9:
        delay = timedelta(seconds=value)
    else:
        raise ValueError('must be seconds, such as 90, or a duration, such as "90s"')
    if delay > _MAX_DELAY:
        raise ValueError("must be at most a year")
    return delay


def base64_bytes(value: object) -> bytes:
    """Base64 in any of its usual forms: in lines, without padding, URL-safe."""
    text = text_of(value)
    with suppress(ValueError):
        return base64.b64decode(text, validate=True)
    plain = _BASE64_SPACE.sub("", text).rstrip("=").translate(_URL_SAFE)
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except ValueError:
        raise ValueError("must be base64") from None


def media_type(value: object) -> str:
    text = text_of(value)
    MediaType.parse(text)
    return text


def bare_content_id(value: object) -> str:
    match = _CONTENT_ID.fullmatch(text_of(value))
    if match is None:
        raise ValueError("must be a name such as logo, which an image has as cid:logo")
    return match["id"]


def probably_meant(unknown: Iterable[str], absent: Collection[str]) -> Mapping[str, str]:
    """Unknown field to known one, where they are nearly equal and the known one is not given."""
    near = {name[:80]: nearest(name[:80].lower(), absent, 0.75) for name in unknown}
    return {name: found for name, found in near.items() if found}


def hints(meant: Mapping[str, str]) -> list[str]:
    """One question for each such field."""
    return [
        f"the message has an unknown field {name!r}, did you mean {known!r}?"
        for name, known in meant.items()
    ][:_MOST_HINTS]


def id_fault(text: str) -> str | None:
    if len(text.encode()) > MAX_ID:
        return f"must be at most {MAX_ID} bytes"
    return header_fault(text)


def file_name(value: object) -> str:
    """A name, and nothing that would break a header."""
    name = text_of(value)
    if found := header_fault(name) if name else "must not be empty":
        raise ValueError(found)
    return name


@dataclass(kw_only=True)
class WireAttachment:
    """A file, by its bytes or by a path in the worker's attachments folder."""

    filename: Annotated[str, Given(file_name)]
    content_type: Annotated[str | None, Given(media_type)] = None
    content: Annotated[bytes | None, Given(base64_bytes)] = None
    path: Annotated[str | None, Given(text_of)] = None
    content_id: Annotated[str | None, Given(bare_content_id)] = None

    def __post_init__(self) -> None:
        if (self.content is None) == (self.path is None):
            raise ValueError("needs either content or path")

    def to_domain(self) -> Attachment:
        """The content type is guessed from the file name where the producer gave none."""
        # "./": a name such as "data:x,y" is no URL. A packed file is not of its content's type.
        guessed, packed = mimetypes.guess_type("./" + self.filename)
        return Attachment(
            filename=self.filename,
            content_type=self.content_type
            or (not packed and guessed)
            or "application/octet-stream",
            content=self.content,
            path=self.path,
            content_id=self.content_id,
        )


ATTACHMENT = ObjectForm(WireAttachment)
