"""Our end of an SMTP connection once greeting, TLS, EHLO and AUTH are done."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

FAREWELL = 421  # RFC 5321 3.8: the server closes the connection after it
_LONGEST_LINE = 8192
_LONGEST_REPLY = 32768
_LONGEST_TEXT = 300
# RFC 3463 section 2.
_ENHANCED = re.compile(rb"([245])\.(\d{1,3})\.(\d{1,3})(?=\s|$)")
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029]+")
# Written in slices, so that a reply that comes before the end of a big mail is seen in time.
_SLICE = 256 * 1024


class MalformedReply(Exception):
    """The server sent something that is no SMTP reply."""


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

    def __str__(self) -> str:
        return one_line(f"{self.code} {self.text.decode('utf-8', 'replace')}")


def one_line(text: str) -> str:
    """A stranger's text made fit for a log line: printable, at most 300 characters."""
    return _UNPRINTABLE.sub(" ", text).strip()[:_LONGEST_TEXT]


class ReplyReader:
    """Cuts a stream of bytes into replies, and bounds what a server can make us hold."""

    def __init__(self) -> None:
        self._rest = b""
        self._lines: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> Sequence[SmtpReply]:
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


class Session(asyncio.Protocol):
    """Sends bytes, pairs replies, and knows when the connection is lost.

    `extensions` are the server's EHLO keywords in lower case, each with its parameters. `reused`:
    it has been in the pool, so the server may have left meanwhile. `unasked`: the replies that are
    not asked for yet, such as a farewell on an idle connection.
    """

    def __init__(
        self, transport: asyncio.Transport, extensions: Mapping[str, str], *, server: str
    ) -> None:
        """`server` names it in errors: host and port."""
        self.extensions = extensions
        self.server = server
        self.pipelining = "pipelining" in extensions
        self.mails_sent = 0
        self.reused = False
        self._loop = asyncio.get_running_loop()
        self.opened_at = self.idle_since = self._loop.time()
        self.lost: str | None = None
        self.was_silent = False  # whether it is lost because no answer came in time
        self.was_closed = False  # whether the server closed it with no word
        self.unasked: list[SmtpReply] = []
        self._transport = transport
        self._reader = ReplyReader()
        self._waiter: asyncio.Future[list[SmtpReply]] | None = None
        self._wanted = 0
        self._patience = self._later = self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._paused = False
        transport.set_protocol(self)

    @property
    def is_open(self) -> bool:
        """Whether another transaction may begin: connected, and nothing said out of turn."""
        return self.lost is None and not self.unasked and not self._transport.is_closing()

    def write(self, data: bytes) -> None:
        """Send without waiting."""
        if self.lost is None:
            self._transport.write(data)

    async def write_all(self, data: bytes, timeout: float) -> bool:
        """Send no faster than the server reads; False if it answered or left before the end."""
        for start in range(0, len(data), _SLICE):
            self.write(data[start : start + _SLICE] if len(data) > _SLICE else data)
            while self._paused and self.is_open:
                await self.replies(0, timeout)
            if not self.is_open:
                return False
        return True

    def replies(
        self, count: int, timeout: float, later: float = 0.0
    ) -> asyncio.Future[list[SmtpReply]]:
        """The next `count` replies in order; fewer if the connection is lost before them. None are
        asked for by who waits for room to write.

        `timeout` is in seconds, for the first; `later` for each of the others.
        """
        self._wanted, self._patience, self._later = count, timeout, later
        self._waiter = waiter = self._loop.create_future()
        if self.lost is not None or 0 < count <= len(self.unasked):
            self._wake()
        else:
            self._wait_for(timeout)
        return waiter

    def broke_off(self, replies: list[SmtpReply]) -> bool:
        """Whether a group of commands that only these replies came to says that the server breaks
        pipelining: the rest met silence, or a new connection was closed on it with no word."""
        if self.was_silent:
            return bool(replies) and replies[0].accepted
        is_new = self.was_closed and not self.reused
        return is_new and all(reply.accepted for reply in replies)

    def abort(self) -> None:
        """Cut the connection at once."""
        if self.lost is None:
            self.lost = "closed by us"
        self._transport.abort()

    async def quit(self, timeout: float) -> None:
        """Say goodbye, wait `timeout` seconds at most for the answer, and close."""
        try:
            if self.is_open:
                self.write(b"QUIT\r\n")
                await self.replies(1, timeout)
        finally:
            self.abort()

    def _wait_for(self, seconds: float) -> None:
        """Set the one timer: most waits are over before it ends, then it looks for another."""
        self._deadline = self._loop.time() + seconds
        if self._timer is not None and self._timer.when() > self._deadline:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer = self._loop.call_at(self._deadline, self._check_deadline)

    def _check_deadline(self) -> None:
        self._timer = None
        if self._waiter is None or self._waiter.done():
            return
        left = self._deadline - self._loop.time()
        if left > 0:
            self._wait_for(left)
            return
        self.was_silent = self.lost is None
        self._lose(f"no answer within {self._patience:g} s")
        self._transport.abort()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            taken, self.unasked = self.unasked[: self._wanted], self.unasked[self._wanted :]
            waiter.set_result(taken)

    def _lose(self, text: str) -> None:
        if self.lost is None:
            self.lost = text
        self._wake()

    def data_received(self, data: bytes) -> None:
        if self.lost is not None:
            return
        try:
            replies = self._reader.feed(data)
        except MalformedReply as error:
            self._lose(f"the server does not speak SMTP: {error}")
            self._transport.abort()
            return
        self.unasked += replies
        farewell = next((reply for reply in replies if reply.code == FAREWELL), None)
        if farewell is not None:
            self._lose(f"the server closed with {farewell}")
            self._transport.close()
        elif len(self.unasked) >= self._wanted:
            self._wake()
        elif replies:
            self._patience = self._later
            self._wait_for(self._later)

    def eof_received(self) -> bool:
        self.was_closed = self.lost is None
        self._lose("the server closed the connection")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.was_closed |= self.lost is None
        self._lose(f"the connection was lost: {exc}" if exc else "the connection was lost")
        if self._timer is not None:
            self._timer.cancel()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self._wanted == 0:
            self._wake()
