"""A server's replies, read from the bytes that come, within bounds."""

import asyncio
import re
from typing import NamedTuple

from adapters.texts import short_text

_LONGEST_LINE = 8192
_LONGEST_REPLY = 32768
LONGEST_TEXT = 300
"""Characters of a server's words in an error."""
_CODE = re.compile(rb"[2-5]\d\d")
# RFC 3463 section 2.
_ENHANCED = re.compile(rb"([245])\.(\d{1,3})\.(\d{1,3})(?=\s|$)")


class SmtpReply(NamedTuple):
    """One whole reply (RFC 5321 4.2); its lines are joined by a line feed, codes taken off."""

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

    @property
    def words(self) -> str:
        """The text, decoded."""
        return self.text.decode("utf-8", "replace")

    def __str__(self) -> str:
        return short_text(f"{self.code} {self.words}", LONGEST_TEXT)


class ReplyReader:
    """Makes replies of what comes. `garbage`: what came and is no reply."""

    def __init__(self) -> None:
        self.garbage = b""
        self._rest = b""
        self._lines: list[bytes] = []
        self._size = 0

    def read(self, data: bytes) -> list[SmtpReply]:
        """The replies that are whole with these bytes, up to the first that cannot be read."""
        replies: list[SmtpReply] = []
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._size += len(line)
            if self._size > _LONGEST_REPLY or not _CODE.match(line):
                self.garbage = line or b"\n"
                return replies
            self._lines.append(line[4:].strip())
            if line[3:4] != b"-":
                replies.append(SmtpReply(int(line[:3]), b"\n".join(self._lines)))
                self._lines, self._size = [], 0
        if len(self._rest) > _LONGEST_LINE:
            self.garbage = self._rest
        return replies


class ReplyWait:
    """For `count` replies, or for room to write where it is 0. `patience`: seconds that the next
    may take, up to `deadline`; `later`: those for each after it."""

    __slots__ = ("count", "deadline", "future", "later", "patience")

    def __init__(
        self, future: asyncio.Future[list[SmtpReply]], count: int, patience: float, later: float
    ) -> None:
        self.future = future
        self.count = count
        self.patience = patience
        self.later = later
        self.deadline = 0.0
