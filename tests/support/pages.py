"""The local pages without a browser: one request to the application, and its whole reply."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from starlette.types import ASGIApp, Message

HOST = "127.0.0.1:8026"


@dataclass(frozen=True)
class PageAnswer:
    """A reply. Names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes = field(repr=False)

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def policy(self) -> str:
        return self.headers["content-security-policy"]


def ask(
    app: ASGIApp,
    target: str,
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    body: bytes = b"",
) -> PageAnswer:
    """Send one request, as a browser at HOST does; `headers` in lower case win over its own."""
    return asyncio.run(answered(app, target, method, headers, body))


async def answered(
    app: ASGIApp,
    target: str,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    body: bytes = b"",
) -> PageAnswer:
    """The same while other things happen."""
    headers = {"host": HOST, **(headers or {})}
    path, _, query = target.partition("?")
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
        "server": ("127.0.0.1", 8026),
        "client": ("127.0.0.1", 1),
    }
    requests: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
    replies: list[Message] = []

    async def receive() -> Message:
        if requests:
            return requests.pop()
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Any) -> None:
        replies.append(message)

    await app(scope, receive, send)
    start = replies[0]
    return PageAnswer(
        status=start["status"],
        headers={
            name.decode().lower(): value.decode("latin-1") for name, value in start["headers"]
        },
        body=b"".join(reply.get("body", b"") for reply in replies[1:]),
    )
