"""What the channels over HTTP share: one request, one reply, and errors that hold no secret."""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

import httpx2

from adapters.texts import short_text
from domain.errors import (
    DeliveryError,
    FailureReason,
    InDoubt,
    Permanent,
    Throttled,
    Transient,
    Unavailable,
)
from domain.notification import JsonValue
from domain.trace import HEADER, TRACE
from domain.value_object import value_object

TIMEOUT = 30.0
"""Seconds for a connection, and for each wait for the provider."""

UNNAMED_WAIT = timedelta(seconds=30)
"""The wait where a provider asks for one and does not name it."""

_ABOUT_US = frozenset({401, 403, 404, 405, 407, 410})
_PATIENCE = 4
_PATIENCE_WITH_FILES = 20  # times the timeout from a request's first byte to its answer's last
_LONGEST_ANSWER = 1 << 20  # bytes; theirs are a few thousand
_LONGEST_WAIT = 10**8  # seconds, three years
_DIGITS = 18

# An invalid URL, or a header value with a line break: nothing was sent.
_UNWRITABLE = (httpx2.InvalidURL, httpx2.UnsupportedProtocol, httpx2.LocalProtocolError)

# Their lines hold URLs and headers, and Telegram has its token in the path.
for _name in ("httpx2", "httpcore2"):
    logging.getLogger(_name).setLevel(logging.WARNING)

Files = Mapping[str, tuple[str, bytes, str]]
"""A form's files: field -> (file name, bytes, content type)."""


@value_object()
class HttpReply:
    """A provider's answer, whatever it says."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    def json(self) -> dict[str, JsonValue]:
        """The answer's JSON object; an empty one where the answer is not an object."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}

    @property
    def is_page(self) -> bool:
        """Whether it is a web page, as of a wrong address, or of a sign-in before the provider."""
        return self.body.lstrip()[:1] == b"<"

    @property
    def retry_after(self) -> timedelta | None:
        """The wait that the header names, in seconds or as a date (RFC 9110, section 10.2.3)."""
        text = self.headers.get("retry-after", "")
        if text.isascii() and text.isdigit():
            return timedelta(seconds=min(int(text[:_DIGITS]), _LONGEST_WAIT))
        date = _date(text)
        return None if date is None else max(date - datetime.now(UTC), timedelta(0))

    @property
    def clock_ahead(self) -> timedelta | None:
        """By how much our clock is ahead of the provider's, to the second; None where the answer
        has no time (the header Date, RFC 9110, section 6.6.1)."""
        date = _date(self.headers.get("date", ""))
        return None if date is None else datetime.now(UTC).replace(microsecond=0) - date


def _date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


class HttpClient:
    """Kept connections. Follows no redirect."""

    def __init__(
        self,
        provider: str,
        *,
        timeout: float = TIMEOUT,
        client: Callable[..., httpx2.AsyncClient] = httpx2.AsyncClient,
        reads_answers: bool = True,
        **options: Any,
    ) -> None:
        """`provider` names in errors whom it posts to, where `post` does not. `client` makes the
        HTTP client at the first request, with these `options`. `reads_answers`: whether an answer's
        body is read."""
        self._provider = provider
        self._timeout = timeout
        self._make = partial(client, **options)
        self._reads_answers = reads_answers
        self._client: httpx2.AsyncClient | None = None

    async def post(
        self,
        url: httpx2.URL | str,
        *,
        provider: str = "",
        headers: Mapping[str, str] | None = None,
        json: JsonValue = None,
        content: bytes | None = None,
        form: Mapping[str, str] | None = None,
        files: Files | None = None,
        extensions: Mapping[str, Any] | None = None,
    ) -> HttpReply:
        """Post and read the whole answer. The request belongs to the message's trace.

        Raises Unavailable when there was no connection or no way to write the request, InDoubt when
        the connection died later, or the answer did not come in time (each piece within the
        timeout, the whole within four times that, with files twenty) or had no end: the provider
        may have done what we asked.
        """
        failure: DeliveryError
        name = provider or self._provider
        if trace := TRACE.get():
            headers = {**(headers or {}), HEADER: trace}
        body = {"headers": headers, "json": json, "content": content, "data": form, "files": files}
        patience = self._timeout * (_PATIENCE_WITH_FILES if files else _PATIENCE)
        self._connected()
        try:
            return await self._exchange(name, url, body, extensions or {}, patience)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError) as error:
            failure = _away(name, error)
        except _UNWRITABLE:
            text = f"no request to {name} can be made of its address and our credentials"
            failure = Unavailable(text)
        except (httpx2.TimeoutException, TimeoutError):
            failure = _in_doubt(f"{name} did not answer in time")
        except httpx2.HTTPError:
            failure = _in_doubt(f"{name} hung up before it answered")
        raise failure  # out here, so that it leads back to nothing that holds the URL

    async def close(self) -> None:
        """Let go of the connections. May be called twice."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _exchange(
        self,
        name: str,
        url: httpx2.URL | str,
        body: Mapping[str, Any],
        extensions: Mapping[str, Any],
        patience: float,
    ) -> HttpReply:
        """Raises TimeoutError when it takes longer than `patience` (seconds)."""
        async with asyncio.timeout(None) as limit:

            async def begin(event: str, _info: object) -> None:
                # Not before: waiting for a connection puts nothing in doubt.
                if event.endswith("send_request_headers.started"):
                    limit.reschedule(asyncio.get_running_loop().time() + patience)

            traced = {**extensions, "trace": begin}
            async with self._connected().stream("POST", url, extensions=traced, **body) as response:
                answer = await _whole(response, name) if self._reads_answers else b""
                return HttpReply(response.status_code, response.headers, answer)

    def _connected(self) -> httpx2.AsyncClient:
        if self._client is None:
            # Waiting for one of our own connections is no trouble of the provider's.
            timeout = httpx2.Timeout(self._timeout, pool=None)
            try:
                self._client = self._make(timeout=timeout, follow_redirects=False)
            except Exception as error:  # noqa: BLE001 - of what the environment names
                why = f"{type(error).__name__}: see HTTPS_PROXY, ALL_PROXY and SSL_CERT_FILE"
                text = f"no connection to {self._provider} can be made here ({why})"
                raise Unavailable(text) from None  # its own text may hold a proxy's password
        return self._client


def error_of_status(reply: HttpReply, text: str) -> DeliveryError:
    """What an answer means that is not in the provider's own words, as a proxy's is. It says
    nothing about the message but for its size."""
    status = reply.status
    if status == 429:
        return Throttled(text, retry_after=reply.retry_after or UNNAMED_WAIT)
    if status == 413:
        return Permanent(text, reason=FailureReason.CONTENT_REFUSED)
    if status in _ABOUT_US or 300 <= status < 400 or (status < 300 and reply.is_page):
        return Unavailable(f"{text}; check the provider's address in the settings")
    if 200 <= status < 300:
        return _in_doubt(text)
    return Transient(text, provider_fault=True)


async def _whole(response: httpx2.Response, provider: str) -> bytes:
    answer = bytearray()
    async for piece in response.aiter_bytes():
        answer += piece
        if len(answer) > _LONGEST_ANSWER:
            raise _in_doubt(f"{provider} answered without end")
    return bytes(answer)


def _in_doubt(what: str) -> InDoubt:
    return InDoubt(f"{what}; the message may have arrived or not")


def _away(provider: str, error: httpx2.TransportError) -> Unavailable:
    if "certificate" in str(error).lower():
        return Unavailable(f"cannot connect to {provider}: its certificate is not trusted")
    is_late = isinstance(error, httpx2.TimeoutException)
    why = "no connection in time" if is_late else short_text(error) or "the connection was refused"
    return Unavailable(f"cannot connect to {provider}: {why}", safe_to_repeat=True)
