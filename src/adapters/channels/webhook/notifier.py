"""The webhook channel: signed JSON to the URL that a message names (Standard Webhooks 1.0.0)."""

import asyncio
import json
import socket
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address

import httpx2

from adapters.channels.shared.http import TIMEOUT, HttpReply, short_text
from adapters.channels.webhook.signature import SECRET, signed_headers, signing_key
from adapters.channels.webhook.url import is_public, port_of, url_of
from domain.content import Content
from domain.errors import (
    DeliveryError,
    FailureReason,
    InDoubt,
    Permanent,
    Throttled,
    Transient,
    Unavailable,
)
from domain.notification import Notification, Recipient
from domain.ports import AboutToSend, proceed

ALLOW_PRIVATE = "DISPATCHER_WEBHOOK_ALLOW_PRIVATE"

_HEADERS = {"Content-Type": "application/json", "User-Agent": "Dispatcher"}
_MAX_ADDRESSES = 4
_PATIENCE = 3  # a connection, its handshake and the wait for an answer may each take `timeout`

# RFC 9110 section 15.5, RFC 6585, RFC 8470: passing, whoever is to blame.
_PASSING = frozenset({408, 409, 423, 425, 429})
_NAMES_ITS_WAIT = frozenset({408, 425, 429})
_OF_THE_URL = {
    401: f"it does not accept our signature; does it know {SECRET}?",
    403: f"it does not accept our signature; does it know {SECRET}?",
    404: "nothing is there",
    405: "it takes no POST",
    410: "it is gone for good",
    414: "the URL is too long for it",
}


@dataclass(frozen=True, slots=True)
class _WebhookTarget:
    """A URL to post to and the addresses that its name stood for when they were checked."""

    url: httpx2.URL
    addresses: tuple[str, ...]

    @property
    def name(self) -> str:
        """Host and port; the path may hold a token."""
        return self.url.netloc.decode("ascii")


class WebhookNotifier:
    """Posts each message to its recipient's URL. Follows no redirect, uses no proxy.

    Each URL is a provider of its own: one that is down does not concern the others, so it never
    pauses the channel.
    """

    one_by_one = True

    def __init__(
        self,
        secret: Callable[[], str],
        *,
        allow_private: bool = False,
        wishes: Collection[str] = (),
        timeout: float = TIMEOUT,
        client: Callable[..., httpx2.AsyncClient] = httpx2.AsyncClient,
    ) -> None:
        """`secret` is asked for each message, so a changed one needs no restart. `allow_private`:
        whether addresses that are not public may be posted to. `wishes`: metadata that is for other
        channels, and is left out. `timeout`: seconds for a
        connection, and for an answer. `client` makes the HTTP client at the first request.

        Raises ValueError, naming the variable, when the secret is invalid.
        """
        signing_key(secret())
        self._secret = secret
        self._allow_private = allow_private
        self._wishes = frozenset(wishes)
        self._timeout = timeout
        self._make = client
        self._client: httpx2.AsyncClient | None = None

    async def notify(
        self,
        notification: Notification,
        content: Content,
        recipients: Sequence[Recipient],
        about_to_send: AboutToSend = proceed,
    ) -> Mapping[Recipient, DeliveryError | None]:
        """Post one message; see `Notifier.notify`."""
        (recipient,) = recipients
        target = await self._resolved(url_of(recipient.address))
        body = payload(notification, content, self._wishes)
        key = self._key()
        await about_to_send()
        # Signed last: the receiver compares the time with its own clock.
        headers = signed_headers(key, (notification.unique_id, recipient.address), body)
        reply = await self._post(target, headers, body)
        error = verdict(reply, target.name)
        if error is not None:
            raise error
        return {recipient: None}

    async def check(
        self, notification: Notification, content: Content, recipients: Sequence[Recipient]
    ) -> Mapping[Recipient, DeliveryError | None]:
        """See `Notifier.check`."""
        (recipient,) = recipients
        url = url_of(recipient.address)
        payload(notification, content, self._wishes)
        with suppress(Transient):  # a name: what it stands for is only known once it is looked up
            await self._resolved(url, flags=socket.AI_NUMERICHOST)
        return {recipient: None}

    async def close(self) -> None:
        """Let go of the connections; see `Notifier.close`."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def _key(self) -> bytes:
        try:
            return signing_key(self._secret())
        except ValueError as error:
            raise Unavailable(str(error)) from None

    async def _resolved(self, url: httpx2.URL, *, flags: int = 0) -> _WebhookTarget:
        """Where to connect. What is checked is what is connected to: a name that is looked up a
        second time may stand for another address by then (DNS rebinding)."""
        name = url.netloc.decode("ascii")
        try:
            async with asyncio.timeout(self._timeout):
                found = await asyncio.get_running_loop().getaddrinfo(
                    url.raw_host.decode("ascii"),
                    port_of(url),
                    type=socket.SOCK_STREAM,
                    flags=flags,
                )
        except (OSError, TimeoutError, UnicodeError):
            raise Transient(f"{name}: the host does not resolve", safe_to_repeat=True) from None
        addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
        for address in addresses:
            if not (self._allow_private or is_public(ip_address(address))):
                raise Permanent(
                    f"{name} stands for {address}, which is no public address; to allow such set"
                    f" {ALLOW_PRIVATE}=on",
                    reason=FailureReason.RECIPIENT_REFUSED,
                )
        return _WebhookTarget(url, addresses[:_MAX_ADDRESSES])

    async def _post(
        self, target: _WebhookTarget, headers: Mapping[str, str], body: bytes
    ) -> HttpReply:
        failure: DeliveryError = Transient(f"{target.name}: no address")
        for address in target.addresses:
            try:
                async with asyncio.timeout(_PATIENCE * self._timeout):
                    return await self._post_to(address, target.url, headers, body)
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                failure = Transient(
                    f"cannot connect to {target.name}: {_why(error)}", safe_to_repeat=True
                )
            except (httpx2.TimeoutException, TimeoutError):
                failure = InDoubt(f"{target.name} did not answer in time; it may have the message")
                break
            except httpx2.HTTPError:
                failure = InDoubt(f"{target.name} hung up unanswered; it may have the message")
                break
        raise failure  # out here, so that it leads back to nothing that holds the URL

    async def _post_to(
        self, address: str, url: httpx2.URL, headers: Mapping[str, str], body: bytes
    ) -> HttpReply:
        """The answer's head; a stranger's body is never read."""
        async with self._connected().stream(
            "POST",
            url.copy_with(host=address),
            headers={**_HEADERS, **headers, "Host": url.netloc.decode("ascii")},
            content=body,
            extensions={"sni_hostname": url.raw_host.decode("ascii")},
        ) as response:
            return HttpReply(response.status_code, response.headers, b"")

    def _connected(self) -> httpx2.AsyncClient:
        if self._client is None:
            self._client = self._make(
                timeout=httpx2.Timeout(self._timeout, pool=None),
                follow_redirects=False,
                trust_env=False,
                # Kept by address, a connection would be taken for another name's, whose
                # certificate was not checked.
                limits=httpx2.Limits(max_connections=100, max_keepalive_connections=0),
            )
        return self._client


def payload(notification: Notification, content: Content, wishes: Collection[str] = ()) -> bytes:
    """The body: a JSON object, the same bytes at each try from the same templates. Raises
    Permanent for what it cannot hold."""
    if notification.attachments:
        raise Permanent(
            "attachments: a webhook cannot carry files; put a link into the text",
            reason=FailureReason.CONTENT_REFUSED,
        )
    fields = {
        "id": notification.id,
        "template": notification.template,
        "subject": content.subject,
        "text": content.parts.get("text", ""),
        "metadata": {k: v for k, v in notification.metadata.items() if k not in wishes},
    }
    try:
        text = json.dumps(fields, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode()
    except ValueError:  # 1e999 is JSON, but no number; half a surrogate pair is no text
        raise Permanent(
            "a number or a character in text or metadata cannot be written as JSON",
            reason=FailureReason.CONTENT_REFUSED,
        ) from None


def verdict(reply: HttpReply, name: str) -> DeliveryError | None:
    """What an answer's status means for the message (RFC 9110 section 15); None: it is taken."""
    status = reply.status
    said = f"{name} answered {status}"
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return Permanent(
            f"{said}, a redirect, which is not followed: name the URL it leads to",
            reason=FailureReason.RECIPIENT_REFUSED,
        )
    wait = reply.retry_after
    if status in _NAMES_ITS_WAIT and wait:
        return Throttled(said, retry_after=wait)
    if status in _PASSING or not 400 <= status < 500:
        return Transient(said, retry_after=wait or None)
    if status in _OF_THE_URL:
        reason = FailureReason.RECIPIENT_REFUSED
        return Permanent(f"{said}: {_OF_THE_URL[status]}", reason=reason)
    return Permanent(f"{said}: it refuses this message", reason=FailureReason.CONTENT_REFUSED)


def _why(error: httpx2.TransportError) -> str:
    if isinstance(error, httpx2.ConnectTimeout):
        return "no connection in time"
    if "certificate" in str(error).lower():
        return "its certificate is not trusted"
    return short_text(error) or "the connection was refused"
