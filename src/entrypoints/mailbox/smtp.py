"""SMTP for a developer's machine: it takes every mail, from whomever, with any AUTH, and passes no
mail on.

It answers as MailHog does, and more politely where MailHog gives up: an empty mail, an empty
sender, SIZE, 8BITMIME and SMTPUTF8.
"""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable

from entrypoints.cli.application import words
from entrypoints.mailbox.envelope import ArrivedEnvelope, ArrivedMail

LARGEST = 35 * 1024 * 1024
"""Bytes of a mail."""
HOSTNAME = "mailhog.example"
"""What the mailbox calls itself."""

_LONGEST_COMMAND = 64 * 1024
_CHUNK = 64 * 1024
_PATIENCE = 300.0  # seconds for the next bytes, and for the client to take an answer
_MOST_UNKNOWN = 20  # commands
_DOT = b"\r\n.\r\n"
# A page elsewhere can have a browser send HTTP here, and SMTP in what it posts.
_HTTP = frozenset(b"CONNECT DELETE GET HEAD OPTIONS PATCH POST PUT TRACE".split())
_FAREWELLS = (b"221", b"421")

_EXTENSIONS = (
    "PIPELINING",
    f"SIZE {LARGEST}",
    "8BITMIME",
    "SMTPUTF8",
    "AUTH PLAIN LOGIN CRAM-MD5 XOAUTH2",
)
_SENDER = re.compile(rb"FROM:\s*<([^>\r]*)>(.*)", re.IGNORECASE | re.DOTALL)
_RECIPIENT = re.compile(rb"TO:\s*<([^>\r]+)>", re.IGNORECASE)
_SIZE = re.compile(rb"\bSIZE=(\d{1,18})", re.IGNORECASE)
# What AUTH asks for in turn, in base64: for LOGIN a name and a password, for CRAM-MD5 a digest.
_ASKED = {
    b"PLAIN": (b"",),
    b"LOGIN": (b"VXNlcm5hbWU6", b"UGFzc3dvcmQ6"),
    b"CRAM-MD5": (b"PDQxOTI5NDIzNDEuMTI4Mjg0NzJAbWFpbGJveC5leGFtcGxlPg==",),
}

Keep = Callable[[ArrivedMail], Awaitable[str]]
"""Keeps a mail and returns its name. Raises OSError."""


class SmtpSession:
    """One connection."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        keep: Keep,
        patience: float = _PATIENCE,
    ) -> None:
        """`keep` is called for each mail that came whole. `patience`: for how many seconds the
        client may be silent."""
        self._reader, self._writer, self._keep = reader, writer, keep
        self._patience = patience
        self._came = bytearray()  # what is not read yet
        self._unknown = 0
        self._helo = b""
        self._sender: bytes | None = None
        self._recipients: list[bytes] = []
        self._verbs: dict[bytes, Callable[[bytes, bytes], bytes]] = {
            b"HELO": self._hello,
            b"EHLO": self._hello,
            b"MAIL": self._mail,
            b"RCPT": self._rcpt,
            b"RSET": self._reset,
            b"NOOP": lambda _verb, _rest: b"250 Ok",
            b"QUIT": lambda _verb, _rest: b"221 Bye",
        }

    async def converse(self) -> None:
        """Answer until QUIT, or until the client has gone or is no mail program. Raises OSError or
        EOFError."""
        try:
            await self._say(f"220 {HOSTNAME} ESMTP Dispatcher".encode())
            reply = b""
            while not reply.startswith(_FAREWELLS):
                verb, _, rest = (await self._line()).partition(b" ")
                reply = await self._answer(verb.upper(), rest.strip())
                await self._say(reply)
        except (TimeoutError, asyncio.CancelledError):
            self._writer.write(b"421 The mailbox closes the connection\r\n")
            raise

    async def _answer(self, verb: bytes, rest: bytes) -> bytes:
        if verb == b"DATA" and self._sender is not None:
            return await self._data(self._sender)
        if verb == b"AUTH" and self._helo:
            return await self._auth(rest)
        if known := self._verbs.get(verb):
            return known(verb, rest)
        self._unknown += 1
        if verb in _HTTP or verb.endswith(b":") or self._unknown > _MOST_UNKNOWN:
            return b"421 This is no SMTP"
        return b"500 Unrecognised command"

    def _hello(self, verb: bytes, rest: bytes) -> bytes:
        self._helo = rest.replace(b"\r", b"") or b"unnamed"
        self._reset(verb, rest)
        if verb == b"HELO":
            return b"250 Hello " + rest
        lines = [b"Hello " + rest, *(one.encode() for one in _EXTENSIONS)]
        return b"\r\n".join([*(b"250-" + one for one in lines[:-1]), b"250 " + lines[-1]])

    def _mail(self, _verb: bytes, rest: bytes) -> bytes:
        if not self._helo or self._sender is not None:
            return b"500 Unrecognised command"
        found = _SENDER.match(rest)
        if found is None:
            return b"550 Invalid syntax in MAIL command"
        size = _SIZE.search(found[2])
        if size is not None and int(size[1]) > LARGEST:
            return _too_large()
        self._sender = found[1]
        return b"250 Sender %s ok" % found[1]

    def _rcpt(self, _verb: bytes, rest: bytes) -> bytes:
        if self._sender is None:
            return b"500 Unrecognised command"
        found = _RECIPIENT.match(rest)
        if found is None:
            return b"550 Invalid syntax in RCPT command"
        self._recipients.append(found[1])
        return b"250 Recipient %s ok" % found[1]

    def _reset(self, _verb: bytes, _rest: bytes) -> bytes:
        self._sender, self._recipients = None, []
        return b"250 Ok"

    async def _auth(self, rest: bytes) -> bytes:
        """Whatever is said, it is right."""
        mechanism, _, first = rest.partition(b" ")
        asked = _ASKED.get(mechanism.upper(), (b"",))
        for question in asked[1:] if first else asked:
            await self._say(b"334 " + question)
            if await self._line() == b"*":
                return b"501 Authentication cancelled"
        return b"235 Authentication successful"

    async def _data(self, sender: bytes) -> bytes:
        await self._say(b"354 End data with <CR><LF>.<CR><LF>")
        data = await self._payload()
        envelope = ArrivedEnvelope(sender=sender, recipients=self._recipients, helo=self._helo)
        self._reset(b"", b"")
        if data is None:
            return _too_large()
        try:
            name = await self._keep(ArrivedMail(envelope, data))
        except OSError as error:
            words(f"a mail could not be kept: {error}")
            return b"452 Unable to store message"
        return b"250 Ok: queued as " + name.encode()

    async def _payload(self) -> bytes | None:
        """The mail without its final CRLF, which the final dot takes; None where it is too large,
        once all of it has come."""
        data, is_whole, at = self._came, True, 0
        data[:0] = b"\r\n"  # then the first line is like any other
        while (end := data.find(_DOT, at)) < 0:
            if len(data) > LARGEST + _CHUNK:
                is_whole = False
                del data[: -len(_DOT)]
            at = max(0, len(data) - len(_DOT))
            await self._more()
        mail = bytes(data[:end]).replace(b"\r\n..", b"\r\n.")[2:]
        del data[: end + len(_DOT)]
        return mail if is_whole and len(mail) <= LARGEST else None

    async def _line(self) -> bytes:
        """The next command. Raises EOFError, TimeoutError or ConnectionError."""
        at = 0
        while (end := self._came.find(b"\n", at)) < 0:
            at = len(self._came)
            if at > _LONGEST_COMMAND:
                raise EOFError
            await self._more()
        line = bytes(self._came[:end]).rstrip(b"\r")
        del self._came[: end + 1]
        return line

    async def _more(self) -> None:
        async with asyncio.timeout(self._patience):
            piece = await self._reader.read(_CHUNK)
        if not piece:
            raise EOFError
        self._came += piece

    async def _say(self, reply: bytes) -> None:
        self._writer.write(reply + b"\r\n")
        try:
            async with asyncio.timeout(self._patience):
                await self._writer.drain()
        except TimeoutError:  # it does not read, so it would not read a farewell
            self._writer.transport.abort()
            raise


def _too_large() -> bytes:
    return f"552 The mail has more than {LARGEST} bytes".encode()


async def serve_smtp(
    listener: socket.socket, keep: Keep, patience: float = _PATIENCE
) -> asyncio.Server:
    """Take mails until the server is closed."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await SmtpSession(reader, writer, keep, patience).converse()
        except (OSError, EOFError):  # also a TimeoutError
            pass  # the client has gone, is silent, or does not speak SMTP
        finally:
            writer.close()

    return await asyncio.start_server(converse, sock=listener, limit=_CHUNK)
