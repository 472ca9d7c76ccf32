"""A scripted SMTP server: it fails exactly where a test says, and its log is the truth.

    async with SmtpServer() as server:
        server.on("rcpt", Say("550 5.1.1 no such user"), address="bob@example.com")
        server.on("dot", Cut(), times=1)
        ...
        server.accepted     mails answered with 250 after the final dot
        server.sessions     every connection: commands, whether over TLS, who signed in

Phases, in order: connect, tls, helo, starttls, auth, mail, rcpt, data, payload, dot, rset, noop,
quit. Actions: Say (answer this), Hang (answer nothing, for ever), Cut (close at once), CutAfter (in
phase payload: close after so many bytes), SayEarly (in phase payload: answer after so many bytes).
A rule holds for ever, or for `times` uses; the one added last wins. What no rule names succeeds.
"""

import asyncio
import base64
import contextlib
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

EXTENSIONS = ("PIPELINING", "SIZE 20971520", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES")
MINIMAL = ()


@dataclass(frozen=True)
class Say:
    """Answer with this; `\\n` makes several lines. `delay` is in seconds."""

    reply: str
    delay: float = 0.0


@dataclass(frozen=True)
class Hang:
    """Never answer."""


@dataclass(frozen=True)
class Cut:
    """Close the connection, after saying `reply` if there is one."""

    reply: str | None = None


@dataclass(frozen=True)
class CutAfter:
    """Close the connection after so many bytes of the mail."""

    size: int


@dataclass(frozen=True)
class SayEarly:
    """Answer after so many bytes of the mail, read no more, and close a moment later."""

    size: int
    reply: str


Action = Say | Hang | Cut | CutAfter | SayEarly


@dataclass
class Rule:
    phase: str
    action: Action
    address: str | None
    times: int | None
    used: int = 0


@dataclass(frozen=True)
class ReceivedMail:
    """A mail answered with 2xx: `data` without dot stuffing, CRLF line ends kept."""

    sender: str
    recipients: tuple[str, ...]
    parameters: str
    data: bytes
    session: int


@dataclass
class SessionLog:
    number: int
    commands: list[str] = field(default_factory=list)
    writes: list[int] = field(default_factory=list)
    tls: bool = False
    user: str | None = None
    payloads: int = 0


class _Ended(Exception):
    """The connection is over."""


class SmtpServer:
    """Listens on a free port of 127.0.0.1 while it is entered."""

    def __init__(
        self,
        *,
        extensions: tuple[str, ...] = EXTENSIONS,
        users: dict[str, str] | None = None,
        auth: str = "PLAIN LOGIN",
        starttls: ssl.SSLContext | None = None,
        tls: ssl.SSLContext | None = None,
        port: int = 0,
    ) -> None:
        """`users` (name to password) offers AUTH with the methods of `auth` and demands it.

        `starttls` and `tls` are server contexts: offered after EHLO, or spoken from the start.
        """
        self.extensions = extensions
        self.users = users
        self.auth = auth
        self.starttls = starttls
        self.tls = tls
        self.port = port
        self.rules: list[Rule] = []
        self.sessions: list[SessionLog] = []
        self.accepted: list[ReceivedMail] = []
        self.dots = 0
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

    async def __aenter__(self) -> "SmtpServer":
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
            await _Conversation(self, log, reader, writer).run()
        except (_Ended, ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
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


class _Conversation:
    def __init__(
        self,
        server: SmtpServer,
        log: SessionLog,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.server = server
        self.log = log
        self.reader = reader
        self.writer = writer
        self.sender: str | None = None
        self.parameters = ""
        self.recipients: list[str] = []

    async def run(self) -> None:
        await self.answer("connect", "220 scripted ESMTP")
        handlers = {
            "EHLO": self.ehlo,
            "AUTH": self.authenticate,
            "STARTTLS": self.start_tls,
            "MAIL": self.mail,
            "RCPT": self.rcpt,
            "DATA": self.data,
            "RSET": self.rset,
            "NOOP": self.noop,
            "QUIT": self.quit,
        }
        while line := await self.reader.readline():
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            self.log.commands.append(text)
            verb = text[:4].upper() if not text.upper().startswith("STARTTLS") else "STARTTLS"
            handler = handlers.get(verb)
            if handler is None:
                self.say("500 5.5.2 what?")
            else:
                await handler(text)
            await self.writer.drain()

    def say(self, reply: str) -> None:
        code, _, text = reply.partition(" ")
        *first, last = text.split("\n")
        lines = [f"{code}-{line}\r\n" for line in first] + [f"{code} {last}\r\n"]
        self.writer.write("".join(lines).encode())

    async def answer(self, phase: str, default: str, text: str = "") -> bool:
        """Do what the script says for `phase`; True unless the answer refuses."""
        action = self.server.action(phase, text)
        if action is None:
            self.say(default)
            return True
        if isinstance(action, Say):
            await asyncio.sleep(action.delay)
            self.say(action.reply)
            return action.reply[0] in "23"
        await self.leave(action)
        return False

    async def leave(self, action: Action) -> None:
        if isinstance(action, Hang):
            await self.reader.read(-1)  # until the client gives up
        if isinstance(action, Cut) and action.reply:
            self.say(action.reply)
            await self.writer.drain()
        raise _Ended

    async def ehlo(self, _text: str) -> None:
        lines = ["scripted", *self.server.extensions]
        if self.server.starttls and not self.log.tls:
            lines.append("STARTTLS")
        if self.server.users is not None:
            lines.append(f"AUTH {self.server.auth}")
        await self.answer("helo", "250 " + "\n".join(lines))

    async def start_tls(self, _text: str) -> None:
        if not self.server.starttls:
            self.say("502 5.5.1 no TLS here")
        elif await self.answer("starttls", "220 go ahead"):
            await self.writer.drain()
            await self.writer.start_tls(self.server.starttls)
            self.log.tls = True

    async def authenticate(self, text: str) -> None:
        method, _, initial = text[5:].partition(" ")
        if method.upper() == "PLAIN":
            _, user, password = base64.b64decode(initial).decode().split("\0")
        elif method.upper() == "LOGIN":
            user = base64.b64decode(initial).decode()
            self.say("334 UGFzc3dvcmQ6")
            password = base64.b64decode(await self.reader.readline()).decode()
        else:
            self.say("504 5.5.4 unknown method")
            return
        if (self.server.users or {}).get(user) != password:
            await self.answer("badauth", "535 5.7.8 authentication failed")
        elif await self.answer("auth", "235 2.7.0 welcome"):
            self.log.user = user

    async def mail(self, text: str) -> None:
        address, parameters = _argument(text)
        if self.server.users is not None and self.log.user is None:
            self.say("530 5.7.0 authentication required")
        elif self.sender is not None:
            self.say("503 5.5.1 nested MAIL command")
        elif await self.answer("mail", "250 2.1.0 ok", text):
            self.sender, self.parameters, self.recipients = address, parameters, []

    async def rcpt(self, text: str) -> None:
        if self.sender is None:
            self.say("503 5.5.1 need MAIL first")
        elif await self.answer("rcpt", "250 2.1.5 ok", text):
            self.recipients.append(_argument(text)[0])

    async def data(self, _text: str) -> None:
        scripted = any(r.phase == "data" for r in self.server.rules)
        if not self.recipients and not scripted:
            self.say("554 5.5.1 no valid recipients")
        elif await self.answer("data", "354 go on"):
            await self.writer.drain()
            await self.receive()

    async def receive(self) -> None:
        action = self.server.action("payload")
        if isinstance(action, CutAfter):
            await self.reader.readexactly(action.size)
            raise _Ended
        if isinstance(action, SayEarly):
            await self.reader.readexactly(action.size)
            self.say(action.reply)
            await self.writer.drain()
            await asyncio.sleep(0.2)
            raise _Ended
        if action is not None:
            await self.leave(action)
        data = await self.payload()
        self.log.payloads += 1
        self.server.dots += 1
        mail = ReceivedMail(
            self.sender or "", tuple(self.recipients), self.parameters, data, self.log.number
        )
        refuse_empty = not self.recipients
        if refuse_empty:
            self.say("554 5.5.1 no valid recipients")
        elif await self.answer("dot", "250 2.0.0 queued", "".join(self.recipients)):
            self.server.accepted.append(mail)
        self.reset()

    async def payload(self) -> bytes:
        lines: list[bytes] = []
        while (line := await self.reader.readline()) != b".\r\n":
            if not line:
                raise _Ended
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)

    def reset(self) -> None:
        self.sender, self.parameters, self.recipients = None, "", []

    async def rset(self, _text: str) -> None:
        self.reset()
        await self.answer("rset", "250 2.0.0 ok")

    async def noop(self, _text: str) -> None:
        await self.answer("noop", "250 2.0.0 ok")

    async def quit(self, _text: str) -> None:
        await self.answer("quit", "221 2.0.0 bye")
        await self.writer.drain()
        raise _Ended


def _argument(text: str) -> tuple[str, str]:
    """`MAIL FROM:<a@b> X=1` -> (`a@b`, `X=1`)."""
    address, _, parameters = text.partition("<")[2].rpartition(">")
    return address, parameters.strip()


@contextlib.contextmanager
def smtp_server_in_thread(server: SmtpServer) -> Iterator[SmtpServer]:
    """Run `server` in a loop of its own, for tests whose worker is another process.

    Rules may be added and the log read from the test's thread.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(10)
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(server.__aexit__(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
