"""Our end of an SMTP connection once greeting, TLS, EHLO and AUTH are done."""

import asyncio
from collections.abc import Mapping

from adapters.channels.email.replies import FAREWELL, MalformedReply, ReplyReader, SmtpReply

# Written in slices, so that a reply that comes before the end of a big mail is seen in time.
_SLICE = 256 * 1024


class Session(asyncio.Protocol):
    """Sends bytes, pairs replies, and knows when the connection is lost.

    `extensions` are the server's EHLO keywords in lower case, each with its parameters. `reused`:
    it has been in the pool, so the server may have left meanwhile.
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
        self.opened_at = self.idle_since = asyncio.get_running_loop().time()
        self.lost: str | None = None
        self.was_silent = False  # whether it is lost because no answer came in time
        self.was_closed = False  # whether the server closed it with no word
        self._transport = transport
        self._reader = ReplyReader()
        self._replies: list[SmtpReply] = []
        self._waiter: asyncio.Future[None] | None = None
        self._deadline = 0.0
        self._paused = False
        transport.set_protocol(self)

    @property
    def is_open(self) -> bool:
        """Whether another transaction may begin: connected, and nothing said out of turn."""
        return self.lost is None and not self._replies and not self._transport.is_closing()

    @property
    def unasked(self) -> SmtpReply | None:
        """What the server said out of turn, such as a farewell on an idle connection."""
        return self._replies[0] if self._replies else None

    def write(self, data: bytes) -> None:
        """Send without waiting."""
        if self.lost is None:
            self._transport.write(data)

    async def write_all(self, data: bytes, timeout: float) -> bool:
        """Send no faster than the server reads; False if it answered or left before the end."""
        for start in range(0, len(data), _SLICE):
            self.write(data[start : start + _SLICE] if len(data) > _SLICE else data)
            while self._paused and self.is_open:
                await self._wait(timeout)
            if not self.is_open:
                return False
        return True

    async def replies(self, count: int, timeout: float) -> list[SmtpReply]:
        """The next `count` replies in order; fewer if the connection is lost before them.

        `timeout` is in seconds, for each reply.
        """
        while len(self._replies) < count and self.lost is None:
            await self._wait(timeout)
        taken, self._replies = self._replies[:count], self._replies[count:]
        return taken

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

    async def _wait(self, timeout: float) -> None:
        loop = asyncio.get_running_loop()
        self._deadline = loop.time() + timeout
        self._waiter = loop.create_future()
        timer = loop.call_later(timeout, self._check_deadline, timeout)
        try:
            await self._waiter
        finally:
            timer.cancel()
            self._waiter = None

    def _check_deadline(self, timeout: float) -> None:
        self.was_silent = self.lost is None
        self._lose(f"no answer within {timeout:g} s")
        self._transport.abort()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

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
        self._replies += replies
        farewell = next((reply for reply in replies if reply.code == FAREWELL), None)
        if farewell is not None:
            self._lose(f"the server closed with {farewell}")
            self._transport.close()
        elif replies:
            self._wake()

    def eof_received(self) -> bool:
        self.was_closed = self.lost is None
        self._lose("the server closed the connection")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.was_closed |= self.lost is None
        self._lose(f"the connection was lost: {exc}" if exc else "the connection was lost")

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._wake()
