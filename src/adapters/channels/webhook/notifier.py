"""The webhook channel: signed JSON to the URL that a message names (Standard Webhooks 1.0.0)."""

import asyncio
import json
import socket
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from ipaddress import ip_address

import httpx2

from adapters.channels.shared.http import TIMEOUT, HttpClient, HttpReply
from adapters.channels.shared.one_by_one import OneByOneNotifier, refuse_files
from adapters.channels.webhook.signature import SECRET, signed_headers, signing_key
from adapters.channels.webhook.url import is_public, name_of, port_of, url_of
from domain.content import Content
from domain.errors import (
    DeliveryError,
    FailureReason,
    Permanent,
    Throttled,
    Transient,
    Unavailable,
)
from domain.notification import Notification, Recipient
from domain.ports import AboutToSend

ALLOW_PRIVATE = "DISPATCHER_WEBHOOK_ALLOW_PRIVATE"

_HEADERS = {"Content-Type": "application/json", "User-Agent": "Dispatcher"}
_MAX_ADDRESSES = 4

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


class WebhookNotifier(OneByOneNotifier):
    """Posts each message to its recipient's URL. Follows no redirect, uses no proxy.

    Each URL is a provider of its own: one that is down does not concern the others, so it never
    pauses the channel.
    """

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
        channels, and is left out. `timeout`: seconds for a connection, and for an answer. `client`
        makes the HTTP client at the first request.

        Raises ValueError, naming the variable, when the secret is invalid.
        """
        signing_key(secret())
        self._secret = secret
        self._allow_private = allow_private
        self._wishes = frozenset(wishes)
        self._timeout = timeout
        self._http = HttpClient(
            "the receiver",
            timeout=timeout,
            client=client,
            reads_answers=False,  # they are a stranger's
            trust_env=False,
            # Kept by address, a connection would be taken for another name's, whose certificate was
            # not checked.
            limits=httpx2.Limits(max_connections=100, max_keepalive_connections=0),
        )

    async def send(
        self,
        notification: Notification,
        content: Content,
        recipient: Recipient,
        about_to_send: AboutToSend,
    ) -> None:
        """Post one message; see `OneByOneNotifier.send`."""
        url = url_of(recipient.address)
        addresses = await self._resolved(url)
        body = payload(notification, content, self._wishes)
        key = self._key()
        await about_to_send()
        # Signed last: the receiver compares the time with its own clock.
        headers = signed_headers(key, (notification.unique_id, recipient.address), body)
        reply = await self._post(url, addresses, {**_HEADERS, **headers}, body)
        if error := verdict(reply, name_of(url)):
            raise error

    async def refuse(
        self, notification: Notification, content: Content, recipient: Recipient
    ) -> None:
        url = url_of(recipient.address)
        payload(notification, content, self._wishes)
        with suppress(Transient):  # a name: what it stands for is only known once it is looked up
            await self._resolved(url, flags=socket.AI_NUMERICHOST)

    async def close(self) -> None:
        """Let go of the connections; see `Notifier.close`."""
        await self._http.close()

    def _key(self) -> bytes:
        try:
            return signing_key(self._secret())
        except ValueError as error:
            raise Unavailable(str(error)) from None

    async def _resolved(self, url: httpx2.URL, *, flags: int = 0) -> list[str]:
        """The addresses to connect to. What is checked is what is connected to: a name that is
        looked up a second time may stand for another address by then (DNS rebinding)."""
        host, loop = url.raw_host.decode("ascii"), asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout):
                found = await loop.getaddrinfo(
                    host, port_of(url), type=socket.SOCK_STREAM, flags=flags
                )
        except (OSError, TimeoutError, UnicodeError):
            text = f"{name_of(url)}: the host does not resolve"
            raise Transient(text, safe_to_repeat=True) from None
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        for address in addresses:
            if not (self._allow_private or is_public(ip_address(address))):
                raise Permanent(
                    f"{name_of(url)} stands for {address}, which is no public address; to allow"
                    f" such set {ALLOW_PRIVATE}=on",
                    reason=FailureReason.RECIPIENT_REFUSED,
                )
        return addresses[:_MAX_ADDRESSES]

    async def _post(
        self, url: httpx2.URL, addresses: Sequence[str], headers: Mapping[str, str], body: bytes
    ) -> HttpReply:
        """Post to the first address that can be connected to."""
        failure = Transient(f"{name_of(url)}: no address")
        for address in addresses:
            try:
                return await self._http.post(
                    url.copy_with(host=address),
                    provider=name_of(url),
                    headers={**headers, "Host": name_of(url)},
                    content=body,
                    extensions={"sni_hostname": url.raw_host.decode("ascii")},
                )
            except Unavailable as error:
                failure = Transient(str(error), safe_to_repeat=True)
        raise failure  # out here, so that it leads back to nothing that holds the URL


def payload(notification: Notification, content: Content, wishes: Collection[str] = ()) -> bytes:
    """The body: a JSON object, the same bytes at each try from the same templates. Raises
    Permanent for what it cannot hold."""
    refuse_files(notification, "a webhook")
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
