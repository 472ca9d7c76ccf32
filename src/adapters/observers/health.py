"""What keeps a worker from its work, and its probes and metrics over HTTP: three pages, one answer
for each connection."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from adapters.observers.logs import mask_addresses
from domain.events import (
    BROKER,
    SETTLEMENT,
    SUPPRESSIONS_FILE,
    TEMPLATES,
    Event,
    TemplatesChanged,
    Trouble,
    TroubleBegan,
    TroubleEnded,
    TroubleKind,
    TroubleUncertain,
)

log = structlog.get_logger()

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Of Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats/)."""

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

_NOT_CONSUMED = "the broker is not connected, or a work queue is not consumed"
# Troubles that keep no message waiting, as far as is known.
_HARMLESS = frozenset({TEMPLATES, SETTLEMENT, SUPPRESSIONS_FILE})


class Readiness:
    """Keeps the troubles that last, with the last error of each."""

    TYPES = (TroubleBegan, TroubleEnded, TroubleUncertain, TemplatesChanged)
    """What it wants to get."""

    def __init__(self) -> None:
        self.troubles: dict[Trouble, str] = {}

    def emit(self, event: Event) -> None:
        match event:
            case TroubleBegan(trouble, error):
                self.troubles[trouble] = error
            case TroubleEnded(trouble) | TroubleUncertain(trouble):
                self.troubles.pop(trouble, None)
            case TemplatesChanged(faults=()):
                self.troubles.pop(TEMPLATES, None)
            case TemplatesChanged(faults=faults):
                self.troubles[TEMPLATES] = "; ".join(faults)

    @property
    def is_held_up(self) -> bool:
        """Whether a known trouble keeps messages in hand: a pause, or the broker."""
        return not self.troubles.keys() <= _HARMLESS

    def paused_channels(self) -> frozenset[str]:
        """The channels that are paused."""
        return frozenset(t.name for t in self.troubles if t.kind is TroubleKind.CHANNEL)

    def causes(self, *, is_consuming: bool) -> Mapping[str, str]:
        """Why this worker is not ready, cause by name; empty when it is."""
        causes = {str(trouble): error for trouble, error in self.troubles.items()}
        if not is_consuming:
            causes.setdefault(str(BROKER), _NOT_CONSUMED)
        return causes


def _answer(status: int, body: str, kind: str = "text/plain; charset=utf-8") -> tuple[str, bytes]:
    """The head, and the body."""
    data = body.encode()
    lines = [
        f"HTTP/1.1 {status} {_PHRASES[status]}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(data)}",
        "Cache-Control: no-store",
        "Connection: close",
        *(["Allow: GET, HEAD"] if status == 405 else []),
    ]
    return "\r\n".join([*lines, "", ""]), data


@dataclass(slots=True, kw_only=True)
class HealthPages:
    """`/livez`, `/readyz` and `/metrics`.

    `troubles`: why no work is taken, cause by name; empty when ready. `standstill`: why only a
    restart can help; empty while that is not so. `metrics`: Prometheus' text. `/livez` shows first
    of all that the loop runs, since that loop answers it.
    """

    troubles: Callable[[], Mapping[str, str]]
    metrics: Callable[[], str]
    standstill: Callable[[], str] = str
    _open: int = field(default=0, init=False)

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
            request = await reader.readuntil(b"\r\n\r\n")
            method, target, version = request.split(b"\r\n", 1)[0].decode("ascii").split(" ")
        except (asyncio.LimitOverrunError, ValueError):
            method = target = version = ""
        if not version.startswith("HTTP/1."):
            head, body = _answer(400, "bad request\n")
        elif method not in {"GET", "HEAD"}:
            head, body = _answer(405, "GET or HEAD only\n")
        else:
            head, body = self._page(target.partition("?")[0])
        return head.encode() + (b"" if method == "HEAD" else body)

    def _page(self, path: str) -> tuple[str, bytes]:
        match path:
            case "/livez":
                cause = self.standstill()
                return _answer(503 if cause else 200, f"{cause or 'alive'}\n")
            case "/readyz":
                causes = [
                    {"name": name, "cause": mask_addresses(text)}
                    for name, text in self.troubles().items()
                ]
                text = json.dumps({"ready": not causes, "causes": causes}, ensure_ascii=False)
                return _answer(503 if causes else 200, text + "\n", "application/json")
            case "/metrics":
                return _answer(200, self.metrics(), CONTENT_TYPE)
            case _:
                return _answer(404, "there are /livez, /readyz and /metrics\n")


async def listen(host: str, port: int, pages: HealthPages) -> asyncio.Server:
    """Serve `pages` until the server is closed. Raises OSError when the address cannot be had."""
    server = await asyncio.start_server(pages.answer, host, port, limit=_MAX_HEAD)
    log.info("probes are served", host=host, port=server.sockets[0].getsockname()[1])
    return server
