"""A mail that came by SMTP, as a file: its envelope in lines of its own, then its very bytes.

The lines are those of the email channel's Maildir: `Return-Path` and one `Delivered-To` for each
recipient. One more, with what the client called itself, ends them.
"""

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import field
from pathlib import Path

from adapters.channels.email.maildir import maildir_name
from domain.value_object import value_object

_RETURN_PATH, _DELIVERED_TO, _HELO = b"Return-Path: ", b"Delivered-To: ", b"X-Dispatcher-Helo: "


@value_object(kw_only=True)
class ArrivedEnvelope:
    """Who sent a mail to whom. The bytes are those of the wire."""

    sender: bytes
    recipients: Sequence[bytes]
    helo: bytes = b""


@value_object()
class ArrivedMail:
    """A mail as it came over the wire: lines end with CRLF, dots are unstuffed, and the CRLF that
    the final dot takes is not in it."""

    envelope: ArrivedEnvelope
    data: bytes = field(repr=False)


class MailKeeper:
    """Keeps mails as files of a Maildir, each younger than the one before it."""

    def __init__(self, folder: Path, most: int) -> None:
        """`folder` is created at the first mail. `most`: when some more mails than these are in it,
        the oldest go."""
        self._folder = folder
        self._most = most
        self._room = 0  # mails until the folder is looked at
        self._last = 0

    def keep(self, mail: ArrivedMail) -> Path:
        """Write to `tmp`, then rename into `new`: a reader never sees half a mail. Raises OSError.

        Nothing is synced: these mails are for looking at.
        """
        for name in ("tmp", "new", "cur"):
            (self._folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        name = maildir_name()
        temporary, kept = self._folder / "tmp" / name, self._folder / "new" / name
        temporary.write_bytes(as_file(mail))
        # The clock of files is coarse; mails are shown in the order in which they came.
        self._last = max(self._last + 1, time.time_ns())
        os.utime(temporary, ns=(self._last, self._last))
        temporary.rename(kept)
        if self._room:
            self._room -= 1
        else:
            self._forget()
        return kept

    def _forget(self) -> None:
        """Remove the oldest mails beyond the most."""
        found = []
        for path in (*self._folder.glob("new/[!.]*"), *self._folder.glob("cur/[!.]*")):
            with suppress(FileNotFoundError):  # deleted meanwhile
                found.append((path.stat().st_mtime_ns, path))
        found.sort(reverse=True)
        for _, path in found[self._most :]:
            path.unlink(missing_ok=True)
        self._room = max(0, self._most - len(found)) + self._most // 20


def as_file(mail: ArrivedMail) -> bytes:
    """The bytes that `read_arrived` reads."""
    envelope = mail.envelope
    lines = [_RETURN_PATH + b"<" + envelope.sender + b">"]
    lines += [_DELIVERED_TO + one for one in envelope.recipients]
    lines += [_HELO + envelope.helo]
    return b"".join(line + b"\r\n" for line in lines) + mail.data


def read_arrived(source: bytes) -> ArrivedMail:
    """Read a mail of a Maildir, from whomever it is. Where its lines end with LF they are given the
    ends that they had on the wire."""
    sender, at = b"", 0
    recipients: list[bytes] = []
    while end := source.find(b"\n", at) + 1:
        text = source[at:end].rstrip(b"\r\n")
        if at == 0 and text.startswith(_RETURN_PATH):
            sender = text.removeprefix(_RETURN_PATH).strip(b"<>")
        elif at and text.startswith(_DELIVERED_TO):
            recipients.append(text.removeprefix(_DELIVERED_TO))
        elif at and text.startswith(_HELO):
            envelope = ArrivedEnvelope(
                sender=sender, recipients=recipients, helo=text.removeprefix(_HELO)
            )
            return ArrivedMail(envelope, source[end:])
        else:
            break
        at = end
    data = source[at:].replace(b"\r\n", b"\n").replace(b"\n", b"\r\n").removesuffix(b"\r\n")
    envelope = ArrivedEnvelope(sender=sender, recipients=recipients, helo=b"localhost")
    return ArrivedMail(envelope, data)
