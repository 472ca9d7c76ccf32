"""Keep a channel's messages in a folder: nothing is sent, and each message can be read there.

A message that is read from its file has the same form for every channel.
"""

import asyncio
import json
import re
import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import field
from itertools import count
from pathlib import Path

from adapters.channels.shared.one_by_one import OneByOneNotifier
from domain.content import Content
from domain.errors import Unavailable
from domain.notification import Notification, Recipient
from domain.ports import AboutToSend
from domain.value_object import value_object

OPTIONS = "Options"
"""The line with what the message's metadata say to its channel, as JSON."""

_SERIAL = count(1)
_JSON = ".json"
_BLANK_LINE = re.compile(r"\n\n(?=[\[{])")


@value_object()
class CapturedFile:
    """An attachment. `content_id`: what HTML calls it that shows it, as `cid:…`. `read`: decodes
    the content, which a list of messages does not need."""

    name: str
    read: Callable[[], bytes] = field(repr=False)
    kind: str = "application/octet-stream"
    content_id: str = ""

    @property
    def content(self) -> bytes:
        """What is in it."""
        return self.read()

    def as_url(self) -> str:
        """The file as an address that needs no server."""
        return f"data:{self.kind};base64,{b64encode(self.content).decode()}"


@value_object(kw_only=True)
class CapturedContent:
    """What is in the file. `html` is None where there is no HTML. Everything may be hostile."""

    headers: tuple[tuple[str, str], ...]
    text: str = field(repr=False)
    html: str | None = field(default=None, repr=False)
    files: tuple[CapturedFile, ...] = ()


class CapturedNotifier(OneByOneNotifier):
    """Keeps each message as a text file: who, when, what, an empty line, then the message."""

    def __init__(self, folder: Path) -> None:
        """`folder` is created at the first message."""
        self._folder = folder

    async def send(
        self,
        notification: Notification,
        content: Content,
        recipient: Recipient,
        about_to_send: AboutToSend,
    ) -> None:
        """Keep one file; see `OneByOneNotifier.send`."""
        await about_to_send()
        try:
            await asyncio.to_thread(_keep, self._folder, _text(notification, content, recipient))
        except OSError as error:
            raise Unavailable(f"cannot write to {self._folder}: {error}") from None

    async def refuse(
        self, notification: Notification, content: Content, recipient: Recipient
    ) -> None:
        """Refuse nothing; see `OneByOneNotifier.refuse`."""

    async def close(self) -> None:
        """Nothing is held open."""


def read_text(source: bytes) -> CapturedContent:
    """Read a text file as `CapturedNotifier` writes it."""
    head, _, body = source.decode("utf-8", "replace").partition("\n\n")
    pairs = (line.partition(": ") for line in head.splitlines())
    return CapturedContent(headers=tuple((name, value) for name, _, value in pairs), text=body)


def _text(notification: Notification, content: Content, recipient: Recipient) -> str:
    lines = {
        "To": str(recipient),
        "Date": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "Id": notification.id,
        "Template": notification.template,
        "Subject": content.subject,
        "Attachments": ", ".join(one.filename for one in notification.attachments),
        OPTIONS: _options(notification),
    }
    head = "".join(f"{name}: {value}\n" for name, value in lines.items() if value)
    return f"{head}\n" + "\n".join(
        _readable(name, content.parts[name]).rstrip("\n") + "\n"
        for name in sorted(content.parts, key=lambda name: name.endswith(_JSON))
    )


def parts_in(text: str, own: Sequence[str]) -> dict[str, str]:
    """The parts of a kept message, of which its channel has these: what is JSON at its end is the
    part that is JSON, and what is above that the other one."""
    names = {name.endswith(_JSON): name for name in own}
    begins = [0, *(found.end() for found in _BLANK_LINE.finditer(text))] if True in names else []
    for at in begins:
        with suppress(ValueError, RecursionError):
            json.loads(text[at:])
            found = {names[True]: text[at:]}
            return {names[False]: text[:at], **found} if text[:at].strip() else found
    return {names.get(False, "text"): text}


def _options(notification: Notification) -> str:
    said = notification.metadata.get(notification.channel)
    return json.dumps(said, ensure_ascii=False) if said else ""


def _readable(name: str, part: str) -> str:
    if not name.endswith(_JSON):
        return part
    return json.dumps(json.loads(part), ensure_ascii=False, indent=2)


def _keep(folder: Path, text: str) -> None:
    """Write to another name, then rename, so that no reader finds half a file."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{time.time_ns()}-{next(_SERIAL):04}.txt"
    aside = folder / f".{name}"
    aside.write_text(text, "utf-8")
    aside.rename(folder / name)
