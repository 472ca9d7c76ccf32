"""A mail server on loopback that refuses by name: what a sender or recipient is called decides."""

import socketserver
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as modern
from typing import Any

GREETING = b"220 peer.example ESMTP\r\n"
FEATURES = (
    b"250-peer.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE 50000000\r\n250 SMTPUTF8\r\n"
)
MOST_RECIPIENTS = 3
"""In one mail to `many…` addresses."""

MOST_SESSIONS = 5
MOST_MAILS = 12
"""In one session."""


@dataclass(frozen=True)
class Mail:
    """One accepted mail."""

    sender: str
    recipients: tuple[str, ...]
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        parsed = message_from_bytes(self.raw, policy=modern)
        assert isinstance(parsed, EmailMessage)
        return parsed

    @property
    def id(self) -> str:
        return str(self.message["X-Dispatcher-Id"])


@dataclass
class SmtpPeer:
    """What the server has seen. `offered` are the Message-IDs of all mails, refused ones too."""

    port: int = 0
    mails: list[Mail] = field(default_factory=list)
    offered: list[str] = field(default_factory=list)
    tries: Counter[str] = field(default_factory=Counter)
    open_sessions: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count_session(self, change: int) -> int:
        """Note that a session begins or ends; how many there are now."""
        with self.lock:
            self.open_sessions += change
            return self.open_sessions

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def of(self, message_id: str) -> list[Mail]:
        """The mails of one message."""
        return [mail for mail in self.mails if mail.id == message_id]

    def answer_sender(self, sender: str) -> bytes:
        if sender.startswith("refused"):
            return b"553 5.1.8 this sender may not send here\r\n"
        return b"250 2.1.0 ok\r\n"

    def answer_recipient(self, recipient: str, earlier: list[str]) -> bytes:
        with self.lock:
            self.tries[recipient] += 1
            first = self.tries[recipient] == 1
        if recipient.startswith("unknown"):
            return b"550 5.1.1 no such user\r\n"
        if recipient.startswith("full") or (first and recipient.startswith("later")):
            return b"452 4.2.2 mailbox full\r\n"
        if recipient.startswith("many") and len(earlier) >= MOST_RECIPIENTS:
            return b"452 4.5.3 too many recipients\r\n"
        return b"250 2.1.5 ok\r\n"

    def answer_mail(self, mail: Mail) -> bytes | None:
        """The final reply; None closes the connection without one."""
        name = mail.recipients[0].partition("@")[0]
        with self.lock:
            self.offered.append(str(mail.message["Message-ID"]))
            self.tries[f"mail {name}"] += 1
            first = self.tries[f"mail {name}"] == 1
        if name.startswith("spam"):
            return b"554 5.6.0 this content is refused\r\n"
        if name.startswith("doubt"):
            return None
        if first and name.startswith("again"):
            return b"452 4.3.1 no space now\r\n"
        if first and name.startswith("fast"):
            return b"454 4.7.0 Throttling failure: Maximum sending rate exceeded.\r\n"
        self.mails.append(mail)
        return b"250 2.0.0 queued\r\n"


class _Session(socketserver.StreamRequestHandler):
    server: Any

    def setup(self) -> None:
        super().setup()
        self._sender: str | None = None
        self._recipients: list[str] = []
        self._mails = 0
        self._is_one_too_many = self._peer.count_session(1) > MOST_SESSIONS

    def finish(self) -> None:
        self._peer.count_session(-1)
        super().finish()

    def handle(self) -> None:
        if self._is_one_too_many:
            self.wfile.write(b"421 4.7.0 too many connections from your host\r\n")
            return
        self.wfile.write(GREETING)
        while line := self.rfile.readline():
            verb = line[:4].upper().decode()
            reply = self._reply(verb, line)
            if reply is None:
                return
            self.wfile.write(reply)
            if verb == "QUIT" or reply.startswith(b"421"):
                return

    def _reply(self, verb: str, line: bytes) -> bytes | None:
        if verb in {"RCPT", "DATA"} and self._sender is None:
            return b"503 5.5.1 no sender yet\r\n"
        if verb == "MAIL":
            return self._mail(_path(line))
        if verb == "RCPT":
            return self._rcpt(_path(line))
        if verb == "DATA":
            return self._take()
        plain = {"EHLO": FEATURES, "QUIT": b"221 2.0.0 bye\r\n"}
        return plain.get(verb, b"250 2.0.0 ok\r\n")

    def _mail(self, sender: str) -> bytes:
        self._mails += 1
        if self._mails > MOST_MAILS:
            self._sender = None
            return b"421 4.7.0 too many messages in this connection\r\n"
        reply = self._peer.answer_sender(sender)
        self._sender = sender if reply.startswith(b"250") else None
        self._recipients = []
        return reply

    def _rcpt(self, recipient: str) -> bytes:
        reply = self._peer.answer_recipient(recipient, self._recipients)
        if reply.startswith(b"250"):
            self._recipients.append(recipient)
        return reply

    def _take(self) -> bytes | None:
        if not self._recipients:
            return b"554 5.5.1 no valid recipients\r\n"
        self.wfile.write(b"354 go on\r\n")
        mail = Mail(str(self._sender), tuple(self._recipients), self._data())
        self._sender = None
        return self._peer.answer_mail(mail)

    @property
    def _peer(self) -> SmtpPeer:
        peer: SmtpPeer = self.server.peer
        return peer

    def _data(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            lines.append(line.removeprefix(b"."))
        return b"".join(lines)


def _path(line: bytes) -> str:
    return line.partition(b"<")[2].partition(b">")[0].decode()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    peer: SmtpPeer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A worker that is killed leaves connections behind."""


@contextmanager
def smtp_peer() -> Iterator[SmtpPeer]:
    """Serve until the block is left."""
    peer = SmtpPeer()
    with _Server(("127.0.0.1", 0), _Session) as server:
        server.peer = peer
        peer.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield peer
        finally:
            server.shutdown()
            thread.join()
