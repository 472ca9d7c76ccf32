"""What the channels over HTTP share: one request, one reply, and errors that hold no secret."""

import asyncio
import json
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from domain.errors import DeliveryError, InDoubt, Unavailable
from domain.notification import JsonValue

TIMEOUT = 30.0
"""Seconds for a connection, and for each wait for the provider."""

_PATIENCE = 4
_PATIENCE_WITH_FILES = 20  # times the timeout from a request's first byte to its answer's last
_LONGEST_ANSWER = 1 << 20  # bytes; theirs are a few thousand
_LONGEST_TEXT = 200
_LONGEST_WAIT = 10**8  # seconds, three years
_DIGITS = 18

# An invalid URL, or a header value with a line break: nothing was sent.
_UNWRITABLE = (httpx2.InvalidURL, httpx2.UnsupportedProtocol, httpx2.LocalProtocolError)

# Their lines hold URLs and headers, and Telegram has its token in the path.
for _name in ("httpx2", "httpcore2"):
    logging.getLogger(_name).setLevel(logging.WARNING)

Files = Mapping[str, tuple[str, bytes, str]]
"""A form's files: field -> (file name, bytes, content type)."""


@dataclass(frozen=True, slots=True)
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
    def retry_after(self) -> timedelta | None:
        """The wait that the header names, in seconds or as a date (RFC 9110, section 10.2.3)."""
        text = self.headers.get("retry-after", "")
        if text.isascii() and text.isdigit():
            return timedelta(seconds=min(int(text[:_DIGITS]), _LONGEST_WAIT))
        try:
            date = parsedate_to_datetime(text).astimezone(UTC)
        except (ValueError, OverflowError):
            return None
        return max(date - datetime.now(UTC), timedelta(0))


class _TooLong(Exception):
    """An answer that is longer than any of theirs."""


class HttpClient:
    """Kept connections to one provider. Follows no redirect.

    `provider` names it in errors. `client` makes the HTTP client at the first request.
    """

    def __init__(
        self,
        provider: str,
        *,
        timeout: float = TIMEOUT,
        client: Callable[..., httpx2.AsyncClient] = httpx2.AsyncClient,
    ) -> None:
        self._provider = provider
        self._timeout = timeout
        self._make = client
        self._client: httpx2.AsyncClient | None = None

    async def post(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: JsonValue = None,
        content: bytes | None = None,
        form: Mapping[str, str] | None = None,
        files: Files | None = None,
    ) -> HttpReply:
        """Post and read the whole answer.

        Raises Unavailable when there was no connection or no way to write the request, InDoubt when
        the connection died later, or the answer did not come in time (each piece within the
        timeout, the whole within four times that, with files twenty) or had no end: the provider
        may have done what we asked.
        """
        failure: DeliveryError
        body = {"headers": headers, "json": json, "content": content, "data": form, "files": files}
        patience = self._timeout * (_PATIENCE_WITH_FILES if files else _PATIENCE)
        self._connected()
        try:
            return await self._exchange(url, body, patience)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError) as error:
            failure = self._away(error)
        except _UNWRITABLE:
            failure = Unavailable(
                f"no request to {self._provider} can be made of its address and our credentials"
            )
        except (httpx2.TimeoutException, TimeoutError):
            failure = self._in_doubt("did not answer in time")
        except _TooLong:
            failure = self._in_doubt("answered without end")
        except httpx2.HTTPError:
            failure = self._in_doubt("hung up before it answered")
        raise failure  # out here, so that it leads back to nothing that holds the URL

    async def close(self) -> None:
        """Let go of the connections. May be called twice."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _exchange(self, url: str, body: Mapping[str, Any], patience: float) -> HttpReply:
        """Raises TimeoutError when it takes longer than `patience` (seconds), and _TooLong."""
        async with asyncio.timeout(None) as limit:

            async def begin(event: str, _info: object) -> None:
                # Not before: waiting for a connection puts nothing in doubt.
                if event.endswith("send_request_headers.started"):
                    limit.reschedule(asyncio.get_running_loop().time() + patience)

            extensions = {"trace": begin}
            async with self._connected().stream(
                "POST", url, extensions=extensions, **body
            ) as response:
                answer = bytearray()
                async for piece in response.aiter_bytes():
                    answer += piece
                    if len(answer) > _LONGEST_ANSWER:
                        raise _TooLong
                return HttpReply(response.status_code, response.headers, bytes(answer))

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

    def _in_doubt(self, what: str) -> InDoubt:
        return InDoubt(f"{self._provider} {what}; the message may have arrived or not")

    def _away(self, error: httpx2.TransportError) -> Unavailable:
        is_certificate = "certificate" in str(error).lower()
        why = "its certificate is not trusted" if is_certificate else _kind(error)
        return Unavailable(
            f"cannot connect to {self._provider}: {why}", safe_to_repeat=not is_certificate
        )


def short_text(text: object, secrets: Collection[str] = ()) -> str:
    """A provider's words, fit for an error: one short line without our secrets."""
    line = " ".join(str(text).split())
    for secret in secrets:
        if secret:
            line = line.replace(secret, "***")
    return line if len(line) <= _LONGEST_TEXT else line[: _LONGEST_TEXT - 1] + "…"


def _kind(error: httpx2.TransportError) -> str:
    if isinstance(error, httpx2.TimeoutException):
        return "no connection in time"
    return short_text(error) or "the connection was refused"
