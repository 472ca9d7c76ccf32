"""Our end of an SMTP connection: commands go out, and the replies come back in their order."""

import asyncio
import re
import ssl
from typing import NamedTuple, cast

from adapters.texts import short_text

FAREWELL = 421  # RFC 5321 3.8: the server closes the connection after it
_LONGEST_LINE = 8192
_LONGEST_REPLY = 32768
_MOST_UNASKED = 100
LONGEST_TEXT = 300
"""Characters of a server's words in an error."""
_CODE = re.compile(rb"[2-5]\d\d")
# RFC 3463 section 2.
_ENHANCED = re.compile(rb"([245])\.(\d{1,3})\.(\d{1,3})(?=\s|$)")
# Written in slices, so that a reply that comes before the end of a big mail is seen in time.
_SLICE = 256 * 1024


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


class Session(asyncio.Protocol):
    """Sends bytes, pairs replies, limits what a server can make us store, and knows when the
    connection is lost.

    `extensions` are the server's EHLO keywords in lower case, each with its parameters. `reused`:
    it has been in the pool, so the server may have left meanwhile. `unasked`: the replies that are
    not asked for yet, such as a farewell on an idle connection. `garbage`: what came and is no
    reply.
    """

    def __init__(self, server: str) -> None:
        """`server` names it in errors: host and port."""
        self.server = server
        self.extensions: dict[str, str] = {}
        self.pipelining = False
        self.mails_sent = 0
        self.reused = False
        self.lost: str | None = None
        self.was_silent = False  # whether it is lost because no answer came in time
        self.was_closed = False  # whether the server closed it with no word
        self.unasked: list[SmtpReply] = []
        self.garbage = b""
        self._rest = b""
        self._lines: list[bytes] = []
        self._size = 0
        self._loop = asyncio.get_running_loop()
        self.opened_at = self.idle_since = self._loop.time()
        self._transport: asyncio.Transport
        self._waiter: asyncio.Future[list[SmtpReply]] | None = None
        self._wanted = 0
        self._patience = self._later = self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._paused = False

    @property
    def is_open(self) -> bool:
        """Whether another transaction may begin: connected, and nothing said out of turn."""
        return self.lost is None and not self.unasked

    @property
    def own_address(self) -> str:
        """The address of our end, or an empty text."""
        name = self._transport.get_extra_info("sockname")
        return str(name[0]) if name else ""

    def ask(
        self, data: bytes, timeout: float, count: int = 1, later: float = 0.0
    ) -> asyncio.Future[list[SmtpReply]]:
        """Send `data`, and wait for the next `count` replies in order; fewer if the connection is
        lost before them. No reply is asked for by who waits for room to write.

        `timeout` is in seconds, for the first; `later` for each of the others.
        """
        if data and self.lost is None:
            self._transport.write(data)
        self._wanted, self._patience, self._later = count, timeout, later
        self._waiter = waiter = self._loop.create_future()
        if self.lost is not None or 0 < count <= len(self.unasked):
            self._wake()
        else:
            # Most waits are over before the timer ends; then it looks for another.
            now = self._loop.time()
            self._deadline = now + timeout
            if self._timer is None or self._timer_at > now + (later or timeout):
                self._look_at(now + (later or timeout))
        return waiter

    async def write_all(self, data: bytes, timeout: float) -> bool:
        """Send no faster than the server reads; False if it answered or left before the end."""
        for start in range(0, len(data), _SLICE):
            if self.lost is None:
                self._transport.write(data[start : start + _SLICE] if len(data) > _SLICE else data)
            while self._paused and self.is_open:
                await self.ask(b"", timeout, count=0)
            if self.lost is not None or self.unasked:
                return False
        return True

    def broke_off(self, replies: list[SmtpReply]) -> bool:
        """Whether a group of commands that only these replies came to says that the server breaks
        pipelining: the rest met silence, or a new connection was closed on it with no word."""
        if self.was_silent:
            return bool(replies) and replies[0].accepted
        is_new = self.was_closed and not self.reused
        return is_new and all(reply.accepted for reply in replies)

    async def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """Go on in TLS. What came in clear after the server's consent may be a stranger's, and is
        forgotten (RFC 3207 section 4.2). Raises what asyncio raises."""
        self.unasked, self._rest, self._lines, self._size = [], b"", [], 0
        transport = await self._loop.start_tls(self._transport, self, context, server_hostname=host)
        self.connection_made(cast(asyncio.Transport, transport))

    def abort(self) -> None:
        """Cut the connection at once."""
        if self.lost is None:
            self.lost = "closed by us"
        self._transport.abort()

    async def quit(self, timeout: float) -> None:
        """Say goodbye, wait `timeout` seconds at most for the answer, and close."""
        try:
            if self.is_open:
                await self.ask(b"QUIT\r\n", timeout)
        finally:
            self.abort()

    def _look_at(self, moment: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = moment
        self._timer = self._loop.call_at(moment, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._waiter is None or self._waiter.done():
            return
        now = self._loop.time()
        if now < self._deadline:
            self._look_at(min(self._deadline, now + (self._later or self._patience)))
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

    def _refuse(self, garbage: bytes) -> None:
        self.garbage = garbage
        text = short_text(garbage.decode("utf-8", "replace"), 80)
        self._lose(f"the server does not speak SMTP: {text!r}")
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self.lost is not None:
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        known, farewell = len(self.unasked), None
        for line in lines:
            self._size += len(line)
            if self._size > _LONGEST_REPLY or not _CODE.match(line):
                self._refuse(line)
                return
            self._lines.append(line[4:].strip())
            if line[3:4] != b"-":
                reply = SmtpReply(int(line[:3]), b"\n".join(self._lines))
                self.unasked.append(reply)
                self._lines, self._size = [], 0
                farewell = reply if reply.code == FAREWELL else farewell
        if farewell is not None:
            self._lose(f"the server closed with {farewell}")
            self._transport.close()
        elif len(self._rest) > _LONGEST_LINE or len(self.unasked) > self._wanted + _MOST_UNASKED:
            self._refuse(self._rest)
        elif len(self.unasked) >= self._wanted:
            self._wake()
        elif len(self.unasked) > known:
            self._patience = self._later
            self._deadline = self._loop.time() + self._later

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
