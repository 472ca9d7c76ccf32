"""Telegram's and Slack's APIs on loopback: what a chat is called decides the answer."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

TELEGRAM_TOKEN = "1:contract"
SLACK_TOKEN = "xoxb-contract"


@dataclass(frozen=True)
class Call:
    """One accepted call."""

    path: str
    fields: dict[str, Any]

    @property
    def text(self) -> str:
        return str(self.fields.get("text", ""))


@dataclass
class HttpPeer:
    """Both providers. Chats 401… and channels C404… do not exist. 429… and C429… ask for patience
    at the first call, 4288… at the second. `patience` is in seconds."""

    port: int = 0
    patience: int = 1
    calls: list[Call] = field(default_factory=list)
    tries: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def of(self, path: str) -> list[Call]:
        return [call for call in self.calls if call.path == path]

    def answer(self, path: str, fields: dict[str, Any]) -> tuple[int, dict[str, Any], str | None]:
        """Status, body, and Retry-After."""
        chat = str(fields.get("chat_id") or fields.get("channel"))
        with self.lock:
            self.tries[chat] += 1
            first = self.tries[chat] == (2 if chat.startswith("4288") else 1)
        if path == f"/bot{TELEGRAM_TOKEN}/sendMessage":
            return self._telegram(path, fields, chat, first=first)
        if path == "/api/chat.postMessage":
            return self._slack(path, fields, chat, first=first)
        return 404, {"ok": False, "error": "unknown_method", "description": "Not Found"}, None

    def _telegram(
        self, path: str, fields: dict[str, Any], chat: str, *, first: bool
    ) -> tuple[int, dict[str, Any], str | None]:
        if chat.startswith("401"):
            text = "Bad Request: chat not found"
            return 400, {"ok": False, "error_code": 400, "description": text}, None
        if first and chat.startswith(("429", "4288")):
            text = f"Too Many Requests: retry after {self.patience}"
            body = {"ok": False, "error_code": 429, "description": text}
            return 429, {**body, "parameters": {"retry_after": self.patience}}, str(self.patience)
        self.calls.append(Call(path, fields))
        return 200, {"ok": True, "result": {"message_id": 1, "chat": {"id": 1}, "date": 0}}, None

    def _slack(
        self, path: str, fields: dict[str, Any], chat: str, *, first: bool
    ) -> tuple[int, dict[str, Any], str | None]:
        if chat.startswith("C404"):
            return 200, {"ok": False, "error": "channel_not_found"}, None
        if chat.startswith("C418"):
            return 200, {"ok": False, "error": "brand_new_error"}, None
        if first and chat.startswith("C429"):
            return 429, {"ok": False, "error": "ratelimited"}, str(self.patience)
        self.calls.append(Call(path, fields))
        return 200, {"ok": True, "channel": chat, "ts": "1503435956.000001", "message": {}}, None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    peer: HttpPeer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A worker that ends leaves connections behind."""


class _Exchange(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
        if "json" in self.headers.get("Content-Type", ""):
            fields = json.loads(raw)
        else:
            fields = {name: values[0] for name, values in parse_qs(raw).items()}
        status, body, wait = self.server.peer.answer(self.path, fields)
        answer = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        if wait is not None:
            self.send_header("Retry-After", wait)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Print nothing."""


@contextmanager
def http_peer(patience: int = 1) -> Iterator[HttpPeer]:
    """Serve until the block is left. `patience`: seconds that those who ask for time ask for."""
    peer = HttpPeer(patience=patience)
    with _Server(("127.0.0.1", 0), _Exchange) as server:
        server.peer = peer
        peer.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield peer
        finally:
            server.shutdown()
            thread.join()
