"""Mails come in by SMTP while the mailbox is open, and open pages learn of all that comes."""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress

import click

from entrypoints.mailbox.captured import CapturedPlace, changed_at
from entrypoints.mailbox.envelope import ArrivedMail, MailKeeper
from entrypoints.mailbox.mailhog_message import mailhog_id
from entrypoints.mailbox.smtp import serve_smtp
from entrypoints.pages.serving import reason_of

SMTP_PORT = 1025
"""MailHog's, and that of most that stand in for it."""
_LOOK_AGAIN = 0.2  # seconds


def smtp_socket(host: str, port: int | None) -> socket.socket | None:
    """A socket that listens; None where no port was asked for and the usual one is taken. Raises
    ClickException where it cannot listen for another reason."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    wanted = SMTP_PORT if port is None else port
    try:
        return socket.create_server((host, wanted), family=family)
    except OSError as error:
        if port is None and error.errno == errno.EADDRINUSE:
            return None
        reason = reason_of(error)
        raise click.ClickException(f"{host}:{wanted}: {reason}; try --smtp-port") from None


def smtp_words(listener: socket.socket | None) -> str:
    """Where mails are taken, or why none is."""
    if listener is None:
        return f"without SMTP since port {SMTP_PORT} is taken (--smtp-port)"
    host, port = listener.getsockname()[:2]
    return f"SMTP at [{host}]:{port}" if ":" in host else f"SMTP at {host}:{port}"


@asynccontextmanager
async def receiving(listener: socket.socket, keeper: MailKeeper) -> AsyncIterator[None]:
    """Take mails on this socket, and keep them; `looking` sees that they are there."""
    one_by_one = asyncio.Lock()

    async def keep(mail: ArrivedMail) -> str:
        async with one_by_one:
            return mailhog_id(await asyncio.to_thread(keeper.keep, mail))

    server = await serve_smtp(listener, keep)
    try:
        yield
    finally:
        server.close()


@asynccontextmanager
async def looking(
    places: Sequence[CapturedPlace], changed: Callable[[], None]
) -> AsyncIterator[None]:
    """Call `changed` soon after something was kept or went, whoever did it."""

    async def look() -> None:
        before = changed_at(places)
        while True:
            await asyncio.sleep(_LOOK_AGAIN)
            now = changed_at(places)
            if now != before:
                before = now
                changed()

    task = asyncio.create_task(look())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
