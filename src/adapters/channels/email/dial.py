"""Reaching a relay up to its greeting, however late the greeting comes."""

import asyncio
import ssl
from collections.abc import Callable, Sequence

import structlog

from adapters.channels.email.failures import NOT_TLS, Failures, no_greeting
from adapters.channels.email.session import Session
from adapters.channels.email.transaction import Timeouts
from adapters.channels.email.url import Security, SmtpSettings
from domain.errors import Unavailable

log = structlog.get_logger()

_READY = 220
_HANDSHAKE = 5.0


class LateGreeting(Unavailable):
    """Connected, and no greeting came in the time that is given while other relays are there."""


class _PortWantsTls(Unavailable):
    """The scheme is for a port in clear."""


def log_late(server: str, hint: str) -> None:
    """Say that a relay is slow; see `Dialer`."""
    log.warning("relay does not greet", server=server, detail=hint)


class Dialer:
    """Opens connections to one relay and waits for its greeting."""

    def __init__(
        self,
        timeouts: Timeouts,
        on_late: Callable[[str, str], None],
        in_hurry: Callable[[], bool],
    ) -> None:
        """`on_late` gets the server and what may be the cause, once for each time that the relay
        begins to be slow. `in_hurry`: whether another relay is there, so that a late greeting is
        not waited for."""
        self._timeouts = timeouts
        self._on_late = on_late
        self._in_hurry = in_hurry
        self._is_late = False

    def limit(self, seconds: float) -> float:
        """Wait so long, or less in a hurry."""
        return min(seconds, self._timeouts.late) if self._in_hurry() else seconds

    async def reach(self, failures: Failures, context: ssl.SSLContext | None) -> Session:
        """A connection that has been greeted. Raises Unavailable, LateGreeting in a hurry.

        After `late` seconds of silence a second connection is tried, and the first that is greeted
        is taken. `context` is for TLS from the first byte.
        """
        session, late = await self._dial(failures, context), self._timeouts.late
        racing = [asyncio.create_task(self._greeted(session, failures))]
        winner: Session | None = None
        try:
            await asyncio.wait(racing, timeout=late)
            if racing[0].done():
                self._is_late = False
            else:
                hint = no_greeting(failures.settings, late)
                if self._in_hurry():
                    raise LateGreeting(hint)
                racing.append(asyncio.create_task(self._second(failures, context)))
                if not self._is_late:
                    self._is_late = True
                    self._on_late(session.server, hint)
                    if failures.settings.security is not Security.TLS:
                        racing.append(asyncio.create_task(_look_for_tls(failures.settings)))
            winner = await _first(racing)
        finally:
            for task in racing:
                task.cancel()
            for one in await asyncio.gather(*racing, return_exceptions=True):
                if isinstance(one, Session) and one is not winner:
                    one.abort()
        return winner

    async def _dial(self, failures: Failures, context: ssl.SSLContext | None) -> Session:
        settings, seconds = failures.settings, self.limit(self._timeouts.connect)
        try:
            async with asyncio.timeout(seconds):
                _, session = await asyncio.get_running_loop().create_connection(
                    lambda: Session(settings.server), settings.host, settings.port, ssl=context
                )
        except OSError as error:
            raise failures.unreachable(error, seconds, "connection") from None
        return session

    async def _second(self, failures: Failures, context: ssl.SSLContext | None) -> Session:
        return await self._greeted(await self._dial(failures, context), failures)

    async def _greeted(self, session: Session, failures: Failures) -> Session:
        seconds = self._timeouts.greeting
        try:
            replies = await session.ask(b"", seconds)
        except asyncio.CancelledError:
            session.abort()
            raise
        if replies and replies[0].code == _READY:
            return session
        session.abort()
        if replies:
            raise failures.not_served(replies[0])
        if session.was_silent:
            raise Unavailable(no_greeting(failures.settings, seconds), safe_to_repeat=True)
        raise failures.lost(session)


async def _first(racing: Sequence[asyncio.Task[Session]]) -> Session:
    """The first connection that is greeted; where both fail, the error of the first task. The third
    looks for the reason."""
    while not all(task.done() for task in racing[:2]):
        waiting = [task for task in racing if not task.done()]
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            error = task.exception()
            if error is None or isinstance(error, _PortWantsTls):
                return task.result()
    return racing[0].result()


async def _look_for_tls(settings: SmtpSettings) -> Session:
    """Raises _PortWantsTls where the port speaks TLS, else what keeps it from that."""
    try:
        async with asyncio.timeout(_HANDSHAKE):
            _, writer = await asyncio.open_connection(
                settings.host, settings.port, ssl=ssl.create_default_context()
            )
            writer.transport.abort()
    except ssl.SSLError as error:  # such as an alert, or a certificate that we cannot check
        if error.reason in NOT_TLS or isinstance(error, ssl.SSLEOFError):
            raise
    raise _PortWantsTls(
        f"{settings.server}: the port wants TLS from the first byte; write smtps:// in"
        f" place of {settings.security}:// in DISPATCHER_EMAIL_URL"
    )
