"""Pages for one person on this machine: how they look, and how they are served: loopback only,
read-only, nothing from elsewhere."""

import asyncio
import os
import re
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from email.parser import BytesHeaderParser
from http import HTTPMethod, HTTPStatus
from pathlib import Path

import click
import jinja2

from entrypoints.cli.application import words

HOST = "127.0.0.1"
_NAMES = (HOST, "localhost")
_PATIENCE = 30  # seconds for a request; a browser opens more connections than it uses

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
# The same, and pictures are loaded from wherever they are.
_FOREIGN_POLICY_WITH_PICTURES = FOREIGN_POLICY.replace(
    "img-src data:", "img-src data: https: http:"
)


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

_AFTER_HEAD = re.compile(r"<head\b[^>]*>", re.IGNORECASE)
_REMOTE_PICTURE = re.compile(
    r"""(?:<(?:img|source|video|input|image)\b[^>]*?\s(?:src|srcset|poster|href)|\sbackground)"""
    r"""\s*=\s*["']?\s*(?:https?:)?//([^/"'\s>]+)|url\(\s*["']?(?:https?:)?//([^/"'\s)]+)""",
    re.IGNORECASE,
)
_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters["stem"] = lambda path: Path(path).stem
_BASE = '<base target="_blank">'

_STYLE = """
:root { color-scheme: light dark; --line: #d8d8d4; --soft: #5f5f5a; --bar: #f4f4f1;
  --link: #1a5fb4; --bad: #a51d2d; }
@media (prefers-color-scheme: dark) { :root { --line: #3c3c3a; --soft: #a5a5a0; --bar: #242423;
  --link: #8ab8f0; --bad: #ff8a8a; } }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem;
  padding: 0 1rem 2rem; }
header { border-bottom: 1px solid var(--line); display: flex; flex-wrap: wrap; gap: 0 1rem;
  align-items: baseline; padding: .75rem 0; }
h1 { font-size: 1.125rem; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1rem; margin: 1.5rem 0 .5rem; }
a { color: var(--link); }
.soft, dt { color: var(--soft); font-size: .875rem; }
.bad { color: var(--bad); white-space: pre-wrap; overflow-wrap: anywhere; }
ul.list { list-style: none; margin: 0; padding: 0; }
ul.list a { border-bottom: 1px solid var(--line); color: inherit; display: grid; gap: 0 1rem;
  grid-template-columns: 8rem 1fr auto; padding: .6rem .25rem; text-decoration: none; }
ul.list a:hover, ul.list a:focus-visible { background: var(--bar); }
ul.list span { min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
ul.list .subject { font-weight: 600; }
ul.list .to { grid-column: 2 / -1; }
dl { display: grid; gap: .15rem 1rem; grid-template-columns: max-content 1fr; margin: 1rem 0; }
dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
dt { padding-top: .1rem; }
iframe { border: 1px solid var(--line); border-radius: 4px; display: block; height: 70vh;
  min-height: 20rem; resize: vertical; width: 100%; overflow: auto; }
pre { background: var(--bar); border-radius: 4px; font: .875rem/1.5 ui-monospace, monospace;
  margin: 0; overflow-wrap: anywhere; padding: .75rem; white-space: pre-wrap; }
summary { cursor: pointer; margin: 1.5rem 0 .5rem; }
@media (max-width: 34rem) { dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; }
  ul.list a { grid-template-columns: 1fr auto; } ul.list .channel { grid-column: 1; }
  ul.list .when { grid-column: 2; grid-row: 1; }
  ul.list .subject, ul.list .to { grid-column: 1 / -1; } }
"""


STYLE = PageReply(_STYLE.encode(), "text/css; charset=utf-8")
"""The style sheet of every page, at `/style.css`."""


def page(template: str, *, status: int = 200, **facts: object) -> PageReply:
    """A whole page, from the template next to this file; `facts` are text, and escaped there."""
    text = _TEMPLATES.get_template(f"{template}.jinja2").render(facts)
    return PageReply(text.encode("utf-8", "replace"), status=status)


def missing() -> PageReply:
    """Nothing is at this address."""
    return page("missing", title="Not here", status=404)


def foreign(html: str, *, pictures: bool = False) -> PageReply:
    """HTML that others wrote, shut in; for an iframe. `pictures`: remote ones are loaded."""
    head = _AFTER_HEAD.search(html)
    at = head.end() if head else 0
    if head is None and (doctype := re.match(r"\s*<!doctype[^>]*>", html, re.IGNORECASE)):
        at = doctype.end()
    text = html[:at] + _BASE + html[at:]
    policy = _FOREIGN_POLICY_WITH_PICTURES if pictures else FOREIGN_POLICY
    return PageReply(text.encode("utf-8", "replace"), policy=policy)


def remote_pictures(html: str) -> list[str]:
    """The hosts that pictures of `html` would be loaded from."""
    return sorted({(found[1] or found[2]).lower() for found in _REMOTE_PICTURE.finditer(html)})


def serve(answer: Answer, port: int, what: str) -> None:
    """Serve until SIGINT or SIGTERM. Raises ClickException where the port is taken.

    `answer` is called on the main thread, where alone a rendering can be interrupted.
    """
    try:
        asyncio.run(_serve(answer, port, what))
    except OSError as error:
        reason = os.strerror(error.errno or 0)  # asyncio's words repeat the address
        raise click.ClickException(f"{HOST}:{port}: {reason}; try --port") from None


async def _serve(answer: Answer, port: int, what: str) -> None:
    async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(_response(answer, head))
                await writer.drain()
        except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
            pass  # the reader has gone, or does not speak HTTP
        finally:
            writer.close()

    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    server = await asyncio.start_server(exchange, HOST, port)
    at = server.sockets[0].getsockname()[1]
    words(f"{what}: http://{HOST}:{at}/ (Ctrl-C ends)")
    await stopped.wait()
    server.close()


def _response(answer: Answer, head: bytes) -> bytes:
    request, _, rest = head.partition(b"\r\n")
    method, _, target = request.decode("latin-1").rpartition(" ")[0].partition(" ")
    host = str(BytesHeaderParser().parsebytes(rest).get("Host", ""))
    # A page elsewhere may make its own name lead to us, and would then read what we say.
    if method not in (HTTPMethod.GET, HTTPMethod.HEAD):
        reply = _refusal("this server only reads", HTTPStatus.NOT_IMPLEMENTED)
    elif (host.rpartition(":")[0] or host) not in _NAMES:
        reply = _refusal("this is another host", HTTPStatus.MISDIRECTED_REQUEST)
    else:
        reply = _guarded(answer, target.partition("?")[0])
    headers = {
        "Content-Type": reply.content_type,
        "Content-Length": str(len(reply.body)),
        "Content-Security-Policy": reply.policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
        "Connection": "close",
        **reply.headers,
    }
    lines = [f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    body = b"" if method == HTTPMethod.HEAD else reply.body
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def _guarded(answer: Answer, path: str) -> PageReply:
    try:
        return answer(path)
    except Exception as error:  # noqa: BLE001 - what spoils one page must not end the others
        words(f"{path}: {type(error).__name__}: {error}")
        return _refusal("this page could not be made", HTTPStatus.INTERNAL_SERVER_ERROR)


def _refusal(text: str, status: HTTPStatus) -> PageReply:
    return PageReply(text.encode(), "text/plain", status)
