"""Mails come in by SMTP while the mailbox is open, and open pages learn of all that comes."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress

import click

from entrypoints.mailbox.captured import CapturedPlace, changed_at
from entrypoints.mailbox.envelope import ArrivedMail, MailKeeper
from entrypoints.mailbox.mailhog_message import mailhog_id
from entrypoints.mailbox.smtp import serve_smtp

SMTP_PORT = 1025
"""MailHog's, and that of most that stand in for it."""
_LOOK_AGAIN = 0.3  # seconds


def smtp_socket(host: str, port: int | None) -> socket.socket | None:
    """A socket that listens; None where no port was asked for and the usual one is taken. Raises
    ClickException where the one that was asked for is."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, SMTP_PORT if port is None else port), family=family)
    except OSError as error:
        if port is None:
            return None
        reason = os.strerror(error.errno or 0)
        raise click.ClickException(f"{host}:{port}: {reason}; try --smtp-port") from None


def smtp_words(listener: socket.socket | None) -> str:
    """Where mails are taken, or why none is."""
    if listener is None:
        return f"without SMTP since port {SMTP_PORT} is taken (--smtp-port)"
    host, port = listener.getsockname()[:2]
    return f"SMTP at [{host}]:{port}" if ":" in host else f"SMTP at {host}:{port}"


@asynccontextmanager
async def receiving(
    listener: socket.socket, keeper: MailKeeper, changed: Callable[[], None]
) -> AsyncIterator[None]:
    """Take mails on this socket, and keep them."""

    def keep(mail: ArrivedMail) -> str:
        path = keeper.keep(mail)
        changed()
        return mailhog_id(path)

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
