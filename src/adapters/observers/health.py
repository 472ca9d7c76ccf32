"""Probes and metrics over HTTP: three pages, one answer for each connection."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from adapters.observers.logs import mask_addresses
from adapters.observers.metrics import CONTENT_TYPE

log = structlog.get_logger()

_MAX_HEAD = 8 * 1024  # bytes of request line and headers
_MAX_CONNECTIONS = 32
_PATIENCE = 5.0  # seconds for a whole exchange

_PHRASES = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    503: "Service Unavailable",
}


@dataclass(frozen=True, slots=True)
class _PageAnswer:
    status: int
    body: str
    content_type: str = "text/plain; charset=utf-8"

    def to_wire(self, *, with_body: bool) -> bytes:
        body = self.body.encode()
        lines = [
            f"HTTP/1.1 {self.status} {_PHRASES[self.status]}",
            f"Content-Type: {self.content_type}",
            f"Content-Length: {len(body)}",
            "Cache-Control: no-store",
            "Connection: close",
        ]
        if self.status == 405:
            lines.append("Allow: GET, HEAD")
        return "\r\n".join([*lines, "", ""]).encode() + (body if with_body else b"")


class HealthPages:
    """`/livez`, `/readyz` and `/metrics`.

    `troubles`: why no work is taken, cause by name; empty when ready. `standstill`: why only a
    restart can help; empty while that is not so. `metrics`: Prometheus' text. `/livez` shows first
    of all that the loop runs, since that loop answers it.
    """

    def __init__(
        self,
        *,
        troubles: Callable[[], Mapping[str, str]],
        metrics: Callable[[], str],
        standstill: Callable[[], str] = str,
    ) -> None:
        self._troubles = troubles
        self._metrics = metrics
        self._standstill = standstill
        self._open = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection and close it; whatever the peer does raises nothing."""
        self._open += 1
        try:
            if self._open <= _MAX_CONNECTIONS:
                async with asyncio.timeout(_PATIENCE):
                    writer.write(await self._respond(reader))
                    await writer.drain()
        except (OSError, EOFError, TimeoutError):
            return
        finally:
            self._open -= 1
            writer.close()

    async def _respond(self, reader: asyncio.StreamReader) -> bytes:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            method, target, version = head.split(b"\r\n", 1)[0].decode("ascii").split(" ")
        except (asyncio.LimitOverrunError, ValueError):
            return _PageAnswer(400, "bad request\n").to_wire(with_body=True)
        if not version.startswith("HTTP/1."):
            return _PageAnswer(400, "bad request\n").to_wire(with_body=True)
        if method not in {"GET", "HEAD"}:
            return _PageAnswer(405, "GET or HEAD only\n").to_wire(with_body=True)
        return self._page(target.partition("?")[0]).to_wire(with_body=method == "GET")

    def _page(self, path: str) -> _PageAnswer:
        match path:
            case "/livez":
                cause = self._standstill()
                return _PageAnswer(503 if cause else 200, f"{cause or 'alive'}\n")
            case "/readyz":
                return self._readiness()
            case "/metrics":
                return _PageAnswer(200, self._metrics(), CONTENT_TYPE)
            case _:
                return _PageAnswer(404, "there are /livez, /readyz and /metrics\n")

    def _readiness(self) -> _PageAnswer:
        troubles = self._troubles()
        causes = [{"name": n, "cause": mask_addresses(text)} for n, text in troubles.items()]
        text = json.dumps({"ready": not causes, "causes": causes}, ensure_ascii=False)
        return _PageAnswer(503 if causes else 200, text + "\n", "application/json")


async def listen(host: str, port: int, pages: HealthPages) -> asyncio.Server:
    """Serve `pages` until the server is closed. Raises OSError when the address cannot be had."""
    server = await asyncio.start_server(pages.answer, host, port, limit=_MAX_HEAD)
    log.info("probes are served", host=host, port=server.sockets[0].getsockname()[1])
    return server
