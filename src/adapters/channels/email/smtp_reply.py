"""The replies of an SMTP server, read from its bytes."""

import re
from typing import NamedTuple

from adapters.texts import short_text

FAREWELL = 421  # RFC 5321 3.8: the server closes the connection after it
LONGEST_TEXT = 300
"""Characters of a server's words in an error."""
_LONGEST_LINE = 8192
_LONGEST_REPLY = 32768
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
    """Puts replies together from bytes as they come."""

    def __init__(self) -> None:
        self._rest = b""
        self._lines: list[bytes] = []
        self._size = 0

    def read(self, data: bytes, replies: list[SmtpReply]) -> bytes | None:
        """Append the replies that are whole now. Returns what is no reply, if any: then the server
        does not speak SMTP, and nothing more is to be read."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._size += len(line)
            if self._size > _LONGEST_REPLY or not _CODE.match(line):
                return line
            self._lines.append(line[4:].strip())
            if line[3:4] != b"-":
                replies.append(SmtpReply(int(line[:3]), b"\n".join(self._lines)))
                self._lines, self._size = [], 0
        return self._rest if len(self._rest) > _LONGEST_LINE else None
