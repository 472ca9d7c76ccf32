"""A page for one person on this machine: loopback only, read-only, nothing from elsewhere."""

import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

import click

from entrypoints.cli.output import words

HOST = "127.0.0.1"
_NAMES = (HOST, "localhost")
_PATIENCE = 0.5  # seconds
_STOPS = (signal.SIGINT, signal.SIGTERM)

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
FOREIGN_POLICY_WITH_PICTURES = FOREIGN_POLICY.replace("img-src data:", "img-src data: https: http:")
"""The same, and pictures are loaded from wherever they are."""


@dataclass(frozen=True, slots=True)
class PageReply:
    """What a route answers with."""

    body: bytes
    content_type: str = "text/html; charset=utf-8"
    status: int = 200
    policy: str = PAGE_POLICY
    headers: dict[str, str] = field(default_factory=dict)


Answer = Callable[[str], PageReply]
"""A path, percent-decoding left to it, to a reply."""

_Asked = SimpleQueue[tuple[str, "Future[PageReply]"]]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], OSError):  # the reader has gone
            super().handle_error(request, client_address)


def serve(answer: Answer, port: int, what: str) -> None:
    """Serve until SIGINT or SIGTERM. Raises ClickException where the port is taken.

    `answer` is called on this thread, the main one, where alone a rendering can be interrupted;
    the browser's connections have threads of their own, since it opens more than it uses.
    """
    asked: _Asked = SimpleQueue()
    try:
        server = _Server((HOST, port), _handler(asked))
    except OSError as error:
        raise click.ClickException(f"{HOST}:{port}: {error.strerror}; try --port") from None

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    with server:
        # A signal that another thread takes would not wake this one; threads inherit the mask.
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
        words(f"{what}: http://{HOST}:{server.server_port}/ (Ctrl-C ends)")
        try:
            while True:
                _answer_next(answer, asked)
        except KeyboardInterrupt:
            server.shutdown()


def _answer_next(answer: Answer, asked: _Asked) -> None:
    """Answer one request, or return after a while without one: a signal that arrives just before
    the wait begins does not end the wait."""
    try:
        path, reply = asked.get(timeout=_PATIENCE)
    except Empty:
        return
    reply.set_result(_guarded(answer, path))


def _guarded(answer: Answer, path: str) -> PageReply:
    try:
        return answer(path)
    except Exception as error:  # noqa: BLE001 - what spoils one page must not end the others
        words(f"{path}: {type(error).__name__}: {error}")
        return PageReply(
            b"this page could not be made", "text/plain", HTTPStatus.INTERNAL_SERVER_ERROR
        )


def _handler(asked: _Asked) -> type[BaseHTTPRequestHandler]:
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

        def _reply(self) -> PageReply:
            # A page elsewhere may make its own name lead to us, and would then read what we say.
            name = self.headers.get("Host", "").rpartition(":")[0] or self.headers.get("Host", "")
            if name not in _NAMES:
                return PageReply(
                    b"this is another host", "text/plain", HTTPStatus.MISDIRECTED_REQUEST
                )
            reply: Future[PageReply] = Future()
            asked.put((urlsplit(self.path).path, reply))
            return reply.result()

        def _write(self, reply: PageReply) -> None:
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
