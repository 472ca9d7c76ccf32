"""The notifier: one request to the carrier for each message."""

from collections.abc import Callable

from adapters.channels.carrier.channel import check_number
from adapters.channels.finding import Finding, clock_findings
from adapters.channels.shared.http import (
    TIMEOUT,
    HttpClient,
    HttpReply,
    error_of_status,
)
from adapters.channels.shared.one_by_one import OneByOneNotifier, refuse_files
from domain.content import Content
from domain.errors import (
    DeliveryError,
    FailureReason,
    Permanent,
    Unavailable,
)
from domain.notification import Notification, Recipient
from domain.ports import AboutToSend


class CarrierNotifier(OneByOneNotifier):
    """Sends to one telephone number at a time."""

    def __init__(
        self,
        *,
        url: Callable[[], str],
        token: Callable[[], str],
        sender: str,
        timeout: float = TIMEOUT,
    ) -> None:
        self._url = url
        self._token = token
        self._sender = sender
        self._http = HttpClient("the carrier", timeout=timeout)

    async def send(
        self,
        notification: Notification,
        content: Content,
        recipient: Recipient,
        about_to_send: AboutToSend,
    ) -> None:
        """See `OneByOneNotifier.send`."""
        await self.refuse(notification, content, recipient)
        text = content.parts.get("carrier") or content.parts.get("text", "")
        body = {"from": self._sender, "to": recipient.address, "text": text.strip()}
        headers = self._signed()
        await about_to_send()
        reply = await self._http.post(self._at("messages"), headers=headers, json=body)
        if error := verdict(reply):
            raise error

    async def refuse(
        self, notification: Notification, content: Content, recipient: Recipient
    ) -> None:
        """See `OneByOneNotifier.refuse`."""
        check_number(recipient.address)
        refuse_files(notification, "a text message")

    async def ping(self) -> list[Finding]:
        """Ask whose token it is. Raises DeliveryError."""
        reply = await self._http.post(self._at("account"), headers=self._signed())
        if error := verdict(reply):
            raise error
        account = reply.json().get("account")
        return [Finding("carrier", f"we are {account}"), *clock_findings("the carrier", reply)]

    async def close(self) -> None:
        """See `Notifier.close`."""
        await self._http.close()

    def _at(self, path: str) -> str:
        return f"{self._url().rstrip('/')}/{path}"

    def _signed(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token()}"}


def verdict(reply: HttpReply) -> DeliveryError | None:
    """What the carrier's answer means for the message; None: it has taken it."""
    text = f"the carrier answered {reply.status}"  # its own words may repeat the message
    match reply.status:
        case 200 | 201 | 202:
            return None
        case 401 | 403:
            return Unavailable(f"{text}; check DISPATCHER_CARRIER_TOKEN", is_login=True)
        case 404:
            return Permanent(text, reason=FailureReason.RECIPIENT_REFUSED)
        case 400 | 422:
            return Permanent(text, reason=FailureReason.CONTENT_REFUSED)
        case _:  # 429 with its wait, 5xx, and what a proxy says
            return error_of_status(reply, text)
