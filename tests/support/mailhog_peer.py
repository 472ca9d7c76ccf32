"""A mailbox of a developer as test code of another project sees it: SMTP, and MailHog's API."""

import json
import re
import smtplib
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from tests.support.worker import clean_environment

SENDER, RECIPIENT = "shop@example.com", "ann@example.com"
PDF = bytes(range(256))


@dataclass(frozen=True)
class ApiAnswer:
    """A reply; the names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def content_type(self) -> str | None:
        return self.headers.get("content-type")


@dataclass(frozen=True)
class MailHogPeer:
    """Where it listens."""

    host: str
    smtp_port: int
    api: str

    def ask(
        self, path: str, query: Mapping[str, object] | None = None, *, method: str = "GET"
    ) -> ApiAnswer:
        """Ask for `/api/…`."""
        url = f"{self.api}/api{path}" + (f"?{urlencode(query)}" if query else "")
        request = urllib.request.Request(url, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:
                return _answer(reply.status, reply.headers, reply.read())
        except urllib.error.HTTPError as refused:
            with refused:
                return _answer(refused.code, refused.headers, refused.read())

    def messages(self, **query: object) -> Any:
        return self.ask("/v2/messages", query).json

    def newest(self) -> Any:
        return self.messages()["items"][0]

    def search(self, kind: str, query: str, **more: object) -> Any:
        return self.ask("/v2/search", {"kind": kind, "query": query, **more}).json

    def at(self, message: Any, rest: str = "") -> str:
        return f"/v1/messages/{quote(message['ID'])}{rest}"

    def clear(self) -> None:
        assert self.ask("/v1/messages", method="DELETE").status == 200

    def send(
        self, data: bytes | str, *, sender: str = SENDER, to: tuple[str, ...] = (RECIPIENT,)
    ) -> None:
        """Send these very bytes, with dots stuffed."""
        with smtplib.SMTP(self.host, self.smtp_port, "client.example", timeout=30) as client:
            client.sendmail(sender, to, data)

    def send_as_it_is(self, data: bytes) -> None:
        """Send a mail as no library would: its dots stuffed, nothing else put right."""
        stuffed = re.sub(rb"(?m)^\.", b"..", data)
        with smtplib.SMTP(self.host, self.smtp_port, "client.example", timeout=30) as client:
            client.ehlo()
            for command in (f"MAIL FROM:<{SENDER}>", f"RCPT TO:<{RECIPIENT}>", "DATA"):
                client.docmd(command)
            client.send(stuffed + b"\r\n.\r\n")
            assert client.getreply()[0] == 250

    @contextmanager
    def conversation(self) -> Iterator[socket.socket]:
        """A connection for what a client library would not do."""
        with socket.create_connection((self.host, self.smtp_port), timeout=30) as connection:
            yield connection


def _answer(status: int, headers: Any, body: bytes) -> ApiAnswer:
    return ApiAnswer(status, {name.lower(): value for name, value in headers.items()}, body)


def a_multipart() -> bytes:
    """A mail with a text, HTML and a file."""
    mail = EmailMessage(policy.SMTP)
    mail["From"], mail["To"], mail["Subject"] = SENDER, RECIPIENT, "With a file"
    mail.set_content("plain\n")
    mail.add_alternative("<p>HTML</p>\n", subtype="html")
    mail.add_attachment(PDF, maintype="application", subtype="pdf", filename="bill.pdf")
    return mail.as_bytes()


def read_all(client: socket.socket) -> bytes:
    """What the other end says until it closes."""
    found = b""
    while piece := client.recv(4096):
        found += piece
    return found


def a_text(subject: str = "Hello", body: str = "Hi.", *, to: str = RECIPIENT) -> str:
    return f"From: Shop <{SENDER}>\r\nTo: {to}\r\nSubject: {subject}\r\n\r\n{body}\r\n"


@contextmanager
def our_mailbox(home: Path, *options: str) -> Iterator[MailHogPeer]:
    """`dispatcher mailbox` as a process, on free ports."""
    program = [sys.executable, "-c", "from entrypoints.cli import main; main()", "mailbox"]
    process = subprocess.Popen(
        [*program, "--port=0", "--smtp-port=0", *options],
        env=clean_environment(),
        cwd=home,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        line = process.stderr.readline()
        web = re.search(r"http://127\.0\.0\.1:(\d+)/", line)
        smtp = re.search(r"SMTP at 127\.0\.0\.1:(\d+)", line)
        assert web, line
        assert smtp, line
        yield MailHogPeer("127.0.0.1", int(smtp[1]), f"http://127.0.0.1:{web[1]}")
    finally:
        process.terminate()
        process.wait(timeout=30)
        process.stderr.close()
