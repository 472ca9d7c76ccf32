"""A scripted HTTP/1.1 server: it answers exactly as a test says, and its log is the truth.

    async with HttpServer() as server:
        server.on(Answer(503), times=1)
        server.on(Answer(429, {"ok": False}, headers={"Retry-After": "7"}), path="/hook")
        ...
        server.url          http://127.0.0.1:port
        server.requests     every request that was read whole, in order
        server.accepted     those answered with 2xx

Actions: Answer (this reply), Hang (read the request, answer nothing, for ever), Cut (read the
request, then close), or a function from the Request to one of these, to play a whole provider. A
rule holds for ever, or for `times` uses; the one added last wins. What no rule names gets
`default`, an empty JSON object.
"""

import asyncio
import contextlib
import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Self, TypeAlias
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Request:
    """One request: `path` without the query, header names in lower case."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body's JSON value; raises ValueError where it is none."""
        return json.loads(self.body)

    def form(self) -> dict[str, str]:
        """A urlencoded body's fields, the last of each name."""
        fields = parse_qs(self.body.decode(), keep_blank_values=True)
        return {name: values[-1] for name, values in fields.items()}


@dataclass(frozen=True)
class Answer:
    """A reply. `body`: bytes and text as they are, anything else as JSON. `delay`: seconds."""

    status: int = 200
    body: object = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0

    def to_wire(self) -> bytes:
        body = self.body.encode() if isinstance(self.body, str) else self.body
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = "application/json" if payload is not body else "text/plain; charset=utf-8"
        headers = {"Content-Type": kind, "Content-Length": str(len(payload)), **self.headers}
        known = self.status in HTTPStatus.__members__.values()
        head = f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase if known else 'Odd'}\r\n"
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"{head}{lines}\r\n".encode() + payload


@dataclass(frozen=True)
class Hang:
    """Never answer."""


@dataclass(frozen=True)
class Cut:
    """Close the connection, after `reply` bytes of an answer if there are any."""

    reply: bytes = b""


Action: TypeAlias = "Answer | Hang | Cut | Callable[[Request], Answer | Hang | Cut]"


@dataclass
class Rule:
    action: Action
    path: str | None
    times: int | None
    used: int = 0


class HttpServer:
    """Listens on a free port of 127.0.0.1 while it is entered."""

    def __init__(
        self, *, default: Action = Answer(), tls: ssl.SSLContext | None = None, port: int = 0
    ) -> None:
        self.default = default
        self.tls = tls
        self.port = port
        self.rules: list[Rule] = []
        self.requests: list[Request] = []
        self.accepted: list[Request] = []
        self.connections = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    def on(self, action: Action, *, path: str | None = None, times: int | None = None) -> None:
        """From now on do `action` (where `path` is given: for requests of that path only)."""
        self.rules.append(Rule(action, path, times))

    def stop_listening(self) -> None:
        """Refuse connections from now on, and drop those there are."""
        assert self._server is not None
        self._server.close()
        self.drop_connections()

    def drop_connections(self) -> None:
        """Close whatever is open, as a server does with idle clients."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", self.port, ssl=self.tls
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop_listening()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _action(self, path: str) -> Action:
        for rule in reversed(self.rules):
            if rule.path in {None, path} and (rule.times is None or rule.used < rule.times):
                rule.used += 1
                return rule.action
        return self.default

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        self.connections += 1
        try:
            while await self._serve(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        except asyncio.CancelledError:
            pass  # the server leaves; asyncio would log a cancelled handler as an error
        finally:
            self._tasks.discard(task)
            self._writers.discard(writer)
            writer.close()
            with contextlib.suppress(Exception, asyncio.CancelledError):
                await asyncio.wait_for(writer.wait_closed(), 0.5)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; whether another may follow on the same connection."""
        request = await _read(reader)
        self.requests.append(request)
        action = self._action(request.path)
        if callable(action):
            action = action(request)
        match action:
            case Hang():
                await asyncio.Event().wait()
            case Cut(reply):
                writer.write(reply)
                await writer.drain()
                return False
            case Answer():
                await asyncio.sleep(action.delay)
                if 200 <= action.status < 300:
                    self.accepted.append(request)
                writer.write(action.to_wire())
                await writer.drain()
        return request.headers.get("connection", "").lower() != "close"


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip().split("\r\n")
    method, target, _version = first.split(" ")
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    url = urlsplit(target)
    return Request(method, url.path, parse_qs(url.query), headers, body)
