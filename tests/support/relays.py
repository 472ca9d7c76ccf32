"""A Connector, or a whole notifier, against scripted relays with short times."""

import asyncio
from collections.abc import Mapping
from typing import Any

from adapters.channels.email.connect import Connector
from adapters.channels.email.session import Session
from adapters.channels.email.transaction import Timeouts
from adapters.channels.email.url import SmtpSettings
from domain.errors import Unavailable
from tests.support.smtp_server import SmtpServer

SHORT = Timeouts(connect=2, late=0.2, greeting=2, command=2, final=2)


def relay(server: SmtpServer, **options: Any) -> SmtpSettings:
    return SmtpSettings(host="127.0.0.1", port=server.port, **options)


def connect(
    server: SmtpServer, *, settings: Mapping[str, Any] | None = None, **options: Any
) -> Session | Unavailable:
    """Open one connection and say goodbye; the error where it cannot be opened."""

    async def main() -> Session | Unavailable:
        async with server:
            options.setdefault("timeouts", SHORT)
            connector = Connector(relay(server, **(settings or {})), **options)
            try:
                session = await connector.open()
            except Unavailable as error:
                return error
            await session.quit(1)
            return session

    return asyncio.run(main())


def verbs(server: SmtpServer, session: int = 0) -> list[str]:
    """The first word of each command of a session."""
    return [command.split()[0] for command in server.sessions[session].commands if command]
