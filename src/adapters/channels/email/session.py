"""Our end of an SMTP connection: commands go out, and the replies come back in their order."""

import asyncio
import ssl
from typing import NamedTuple, cast

from adapters.channels.email.smtp_reply import FAREWELL, ReplyReader, SmtpReply
from adapters.texts import short_text

_MOST_UNASKED = 100
# Written in slices, so that a reply that comes before the end of a big mail is seen in time.
_SLICE = 256 * 1024


class _Second(NamedTuple):
    """Who has asked before the first has its answer, and the time `until` which it waits for it."""

    waiter: asyncio.Future[list[SmtpReply]]
    wanted: int
    later: float
    until: float


class Session(asyncio.Protocol):
    """Sends bytes, pairs replies, limits what a server can make us store, and knows when the
    connection is lost.

    `extensions` are the server's EHLO keywords in lower case, each with its parameters. `reused`:
    it has been in the pool, so the server may have left meanwhile. `unasked`: the replies that are
    not asked for yet, such as a farewell on an idle connection. `garbage`: what came and is no
    reply.

    Who comes second may ask, too, while the mail before it waits for its answer: "The actual
    transfer of message content is explicitly allowed to be the first "command" in a group" (RFC
    2920 section 3.1). `in_hand`: how many mails have the connection, two at most. `is_quick`: the
    last mail had its answer soon.
    """

    def __init__(self, server: str) -> None:
        """`server` names it in errors: host and port."""
        self.server = server
        self.extensions: dict[str, str] = {}
        self.mails_sent = self.in_hand = 0
        self.pipelining = self.is_quick = self.reused = False
        self.lost: str | None = None
        self.was_silent = False  # whether it is lost because no answer came in time
        self.was_closed = False  # whether the server closed it with no word
        self.unasked: list[SmtpReply] = []
        self.garbage = b""
        self._reader = ReplyReader()
        self._loop = asyncio.get_running_loop()
        self.opened_at = self.idle_since = self._loop.time()
        self._transport: asyncio.Transport
        self._waiter: asyncio.Future[list[SmtpReply]] | None = None
        self._second: _Second | None = None
        self.was_second = self._paused = False
        self._wanted = 0
        self._patience = self._later = self._deadline = self._timer_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_open(self) -> bool:
        """Whether another transaction may begin: connected, and nothing said out of turn."""
        return self.lost is None and not self.unasked

    @property
    def is_answering(self) -> bool:
        """Whether the answer to something else comes before that to what is asked now."""
        return self._waiter is not None and not self._waiter.done()

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

        `timeout` is in seconds, for the first; `later` for each of the others. Who comes second
        gets no reply where those to the first have not come after `later`, and from then on `later`
        for each: the server has had the commands for long.
        """
        if self._waiter is not None and self._waiter.cancelled():
            self._cut_off()
        if data and self.lost is None:
            self._transport.write(data)
        waiter: asyncio.Future[list[SmtpReply]] = self._loop.create_future()
        if self.is_answering:
            self._second = _Second(waiter, count, later, self._loop.time() + later)
            self._look_by(self._second.until)
        else:
            self.was_second = False
            self._await(waiter, count, timeout, later)
        return waiter

    def _await(
        self, waiter: asyncio.Future[list[SmtpReply]], count: int, timeout: float, later: float
    ) -> None:
        self._waiter, self._wanted, self._patience, self._later = waiter, count, timeout, later
        if self.lost is not None or 0 < count <= len(self.unasked):
            self._wake()
        else:
            # Most waits are over before the timer ends; then it looks for another.
            now = self._loop.time()
            self._deadline = now + timeout
            self._look_by(now + (later or timeout))

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
        return self.was_closed and not self.reused and all(reply.accepted for reply in replies)

    async def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """Go on in TLS. What came in clear after the server's consent may be a stranger's, and is
        forgotten (RFC 3207 section 4.2). Raises what asyncio raises."""
        self.unasked, self._reader = [], ReplyReader()
        transport = await self._loop.start_tls(self._transport, self, context, server_hostname=host)
        self.connection_made(cast(asyncio.Transport, transport))

    def abort(self) -> None:
        """Cut the connection at once."""
        if self.lost is None:
            self.lost = "closed by us"
        self._transport.abort()

    def leave(self) -> None:
        """Cut the connection in the middle of a transaction; where another's answer comes first,
        once it has come."""
        if not self.is_answering:
            self.abort()

    async def quit(self, timeout: float) -> None:
        """Say goodbye, wait `timeout` seconds at most for the answer, and close."""
        try:
            if self.is_open:
                await self.ask(b"QUIT\r\n", timeout)
        finally:
            self.abort()

    def _look_by(self, moment: float) -> None:
        if self._timer is not None:
            if self._timer_at <= moment:
                return
            self._timer.cancel()
        self._timer_at = moment
        self._timer = self._loop.call_at(moment, self._look)

    def _look(self) -> None:
        self._timer = None
        if not self.is_answering:
            return
        now = self._loop.time()
        if self._second is not None:
            if now < self._second.until:
                self._look_by(self._second.until)
            elif not self._second.waiter.done():
                self._second.waiter.set_result([])
        if now < self._deadline:
            self._look_by(min(self._deadline, now + (self._later or self._patience)))
            return
        self.was_silent = self.lost is None
        self._lose(f"no answer within {self._patience:g} s")
        self._transport.abort()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        has_gone = waiter is not None and waiter.done()
        if waiter is not None and not has_gone:
            taken, self.unasked = self.unasked[: self._wanted], self.unasked[self._wanted :]
            waiter.set_result(taken)
        second, self._second = self._second, None
        if second is not None:
            if has_gone or second.waiter.done():
                self._cut_off()
            self.was_second = self.lost is None
            self._await(second.waiter, second.wanted, second.later, second.later)

    def _cut_off(self) -> None:
        """Who asked has gone, and what comes now would answer that."""
        self.abort()
        self.unasked = []

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
        known = len(self.unasked)
        garbage = self._reader.read(data, self.unasked)
        farewells = [reply for reply in self.unasked[known:] if reply.code == FAREWELL]
        awaited = self._wanted + (self._second.wanted if self._second else 0)
        if garbage is not None or len(self.unasked) > awaited + _MOST_UNASKED:
            self._refuse(garbage or b"")
        elif farewells:
            self._lose(f"the server closed with {farewells[-1]}")
            self._transport.close()
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
