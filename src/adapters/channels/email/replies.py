"""Server replies (RFC 5321 4.2): reading them off the wire, and saying them in one safe line."""

import re
from collections.abc import Sequence
from typing import NamedTuple

FAREWELL = 421  # RFC 5321 3.8: the server closes the connection after it
_LONGEST_LINE = 8192
_LONGEST_REPLY = 32768
_LONGEST_TEXT = 300
# RFC 3463 section 2.
_ENHANCED = re.compile(rb"([245])\.(\d{1,3})\.(\d{1,3})(?=\s|$)")
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029]+")


class MalformedReply(Exception):
    """The server sent something that is no SMTP reply."""


class SmtpReply(NamedTuple):
    """One whole reply; several lines are joined by a line feed, codes taken off."""

    code: int
    text: bytes

    @property
    def accepted(self) -> bool:
        return 200 <= self.code < 300

    @property
    def enhanced(self) -> tuple[int, int, int] | None:
        """The enhanced status code (RFC 3463) that the text begins with, if any."""
        match = _ENHANCED.match(self.text)
        return (int(match[1]), int(match[2]), int(match[3])) if match else None

    def __str__(self) -> str:
        return one_line(f"{self.code} {self.text.decode('utf-8', 'replace')}")


def one_line(text: str) -> str:
    """A stranger's text made fit for a log line: printable, at most 300 characters."""
    return _UNPRINTABLE.sub(" ", text).strip()[:_LONGEST_TEXT]


def before_farewell(
    sender: SmtpReply | None, recipients: Sequence[SmtpReply | None]
) -> list[SmtpReply | None]:
    """The replies to the recipients; None after a 421: the rest of a pipelined group is refused
    because of it, such as with "503 need MAIL first", and says nothing about a recipient."""
    is_over = False
    said: list[SmtpReply | None] = []
    for before, reply in zip((sender, *recipients), recipients, strict=False):
        is_over = is_over or (before is not None and before.code == FAREWELL)
        said.append(None if is_over else reply)
    return said


class ReplyReader:
    """Cuts a stream of bytes into replies, and bounds what a server can make us hold."""

    def __init__(self) -> None:
        self._rest = b""
        self._lines: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[SmtpReply]:
        """Every reply that is now complete. Raises MalformedReply; the stream is then lost."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LONGEST_LINE:
            raise MalformedReply("a line without an end")
        replies = []
        for line in lines:
            code = line[:3]
            if not (len(code) == 3 and code.isdigit() and b"200" <= code <= b"599"):
                raise MalformedReply(f"{one_line(line.decode('utf-8', 'replace'))[:80]!r}")
            self._size += len(line)
            if self._size > _LONGEST_REPLY:
                raise MalformedReply("a reply without an end")
            self._lines.append(line[4:].strip())
            if line[3:4] != b"-":
                replies.append(SmtpReply(int(code), b"\n".join(self._lines)))
                self._lines = []
                self._size = 0
        return replies
