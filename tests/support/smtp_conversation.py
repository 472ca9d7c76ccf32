"""The scripted server's side of one connection."""

import asyncio
import base64
import hmac
import ssl
from typing import Protocol

from tests.support.smtp_script import (
    Action,
    Call,
    Cut,
    CutAfter,
    Hang,
    ReceivedMail,
    Rule,
    Say,
    SayEarly,
    SessionLog,
)


class Ended(Exception):
    """The connection is over."""


class Script(Protocol):
    """What a conversation asks of its server."""

    extensions: tuple[str, ...]
    users: dict[str, str] | None
    auth: str
    login_prompts: tuple[str, str]
    challenge: str
    answers_of_a_group: int | None
    starttls: ssl.SSLContext | None
    rules: list[Rule]
    accepted: list[ReceivedMail]

    def action(self, phase: str, text: str = "") -> Action | None: ...


class Conversation:
    def __init__(
        self,
        server: Script,
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
        self.group: list[bytes] = []

    async def run(self) -> None:
        await self.answer("connect", "220 scripted ESMTP")
        handlers = {
            "EHLO": self.ehlo,
            "HELO": self.helo,
            "AUTH": self.authenticate,
            "STARTTLS": self.start_tls,
            "MAIL": self.mail,
            "RCPT": self.rcpt,
            "DATA": self.data,
            "RSET": self.rset,
            "NOOP": self.noop,
            "QUIT": self.quit,
        }
        while line := await self.command():
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            self.log.commands.append(text)
            verb = text[:4].upper() if not text.upper().startswith("STARTTLS") else "STARTTLS"
            await self.before(text)
            handler = handlers.get(verb)
            if handler is None:
                self.say("500 5.5.2 what?")
            else:
                await handler(text)
            await self.writer.drain()

    async def before(self, text: str) -> None:
        """A place for a server that looks at each command first. Raise Ended to leave."""

    async def command(self) -> bytes:
        """The next command; of a group some servers read only the first ones."""
        most = self.server.answers_of_a_group
        if most is None:
            return await self.reader.readline()
        if not self.group:
            self.group = (await self.reader.read(1 << 20)).splitlines(keepends=True)[:most]
        return self.group.pop(0) if self.group else b""

    def say(self, reply: str) -> None:
        lines: list[str] = []
        for one in reply.split("\r\n"):
            code, _, text = one.partition(" ")
            *first, last = text.split("\n")
            lines += [*(f"{code}-{line}\r\n" for line in first), f"{code} {last}\r\n"]
        self.writer.write("".join(lines).encode())

    async def answer(self, phase: str, default: str, text: str = "") -> bool:
        """Do what the script says for `phase`; True unless the answer refuses."""
        action = self.server.action(phase, text)
        if action is None:
            self.say(default)
            return default[0] in "23"
        if isinstance(action, Call):
            action.function()
            self.say(action.reply)
            return action.reply[0] in "23"
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
        raise Ended

    async def ehlo(self, _text: str) -> None:
        lines = ["scripted", *self.server.extensions]
        if self.server.starttls and not self.log.tls:
            lines.append("STARTTLS")
        if self.server.users is not None:
            lines.append(f"AUTH {self.server.auth}")
        await self.answer("helo", "250 " + "\n".join(lines))

    async def helo(self, _text: str) -> None:
        await self.answer("old helo", "250 scripted")

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
        elif method.upper() == "LOGIN" and initial:
            self.say("501 5.5.4 no initial response here")
            return
        elif method.upper() == "LOGIN":
            user, password = [await self.ask(prompt) for prompt in self.server.login_prompts]
        elif method.upper() == "CRAM-MD5":
            user, password = await self.ask_for_a_digest()
        elif method.upper() in {"XOAUTH2", "OAUTHBEARER"}:
            await self.take_token(base64.b64decode(initial).decode())
            return
        else:
            self.say("504 5.5.4 unknown method")
            return
        await self.let_in(user, password)

    async def ask(self, prompt: str) -> str:
        """The decoded answer to a challenge."""
        self.say(f"334 {prompt}")
        await self.writer.drain()
        line = (await self.reader.readline()).decode().strip()
        self.log.commands.append(line)
        return base64.b64decode(line).decode() if line != "*" else line

    async def ask_for_a_digest(self) -> tuple[str, str]:
        """The user, and the password where the digest is made with it."""
        user, _, digest = (await self.ask(self.server.challenge)).partition(" ")
        password = (self.server.users or {}).get(user)
        if password is None:
            return user, ""
        challenge = base64.b64decode(self.server.challenge)
        right = hmac.new(password.encode(), challenge, "md5").hexdigest()
        return user, password if digest == right else ""

    async def take_token(self, text: str) -> None:
        user = text.partition("user=")[2] or text.partition("a=")[2].replace(",", "")
        user = user.partition("\x01")[0]
        token = text.partition("auth=Bearer ")[2].partition("\x01")[0]
        if (self.server.users or {}).get(user) != token:
            await self.ask(base64.b64encode(b'{"status":"400","scope":"mail"}').decode())
        await self.let_in(user, token)

    async def let_in(self, user: str, password: str) -> None:
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
        default = "354 go on" if self.recipients else "554 5.5.1 no valid recipients"
        if await self.answer("data", default):
            await self.writer.drain()
            await self.receive()

    async def receive(self) -> None:
        action = self.server.action("payload") if self.recipients else None
        if isinstance(action, CutAfter):
            await self.reader.readexactly(action.size)
            action.before()
            raise Ended
        if isinstance(action, SayEarly):
            await self.reader.readexactly(action.size)
            self.say(action.reply)
            await self.writer.drain()
            await asyncio.sleep(0.2)
            raise Ended
        if action is not None:
            await self.leave(action)
        data = await self.payload()
        self.log.payloads += 1
        mail = ReceivedMail(
            self.sender or "", tuple(self.recipients), self.parameters, data, self.log.number
        )
        if not self.recipients:
            self.say("554 5.5.1 no valid recipients")
        elif await self.answer("dot", "250 2.0.0 queued", "".join(self.recipients)):
            self.server.accepted.append(mail)
        self.reset()

    async def payload(self) -> bytes:
        lines: list[bytes] = []
        while (line := await self.reader.readline()) != b".\r\n":
            if not line:
                raise Ended
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
        raise Ended


def _argument(text: str) -> tuple[str, str]:
    """`MAIL FROM:<a@b> X=1` -> (`a@b`, `X=1`)."""
    address, _, parameters = text.partition("<")[2].rpartition(">")
    return address, parameters.strip()
