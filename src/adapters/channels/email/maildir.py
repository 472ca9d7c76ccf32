"""The email channel into a folder: nothing is sent, and every mail program can read it."""

import asyncio
import os
import socket
import time
from collections.abc import Mapping, Sequence
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from functools import partial
from itertools import count
from pathlib import Path

from adapters.channels.email.outgoing_mail import Composer
from adapters.channels.shared.captured import CapturedContent, CapturedFile
from domain.content import Content
from domain.errors import DeliveryError, Unavailable
from domain.notification import Notification, Recipient
from domain.ports import AboutToSend, proceed

_SERIAL = count(1)


class MaildirNotifier:
    """Keeps each mail as a file of a Maildir (https://cr.yp.to/proto/maildir.html).

    The envelope stands in `Return-Path` and one `Delivered-To` for each recipient, so that a bcc
    can be seen.
    """

    one_by_one = False

    def __init__(self, folder: Path, composer: Composer | None = None) -> None:
        """`folder` is created at the first mail."""
        self._folder = folder
        self._composer = composer or Composer()
        self.check = self._composer.check
        self._waiting: list[tuple[asyncio.Future[None], bytes]] = []
        self._writer: asyncio.Task[None] | None = None

    async def notify(
        self,
        notification: Notification,
        content: Content,
        recipients: Sequence[Recipient],
        about_to_send: AboutToSend = proceed,
    ) -> Mapping[Recipient, DeliveryError | None]:
        """Keep one mail; see `Notifier.notify`."""
        mail = self._composer.compose(notification, content, recipients)
        if not mail.addressees:
            return mail.refused
        lines = [f"Return-Path: <{mail.envelope_from.wire}>"]
        lines += [f"Delivered-To: {address.wire}" for _, address in mail.addressees]
        envelope = "".join(f"{line}\r\n" for line in lines).encode()
        data = envelope + await self._composer.write(mail, eight_bit=True, utf8=True)
        await about_to_send(None, mail.message_id)
        try:
            await self._keep(data)
        except OSError as error:
            raise Unavailable(f"cannot write to the mailbox {self._folder}: {error}") from None
        return {recipient: mail.refused.get(recipient) for recipient in recipients}

    async def close(self) -> None:
        """Nothing is held open."""

    def _keep(self, data: bytes) -> "asyncio.Future[None]":
        """Done once the mail is on the disk. Raises OSError."""
        loop = asyncio.get_running_loop()
        kept: asyncio.Future[None] = loop.create_future()
        self._waiting.append((kept, data))
        if self._writer is None or self._writer.done():
            self._writer = loop.create_task(self._write())
        return kept

    async def _write(self) -> None:
        """Write what waits; what comes meanwhile is written together, next."""
        while self._waiting:
            batch, self._waiting = self._waiting, []
            mails = [data for _, data in batch]
            faults: Sequence[Exception | None]
            try:
                faults = await asyncio.to_thread(_keep_all, self._folder, mails)
            except Exception as unknown:  # noqa: BLE001 - whoever waits must get any fault
                faults = [unknown] * len(batch)
            for (kept, _), fault in zip(batch, faults, strict=True):
                if kept.done():  # cancelled
                    continue
                if fault is None:
                    kept.set_result(None)
                else:
                    kept.set_exception(fault)


def _keep_all(folder: Path, mails: Sequence[bytes]) -> list[OSError | None]:
    """Write each mail to `tmp`, then rename it into `new`: a reader never sees half a mail, nor
    does a crash leave one. Returns what went wrong, for each."""
    faults: list[OSError | None] = []
    try:
        for name in ("tmp", "new", "cur"):
            (folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        for mail in mails:
            try:
                _keep_one(folder, mail)
                faults.append(None)
            except OSError as fault:
                faults.append(fault)
        directory = os.open(folder / "new", os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as fault:
        return [fault] * len(mails)
    return faults


def maildir_name() -> str:
    """A name that no file of a Maildir has had."""
    host = socket.gethostname().replace("/", r"\057").replace(":", r"\072")
    now = time.time()
    return f"{int(now)}.M{int(now % 1 * 1e6)}P{os.getpid()}Q{next(_SERIAL)}.{host}"


def _keep_one(folder: Path, mail: bytes) -> None:
    name = maildir_name()
    temporary = folder / "tmp" / name
    with temporary.open("xb") as file:
        file.write(mail.replace(b"\r\n", b"\n"))
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(folder / "new" / name)


def read_mail(source: bytes) -> CapturedContent:
    """Read a mail as a Maildir keeps it."""
    mail = message_from_bytes(source)
    texts: dict[str, str] = {}
    files = []
    for part in mail.walk():
        if part.is_multipart():
            continue
        kind, name = part.get_content_type(), _filename(part)
        if kind in ("text/plain", "text/html") and name is None and kind not in texts:
            texts[kind] = _decoded(part)
        else:
            content_id = str(part["Content-ID"] or "").strip("<> \t\r\n")
            files.append(
                CapturedFile(_readable(name or kind), partial(_bytes, part), kind, content_id)
            )
    return CapturedContent(
        headers=tuple((name, _readable(value)) for name, value in mail.raw_items()),
        text=texts.get("text/plain", ""),
        html=texts.get("text/html"),
        files=tuple(files),
    )


def _filename(part: Message) -> str | None:
    try:
        return part.get_filename()
    except (LookupError, ValueError):  # its charset is as hostile as that of a text
        return ""


def _bytes(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _decoded(part: Message) -> str:
    raw = _bytes(part)
    try:
        return raw.decode(part.get_content_charset() or "utf-8", "replace")
    except (LookupError, ValueError):  # a charset that is unknown, or that decodes nothing
        return raw.decode("utf-8", "replace")


def _readable(value: object) -> str:
    """A header without its encoding and folding. Bytes that stand in it as they are count as UTF-8,
    as RFC 6532 has it."""
    raw = str(value).encode("utf-8", "surrogateescape")
    text = " ".join(raw.decode("utf-8", "replace").split())
    try:
        return str(make_header(decode_header(text)))
    except (HeaderParseError, LookupError, ValueError):
        return text
