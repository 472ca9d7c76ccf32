"""The web shell of the local pages: which requests are answered, and what every reply has.

A page elsewhere may lead its visitor's browser to us: under a name of its own (DNS rebinding), or
by a form that it sends here. So the Host header must be ours, and what changes something must come
from a page of ours, or from no browser at all.
"""

import ipaddress
from collections.abc import Collection, Sequence
from contextlib import suppress
from http import HTTPMethod, HTTPStatus
from pathlib import Path
from urllib.parse import parse_qsl, unquote

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from domain.value_object import value_object
from entrypoints.cli.application import words
from entrypoints.pages.views import PAGE_POLICY, missing

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_READS = (HTTPMethod.GET, HTTPMethod.HEAD, HTTPMethod.OPTIONS)
_OURS = ("same-origin", "none")  # none: the person themselves, by the address bar
_ANY = "*"
_API = "/api/"
_LARGEST_FORM = 64 * 1024  # bytes
_STATIC = Path(__file__).parent / "static"

_HEADERS = {
    "Content-Security-Policy": PAGE_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@value_object()
class HostNames:
    """The names that we are asked for by. `is_open`: other machines may ask as well; then any
    address and any name without a dot counts, since no page elsewhere can have such a name."""

    allowed: Collection[str] = LOOPBACK
    is_open: bool = False

    def has(self, host: str) -> bool:
        """Whether this Host header, with or without a port, is one of them."""
        name = name_in(host)
        if name in self.allowed or name.endswith(".localhost"):
            return True
        return self.is_open and ((bool(name) and "." not in name) or _is_address(name))


def name_in(host: str) -> str:
    """The name in a Host header, without brackets and port."""
    host = host.lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _is_address(name: str) -> bool:
    with suppress(ValueError):
        ipaddress.ip_address(name)
        return True
    return False


class PageGuard:
    """Refuses what does not come from a person at this page, gives each reply the headers that it
    does not have itself, and says where a page fails, while the others go on."""

    def __init__(self, app: ASGIApp, names: HostNames, origins: Collection[str]) -> None:
        self._app = app
        self._names = names
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        app = self._refusal(Headers(scope=scope), scope["method"], scope["path"]) or self._app
        try:
            await app(scope, receive, sending)
        except Exception as error:  # noqa: BLE001 - what spoils one page must not end the others
            words(f"{scope['path']!r}: {error!r}")  # both may hold what steers a terminal

    def _refusal(self, headers: Headers, method: str, path: str) -> Response | None:
        host = headers.get("host", "")
        if not self._names.has(host):
            return _refused("this is another host", HTTPStatus.MISDIRECTED_REQUEST)
        is_named = _ANY in self._origins or headers.get("origin") in self._origins
        may_change = is_named and path.startswith(_API)
        if method not in _READS and not may_change and not _is_same_origin(headers, host):
            return _refused("this was sent by a page elsewhere", HTTPStatus.FORBIDDEN)
        return None


def _is_same_origin(headers: Headers, host: str) -> bool:
    """Whether a request that changes something is from a page of ours; a program that is no browser
    names no page."""
    origin = headers.get("origin")
    if is_from_elsewhere(headers):
        return False
    return origin is None or origin.partition("://")[2] == host


def is_from_elsewhere(headers: Headers) -> bool:
    """Whether a browser says that a page elsewhere has led it here."""
    return headers.get("sec-fetch-site", _OURS[0]) not in _OURS


def _refused(text: str, status: HTTPStatus) -> Response:
    return PlainTextResponse(text, status)


async def _missing(_request: Request, _error: Exception) -> Response:
    return missing()


async def _failed(_request: Request, _error: Exception) -> Response:
    return _refused("this page could not be made", HTTPStatus.INTERNAL_SERVER_ERROR)


def make_app(
    routes: Sequence[BaseRoute], names: HostNames | None = None, *, origins: Collection[str] = ()
) -> ASGIApp:
    """The application: these routes, and our own files below `/static`. `origins`: whose pages may
    change something below `/api/`, too."""
    static = Mount("/static", StaticFiles(directory=_STATIC))
    handlers = {HTTPStatus.NOT_FOUND: _missing, Exception: _failed}
    app = Starlette(routes=[static, *routes], exception_handlers=handlers)
    return PageGuard(app, names or HostNames(), origins)


def path_of(request: Request) -> list[str]:
    """The path's parts, each decoded by itself: one may hold a slash."""
    raw: bytes = request.scope.get("raw_path") or request.url.path.encode()
    return [unquote(part) for part in raw.decode("latin-1").partition("?")[0].split("/")[1:]]


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form that was sent. Raises HTTPException where it is too large."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _LARGEST_FORM:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "this form is too large")
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
