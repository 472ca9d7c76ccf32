"""A page for one person on this machine: loopback only, read-only, nothing from elsewhere."""

import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

import click

from entrypoints.cli.output import words

HOST = "127.0.0.1"
_NAMES = (HOST, "localhost")

PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; frame-src 'self'; img-src data:; form-action 'none';"
    " base-uri 'none'; frame-ancestors 'none'"
)
FOREIGN_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none';"
    " frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)
"""For HTML that others wrote: its own styles and pictures within it; no script, nothing remote.
Links open a page of their own."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a route answers with."""

    body: bytes
    content_type: str = "text/html; charset=utf-8"
    status: int = 200
    policy: str = PAGE_POLICY
    headers: dict[str, str] = field(default_factory=dict)


Answer = Callable[[str], Reply]
"""A path, percent-decoding left to it, to a reply. Called in several threads at once."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], OSError):  # the reader has gone
            super().handle_error(request, client_address)


def serve(answer: Answer, port: int, what: str) -> None:
    """Serve until SIGINT or SIGTERM. Raises ClickException where the port is taken."""
    try:
        server = _Server((HOST, port), _handler(answer))
    except OSError as error:
        raise click.ClickException(f"{HOST}:{port}: {error.strerror}; try --port") from None

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    with server:
        words(f"{what}: http://{HOST}:{server.server_port}/ (Ctrl-C ends)")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


def _handler(answer: Answer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 30
        server_version = "dispatcher"
        sys_version = ""

        def do_GET(self) -> None:
            self._write(self._reply())

        def do_HEAD(self) -> None:
            self._write(self._reply())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """A page is read by one person, who sees it."""

        def _reply(self) -> Reply:
            # A page elsewhere may make its own name lead to us, and would then read what we say.
            name = self.headers.get("Host", "").rpartition(":")[0] or self.headers.get("Host", "")
            if name not in _NAMES:
                return Reply(b"this is another host", "text/plain", HTTPStatus.MISDIRECTED_REQUEST)
            return answer(urlsplit(self.path).path)

        def _write(self, reply: Reply) -> None:
            self.send_response(reply.status)
            headers = {
                "Content-Type": reply.content_type,
                "Content-Length": str(len(reply.body)),
                "Content-Security-Policy": reply.policy,
                "X-Content-Type-Options": "nosniff",
                "Referrer-Policy": "no-referrer",
                "Cache-Control": "no-store",
                **reply.headers,
            }
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)

    return Handler
