"""Opening a connection to a relay, however late its greeting comes, up to the first mail."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from pathlib import Path

import structlog

from adapters.channels.email.failures import NOT_TLS, Failures, no_greeting
from adapters.channels.email.introduction import EHLO, HELO, EhloCloses, introduce
from adapters.channels.email.limits import Crowded
from adapters.channels.email.session import Session
from adapters.channels.email.sign_in import SignInGate
from adapters.channels.email.tokens import Tokens
from adapters.channels.email.transaction import Timeouts
from adapters.channels.email.url import Security, SmtpSettings, own_name, parse_ehlo
from adapters.tls import tls_context
from domain.errors import Unavailable

log = structlog.get_logger()

_READY = 220
_HANDSHAKE = 5.0


class LateGreeting(Unavailable):
    """Connected, and no greeting came in the time that is given while other relays are there."""


class _PortWantsTls(Unavailable):
    """The scheme is for a port in clear."""


def log_late(server: str, hint: str) -> None:
    """Say that a relay is slow; see `Connector`."""
    log.warning("relay does not greet", server=server, detail=hint)


class Connector:
    """Opens sessions to one relay with the settings and the credentials as they are now, so that a
    changed password needs no restart. Raises Unavailable, and nothing else, when it cannot."""

    def __init__(
        self,
        settings: SmtpSettings,
        ca_file: Path | None = None,
        timeouts: Timeouts | None = None,
        ehlo: str | None = None,
        tokens: Tokens | None = None,
        *,
        on_late: Callable[[str, str], None] = log_late,
        in_hurry: Callable[[], bool] = lambda: False,
        reread: Callable[[], SmtpSettings] | None = None,
    ) -> None:
        """`ehlo`: the name to give; None takes the host's full name. `tokens`: needed where the
        settings want one. `on_late` gets the server and what may be the cause, once for each time
        that the relay begins to be slow. `in_hurry`: whether another relay is there, so that a late
        greeting is not waited for. `reread` gives the settings as they are now, and is asked before
        each connection.

        Raises ValueError when `ca_file` cannot be read.
        """
        self._reread = reread or (lambda: settings)
        self._ca_file = ca_file
        self._context = None if settings.security is Security.CLEAR else _context(ca_file)
        self._ehlo = None if ehlo is None else parse_ehlo(ehlo)
        self._tokens = tokens
        self._host_name = ""
        self._timeouts = timeouts or Timeouts()
        self._on_late = on_late
        self._in_hurry = in_hurry
        self._is_late = False
        self._gate = SignInGate()

    async def open(self) -> Session:
        """A fresh connection, ready for a mail. Raises Crowded where more connections may be open
        in a moment."""
        settings = self._reread()
        try:
            if settings.username is None:
                return await self._open(settings, None)
            return await self._gate.open(
                partial(self._signed_in, settings),
                self._credentials(settings),
                lambda: self._credentials(self._reread()),
            )
        except Crowded as crowded:
            if not self._in_hurry():
                raise
            raise Unavailable(str(crowded)) from None  # the other relay need not wait

    async def close(self) -> None:
        """Let go of what gives the tokens."""
        if self._tokens is not None:
            await self._tokens.close()

    def _credentials(self, settings: SmtpSettings) -> Hashable:
        """What we sign in with."""
        return settings, self._tokens and self._tokens.credentials()

    async def _signed_in(self, settings: SmtpSettings) -> Session:
        """A refused access token is renewed once."""
        tokens = self._tokens if settings.wants_token else None
        if tokens is None:
            return await self._open(settings, None)
        token = await tokens.token()
        try:
            session = await self._open(settings, token)
        except Unavailable as error:
            renewed = await tokens.renewed(token) if error.is_login else None
            if renewed is None:
                raise
            token = renewed
            session = await self._open(settings, token)
        tokens.accepted(token)
        return session

    async def _open(self, settings: SmtpSettings, token: str | None, verb: str = EHLO) -> Session:
        failures = Failures(settings, token)
        if self._context is None and settings.security is not Security.CLEAR:
            self._context = _context(self._ca_file)
        if self._ehlo is None and not self._host_name:
            self._host_name = await asyncio.to_thread(socket.getfqdn)
        session = await self._reach(failures)
        name = self._ehlo or own_name(self._host_name, session.own_address)
        seconds = self._limit(self._timeouts.command)
        try:
            await introduce(session, name, failures, self._context, seconds, verb)
        except EhloCloses:
            session.abort()
            return await self._open(settings, token, HELO)
        except BaseException:
            session.abort()
            raise
        return session

    def _limit(self, seconds: float) -> float:
        return min(seconds, self._timeouts.late) if self._in_hurry() else seconds

    async def _reach(self, failures: Failures) -> Session:
        """A connection that has been greeted. After `late` seconds of silence a second connection
        is tried, and the first that is greeted is taken. Raises LateGreeting in a hurry."""
        session, late = await self._dial(failures), self._timeouts.late
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
                racing.append(asyncio.create_task(self._second(failures)))
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

    async def _dial(self, failures: Failures) -> Session:
        settings, seconds = failures.settings, self._limit(self._timeouts.connect)
        context = self._context if settings.security is Security.TLS else None
        try:
            async with asyncio.timeout(seconds):
                _, session = await asyncio.get_running_loop().create_connection(
                    lambda: Session(settings.server), settings.host, settings.port, ssl=context
                )
        except OSError as error:
            raise failures.unreachable(error, seconds, "connection") from None
        return session

    async def _second(self, failures: Failures) -> Session:
        return await self._greeted(await self._dial(failures), failures)

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
                settings.host, settings.port, ssl=tls_context()
            )
            writer.transport.abort()
    except ssl.SSLError as error:  # such as an alert, or a certificate that we cannot check
        if error.reason in NOT_TLS or isinstance(error, ssl.SSLEOFError):
            raise
    raise _PortWantsTls(
        f"{settings.server}: the port wants TLS from the first byte; write smtps:// in"
        f" place of {settings.security}:// in DISPATCHER_EMAIL_URL"
    )


def _context(ca_file: Path | None) -> ssl.SSLContext:
    """Verifies certificates and host names, against the system's authorities or `ca_file` alone."""
    try:
        return tls_context(ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ValueError(
            f"DISPATCHER_EMAIL_CA_FILE: {ca_file} is no file of certificates: {error}"
        ) from None
