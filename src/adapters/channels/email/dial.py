"""Reaching a relay up to its greeting, however late the greeting comes."""

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Sequence

import aiosmtplib
import structlog
from aiosmtplib import SMTP
from aiosmtplib.protocol import SMTPProtocol

from adapters.channels.email.failures import no_greeting
from adapters.channels.email.transaction import Timeouts
from adapters.channels.email.url import Security, SmtpSettings
from domain.errors import Unavailable

log = structlog.get_logger()

_READY = 220
_TLS_RECORDS = (b"\x15\x03", b"\x16\x03")  # an alert, a handshake
_HANDSHAKE = 5.0


class LateGreeting(Unavailable):
    """Connected, and no greeting came in the time that is given while other relays are there."""


def log_late(server: str, hint: str) -> None:
    """Say that a relay is slow; see `Dialer`."""
    log.warning("relay does not greet", server=server, detail=hint)


class Dialer:
    """Opens connections to one relay and waits for its greeting."""

    def __init__(
        self,
        settings: SmtpSettings,
        timeouts: Timeouts,
        context: ssl.SSLContext | None,
        *,
        on_late: Callable[[str, str], None] = log_late,
        in_hurry: Callable[[], bool] = lambda: False,
    ) -> None:
        """`on_late` gets the server and what may be the cause, once for each time that the relay
        begins to be slow. `in_hurry`: whether another relay is there, so that a late greeting is
        not waited for."""
        self._settings = settings
        self._timeouts = timeouts
        self._context = context
        self._on_late = on_late
        self._in_hurry = in_hurry
        self._is_late = False

    async def reach(self) -> SMTP:
        """A connection that has been greeted.

        After `late` seconds of silence a second connection is tried, and the first that is greeted
        is taken. Raises Unavailable where the port speaks TLS at once, LateGreeting in a hurry,
        else what aiosmtplib and asyncio raise.
        """
        smtp = await self._dial()
        tasks = [asyncio.create_task(self._greet(smtp))]
        probe: asyncio.Task[bool] | None = None
        winner: SMTP | None = None
        try:
            await asyncio.wait(tasks, timeout=self._timeouts.late)
            if tasks[0].done():
                self._is_late = False
            elif self._in_hurry():
                raise LateGreeting(self._hint())
            else:
                tasks.append(asyncio.create_task(self._second()))
                if not self._is_late:
                    self._is_late = True
                    self._on_late(self._settings.server, self._hint())
                    probe = asyncio.create_task(self._speaks_tls())
            winner = await self._first(tasks, probe)
        finally:
            await _end([*tasks, *filter(None, [probe])], winner)
        return winner

    @property
    def connect_limit(self) -> float:
        """Seconds for a connection and its TLS handshake."""
        return self._limit(self._timeouts.connect)

    def _limit(self, seconds: float) -> float:
        return min(seconds, self._timeouts.late) if self._in_hurry() else seconds

    def _hint(self) -> str:
        return no_greeting(self._settings, self._timeouts.late)

    async def _dial(self) -> SMTP:
        settings = self._settings
        tls = settings.security is Security.TLS
        smtp = SMTP(
            hostname=settings.host,
            port=settings.port,
            timeout=self._limit(self._timeouts.command),
            use_tls=tls,
            start_tls=False,
            tls_context=self._context,
        )
        loop = asyncio.get_running_loop()
        protocol = SMTPProtocol(loop, lambda lost: smtp.close() if smtp.protocol is lost else None)
        async with asyncio.timeout(self.connect_limit):
            smtp.transport, _ = await loop.create_connection(
                lambda: protocol,
                settings.host,
                settings.port,
                ssl=self._context if tls else None,
                ssl_handshake_timeout=self.connect_limit if tls else None,
            )
        smtp.protocol = protocol
        return smtp

    async def _greet(self, smtp: SMTP) -> SMTP:
        try:
            reply = await self._greeting(smtp)
        except BaseException:
            smtp.close()
            raise
        if reply.code != _READY:
            smtp.close()
            raise aiosmtplib.SMTPConnectResponseError(reply.code, reply.message)
        return smtp

    async def _greeting(self, smtp: SMTP) -> aiosmtplib.SMTPResponse:
        if smtp.protocol is None:
            raise aiosmtplib.SMTPServerDisconnected("the server closed the connection")
        return await smtp.protocol.read_response(timeout=self._timeouts.greeting)

    async def _second(self) -> SMTP:
        return await self._greet(await self._dial())

    async def _first(
        self, tasks: Sequence[asyncio.Task[SMTP]], probe: asyncio.Task[bool] | None
    ) -> SMTP:
        """The first connection that is greeted; where all fail, the error of the first task."""
        pending: set[asyncio.Task[SMTP] | asyncio.Task[bool]] = {*tasks}
        if probe is not None:
            pending.add(probe)
        while not all(task.done() for task in tasks):
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            if probe in done and probe is not None and probe.result():
                settings = self._settings
                raise Unavailable(
                    f"{settings.server}: the port wants TLS from the first byte; write smtps:// in"
                    f" place of {settings.security}:// in DISPATCHER_EMAIL_URL"
                )
            for task in tasks:
                if task in done and task.exception() is None:
                    return task.result()
        return tasks[0].result()

    async def _speaks_tls(self) -> bool:
        """Whether the port answers the first message of a TLS handshake in TLS, where our scheme
        is for a port in clear."""
        if self._settings.security is Security.TLS:
            return False
        try:
            async with asyncio.timeout(_HANDSHAKE):
                reader, writer = await asyncio.open_connection(
                    self._settings.host, self._settings.port
                )
                try:
                    writer.write(_client_hello())
                    return await reader.readexactly(2) in _TLS_RECORDS
                finally:
                    writer.transport.abort()
        except (OSError, EOFError, TimeoutError):
            return False


def _client_hello() -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    outgoing = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing).do_handshake()
    return outgoing.read()


async def _end(
    tasks: Sequence[asyncio.Task[SMTP] | asyncio.Task[bool]], winner: SMTP | None
) -> None:
    """Close what is open and what is still opening, but for the winner."""
    for task in tasks:
        task.cancel()
    for one in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(one, SMTP) and one is not winner:
            one.close()
