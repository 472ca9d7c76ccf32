"""Our end of an SMTP connection: commands go out, and the replies come back in their order."""

import asyncio
import ssl
from collections import deque
from typing import cast

from adapters.channels.email.replies import ReplyReader, ReplyWait, SmtpReply
from adapters.texts import short_text

FAREWELL = 421  # RFC 5321 3.8: the server closes the connection after it
_MOST_UNASKED = 100
# Written in slices, so that a reply that comes before the end of a big mail is seen in time.
_SLICE = 256 * 1024


class Session(asyncio.Protocol):
    """Sends bytes, pairs replies, limits what a server can make us store, and knows when the
    connection is lost.

    Two mails may use it at once: one that has left and waits for its answer, and the next one, of
    which the envelope has left behind it (RFC 2920 section 3.1).

    `extensions` are the server's EHLO keywords in lower case, each with its parameters. `reused`:
    it has been in the pool, so the server may have left meanwhile. `spent`: no further transaction
    may begin. `followed`: commands were sent behind the mail that left last. `unasked`: the replies
    that are not asked for yet, such as a farewell on an idle connection. `garbage`: what came and
    is no reply.
    """

    def __init__(self, server: str) -> None:
        """`server` names it in errors: host and port."""
        self.server = server
        self.extensions: dict[str, str] = {}
        self.pipelining = False
        self.mails_sent = 0
        self.reused = False
        self.spent = False
        self.followed = False
        self.lost: str | None = None
        self.was_silent = False  # whether it is lost because what was asked last met silence
        self.was_closed = False  # whether the server closed it with no word
        self.was_followed = False  # whether it is lost with the mail unanswered that is followed
        self.unasked: list[SmtpReply] = []
        self.garbage = b""
        self._reader = ReplyReader()
        self._loop = asyncio.get_running_loop()
        self.opened_at = self.idle_since = self._loop.time()
        self._transport: asyncio.Transport
        self._waits: deque[ReplyWait] = deque()
        self._held = b""
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._paused = False

    @property
    def is_open(self) -> bool:
        """Whether another transaction may begin: connected, and nothing said out of turn."""
        return self.lost is None and not self.unasked and not self.spent

    @property
    def is_busy(self) -> bool:
        """Whether an answer is waited for."""
        return bool(self._waits)

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

        `timeout` is in seconds, for the first; `later` for each of the others. Behind another
        wait, `later` is for the end of that one and then for the first; where that does not end in
        time there is no reply, and the connection ends after it.
        """
        if data:
            self._write(data)
        later = later or timeout
        self.followed = bool(self._waits)
        patience = later if self.followed else timeout
        wait = ReplyWait(self._loop.create_future(), count, patience, later)
        self._waits.append(wait)
        if self.lost is not None:
            self._lose(self.lost)
        elif 0 < count <= len(self.unasked) and not self.followed:
            self._wake()
        else:
            now = self._loop.time()
            wait.deadline = now + patience
            # Most waits are over before the timer ends; then it looks for another.
            if self._timer is None or self._timer_at > now + later:
                self._look_at(now + later)
        return wait.future

    async def write_all(self, data: bytes, timeout: float) -> bool:
        """Send no faster than the server reads; False if it answered or left before the end.

        Where the server pipelines, the end is held back until `write_soon` or the next command.
        """
        for start in range(0, len(data), _SLICE):
            part = data[start : start + _SLICE] if len(data) > _SLICE else data
            if self.pipelining and start + _SLICE >= len(data):
                self._held = part
            else:
                self._write(part)
            while self._paused and self.lost is None and not self.unasked:
                await self.ask(b"", timeout, count=0)
            if self.lost is not None or self.unasked:
                return False
        return True

    def write_soon(self) -> None:
        """Send what is held back: together with a command that is sent in this turn of the loop,
        else alone."""
        if self._held:
            self._loop.call_soon(self._write, b"")

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
        self.unasked, self._reader = [], ReplyReader()
        transport = await self._loop.start_tls(self._transport, self, context, server_hostname=host)
        self.connection_made(cast(asyncio.Transport, transport))

    def abandon(self) -> None:
        """The caller waits no longer. The connection is cut, or ends after the other mail on it."""
        self.spent = True
        if all(wait.future.done() for wait in self._waits):
            self.abort()

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

    def _write(self, data: bytes) -> None:
        """Send what is held back, and this."""
        data, self._held = self._held + data, b""
        if data and self.lost is None:
            self._transport.write(data)

    def _look_at(self, moment: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = moment
        self._timer = self._loop.call_at(moment, self._look)

    def _look(self) -> None:
        self._timer = None
        if not self._waits:
            return
        now, head, last = self._loop.time(), self._waits[0], self._waits[-1]
        if now >= head.deadline:
            self.was_silent = self.lost is None and last is head
            self._lose(f"no answer within {head.patience:g} s")
            self._transport.abort()
            return
        if now >= last.deadline:
            self._waits.pop()
            self.spent = True
            if not last.future.done():
                last.future.set_result([])
        self._look_at(min(now + head.later, *(wait.deadline for wait in self._waits)))

    def _wake(self) -> None:
        wait = self._waits.popleft()
        taken, self.unasked = self.unasked[: wait.count], self.unasked[wait.count :]
        if not wait.future.done():
            wait.future.set_result(taken)

    def _lose(self, text: str) -> None:
        if self.lost is None:
            self.lost = text
            self.was_followed = len(self._waits) > 1
        while self._waits:
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
        replies = self._reader.read(data)
        self.unasked += replies
        waits = self._waits
        while waits and replies and len(self.unasked) >= waits[0].count:
            self._wake()
        if garbage := self._reader.garbage:
            self._refuse(garbage)
        elif farewell := next((reply for reply in replies if reply.code == FAREWELL), None):
            self._lose(f"the server closed with {farewell}")
            self._transport.close()
        elif len(self.unasked) > _MOST_UNASKED + (waits[0].count if waits else 0):
            self._refuse(self.unasked[-1].text)
        elif waits and replies:
            waits[0].patience = waits[0].later
            waits[0].deadline = self._loop.time() + waits[0].later

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
        if self._waits and self._waits[0].count == 0:
            self._wake()
