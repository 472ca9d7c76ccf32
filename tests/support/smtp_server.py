"""A scripted SMTP server: it fails exactly where a test says, and its log is the truth.

    async with SmtpServer() as server:
        server.on("rcpt", Say("550 5.1.1 no such user"), address="bob@example.com")
        server.on("dot", Cut(), times=1)
        ...
        server.accepted     mails answered with 250 after the final dot
        server.sessions     every connection: commands, whether over TLS, who signed in

Phases, in order: connect, tls, helo (EHLO), old helo (HELO), starttls, auth, mail, rcpt, data,
payload, dot, rset, noop, quit. Actions: Say (answer this), Hang (answer nothing, for ever), Cut
(close at once), CutAfter (in phase payload: close after so many bytes), SayEarly (in phase payload:
answer after so many bytes).
A rule holds for ever, or for `times` uses; the one added last wins. What no rule names succeeds.
"""

import asyncio
import contextlib
import ssl
from typing import Self

from tests.support.smtp_conversation import Conversation, Ended
from tests.support.smtp_script import (
    Action,
    Cut,
    CutAfter,
    Hang,
    ReceivedMail,
    Rule,
    Say,
    SayEarly,
    SessionLog,
)

__all__ = [
    "EXTENSIONS",
    "Action",
    "Cut",
    "CutAfter",
    "Hang",
    "ReceivedMail",
    "Say",
    "SayEarly",
    "SmtpServer",
]

EXTENSIONS = ("PIPELINING", "SIZE 20971520", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES")


class SmtpServer:
    """Listens on a free port of 127.0.0.1 while it is entered."""

    conversation = Conversation

    def __init__(
        self,
        *,
        extensions: tuple[str, ...] = EXTENSIONS,
        users: dict[str, str] | None = None,
        auth: str = "PLAIN LOGIN",
        login_prompts: tuple[str, str] = ("VXNlcm5hbWU6", "UGFzc3dvcmQ6"),
        challenge: str = "PDFAc2NyaXB0ZWQ+",
        answers_of_a_group: int | None = None,
        starttls: ssl.SSLContext | None = None,
        tls: ssl.SSLContext | None = None,
        port: int = 0,
    ) -> None:
        """`users` (name to password) offers AUTH with the methods of `auth` and demands it.

        `answers_of_a_group`: of commands that come together it reads only so many.

        `login_prompts` are the two challenges of AUTH LOGIN, `challenge` is that of CRAM-MD5, as
        they go over the wire.

        `starttls` and `tls` are server contexts: offered after EHLO, or spoken from the start.
        """
        self.extensions = extensions
        self.users = users
        self.auth = auth
        self.login_prompts = login_prompts
        self.challenge = challenge
        self.answers_of_a_group = answers_of_a_group
        self.starttls = starttls
        self.tls = tls
        self.port = port
        self.rules: list[Rule] = []
        self.sessions: list[SessionLog] = []
        self.accepted: list[ReceivedMail] = []
        self._connections: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    def on(
        self, phase: str, action: Action, *, address: str | None = None, times: int | None = None
    ) -> None:
        """From now on do `action` in `phase` (for MAIL and RCPT: only when it names `address`)."""
        self.rules.append(Rule(phase, action, address, times))

    def action(self, phase: str, text: str = "") -> Action | None:
        """The action that holds now, used up by one."""
        for rule in reversed(self.rules):
            if rule.phase != phase or (rule.address is not None and rule.address not in text):
                continue
            if rule.times is None or rule.used < rule.times:
                rule.used += 1
                return rule.action
        return None

    @property
    def open_connections(self) -> int:
        return len(self._connections)

    @property
    def deliveries(self) -> list[str]:
        """Every recipient of every accepted mail, once for each time."""
        return [address for mail in self.accepted for address in mail.recipients]

    def drop_connections(self, farewell: str | None = None) -> None:
        """Close whatever is open, as a server does with idle clients."""
        for writer in list(self._connections):
            if farewell:
                writer.write(farewell.encode() + b"\r\n")
            writer.close()

    def accept_no_more(self) -> None:
        """Refuse connections from now on; those that are open stay so."""
        assert self._server is not None
        self._server.close()

    def stop_listening(self) -> None:
        """Refuse connections from now on, and drop those there are."""
        self.accept_no_more()
        self.drop_connections()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", self.port, ssl=self.tls, limit=1 << 20
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._connections.add(writer)
        log = SessionLog(len(self.sessions), tls=self.tls is not None)
        self.sessions.append(log)
        try:
            await self.conversation(self, log, reader, writer).run()
        except (Ended, ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        except asyncio.CancelledError:
            pass  # the server leaves; asyncio would log a cancelled handler as an error
        finally:
            self._tasks.discard(task)
            self._connections.discard(writer)
            writer.close()
            with contextlib.suppress(Exception, asyncio.CancelledError):
                # After a failed handshake Python 3.11 never reports the end.
                await asyncio.wait_for(writer.wait_closed(), 0.5)
            writer.transport.abort()
