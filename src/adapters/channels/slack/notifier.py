"""The notifier: whom, what, when, and what Slack made of it."""

import json
from collections.abc import Callable, Mapping, Sequence

from adapters.channels.shared.checking import check_each
from adapters.channels.shared.http import TIMEOUT, HttpClient, HttpReply
from adapters.channels.shared.pong import Pong
from adapters.channels.shared.turns import SharedTurns
from adapters.channels.slack.message import message_of
from adapters.channels.slack.pace import SlackPace
from adapters.channels.slack.people import People, is_email
from adapters.channels.slack.verdicts import Verdicts
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
from domain.notification import JsonValue, Notification, Recipient
from domain.pace import PaceStore
from domain.ports import AboutToSend, EventSink, NoObserver, proceed

API_URL = "https://slack.com/api/"
LOOK_UPS_PER_SECOND = 50 / 60
LOOK_UP_BURST = 10
"""Tier 3 of https://docs.slack.dev/apis/web-api/rate-limits: 50 a minute, bursts welcome."""

_POST = "chat.postMessage"
_WHO = "auth.test"
_LOOK_UP = "users.lookupByEmail"
_WEBHOOK = "the webhook"


class SlackNotifier:
    """Posts to a channel or a person with a token, else to the one channel of a webhook.

    There is no idempotency key: `client_msg_id` is for Slack's own clients
    (https://github.com/slackapi/java-slack-sdk/issues/852), so a repeat is a second message.
    """

    one_by_one = True

    def __init__(
        self,
        *,
        token: Callable[[], str | None],
        webhook_url: Callable[[], str | None],
        api_url: str = API_URL,
        events: EventSink | None = None,
        pace: SlackPace | None = None,
        timeout: float = TIMEOUT,
        paces: PaceStore | None = None,
    ) -> None:
        """`token` and `webhook_url` are asked before each call, since they may change; where there
        are both the token is used. `events` gets codes of Slack that are in no table.
        `timeout` is in seconds. `paces` is shared with the other processes of this account."""
        self._token = token
        self._webhook_url = webhook_url
        self._api_url = api_url.rstrip("/") + "/"
        shared = None if paces is None else SharedTurns(paces, self._account)
        self._pace = pace or SlackPace(shared=shared)
        self._http = HttpClient("Slack", timeout=timeout)
        self._people = People(self._look_up)
        self._look_up_pace = SlackPace(
            per_second=LOOK_UPS_PER_SECOND, burst=LOOK_UP_BURST, shared=shared
        )
        self._verdicts = Verdicts(events or NoObserver(), self._secrets)

    def _account(self) -> str:
        return self._token() or self._webhook_url() or ""

    async def notify(
        self,
        notification: Notification,
        content: Content,
        recipients: Sequence[Recipient],
        about_to_send: AboutToSend = proceed,
    ) -> Mapping[Recipient, DeliveryError | None]:
        """Send each recipient a message of their own; see `Notifier.notify`.

        What concerns the only recipient is raised. Waits up to ten seconds for the channel's turn.
        """
        answers: dict[Recipient, DeliveryError | None] = dict.fromkeys(recipients)
        for recipient in recipients:
            secrets = self._secrets()
            try:
                await self._tell(notification, content, recipient, about_to_send)
            except DeliveryError as error:
                if isinstance(error, Unavailable):
                    error.changed = self._difference_from(secrets)
                if len(recipients) == 1:
                    raise
                answers[recipient] = error
        return answers

    async def ping(self) -> Pong:
        """Who we are to Slack, by the token (https://docs.slack.dev/reference/methods/auth.test);
        nothing is sent. Raises DeliveryError."""
        reply = await self._http.post(self._api_url + _WHO, headers=self._authorization())
        if error := self._verdicts.of_method(reply):
            raise error
        answer = reply.json()
        return Pong.of(f"{answer.get('user')} in {answer.get('team')}", reply)

    async def check(
        self, notification: Notification, content: Content, recipients: Sequence[Recipient]
    ) -> Mapping[Recipient, DeliveryError | None]:
        """See `Notifier.check`."""
        message_of(notification, content)
        if not self._token():  # a webhook has one channel; `to` is only a label
            return dict.fromkeys(recipients)
        return check_each(recipients, is_email)

    async def close(self) -> None:
        """See `Notifier.close`."""
        await self._http.close()

    async def _tell(
        self,
        notification: Notification,
        content: Content,
        recipient: Recipient,
        about_to_send: AboutToSend,
    ) -> None:
        message = message_of(notification, content)
        if self._token():
            await self._post(recipient.address, message, about_to_send)
        elif self._webhook_url():
            await self._post_to_webhook(message, about_to_send)
        else:
            raise Unavailable("there is neither a token for Slack nor a webhook's address")

    async def _post(
        self, address: str, message: Mapping[str, JsonValue], about_to_send: AboutToSend
    ) -> None:
        is_person = is_email(address)
        channel = await self._people.id_of(address) if is_person else address
        await self._pace.turn(channel)
        headers = {**self._authorization(), **_JSON}
        body = _bytes({**message, "channel": channel})
        await about_to_send()
        reply = await self._http.post(self._api_url + _POST, headers=headers, content=body)
        error = self._verdicts.of_method(reply)
        if isinstance(error, Throttled):
            self._pace.pause(channel, error.retry_after)
            await self._pace.share_pause(channel, error.retry_after)
        elif is_person and _refuses_recipient(error):
            self._people.forget(address)
        if error is not None:
            raise error

    async def _post_to_webhook(
        self, message: Mapping[str, JsonValue], about_to_send: AboutToSend
    ) -> None:
        await self._pace.turn(_WEBHOOK)
        await about_to_send()
        reply = await self._http.post(
            self._webhook_url() or "", headers=_JSON, content=_bytes(message)
        )
        error = self._verdicts.of_webhook(reply)
        if isinstance(error, Throttled):
            self._pace.pause(_WEBHOOK, error.retry_after)
            await self._pace.share_pause(_WEBHOOK, error.retry_after)
        if error is not None:
            raise error

    async def _look_up(self, email: str) -> str:
        """The id of the user with this address. Nothing is sent yet, so nothing is in doubt."""
        await self._look_up_pace.turn(_LOOK_UP)
        user = None
        error: DeliveryError | None
        try:
            reply = await self._http.post(
                self._api_url + _LOOK_UP, headers=self._authorization(), form={"email": email}
            )
            error = self._verdicts.of_method(reply)
            user = _user_id(reply)
        except InDoubt as unanswered:
            error = unanswered
        if isinstance(error, Throttled):
            self._look_up_pace.pause(_LOOK_UP, error.retry_after)
            await self._look_up_pace.share_pause(_LOOK_UP, error.retry_after)
        if isinstance(error, InDoubt) or (error is None and user is None):
            error = Transient(
                "Slack did not say who has this address", safe_to_repeat=True, provider_fault=True
            )
        if error is not None:
            raise error
        return user or ""

    def _authorization(self) -> dict[str, str]:
        token = self._token() or ""
        if not (token.isascii() and token.isprintable()):
            raise Unavailable("DISPATCHER_SLACK_TOKEN is no token: it holds what no header can")
        return {"Authorization": f"Bearer {token}"}

    def _difference_from(self, known: list[str]) -> Callable[[], bool]:
        return lambda: self._secrets() != known

    def _secrets(self) -> list[str]:
        return [self._token() or "", self._webhook_url() or ""]


_JSON = {"Content-Type": "application/json; charset=utf-8"}


def _bytes(message: Mapping[str, JsonValue]) -> bytes:
    return json.dumps(message).encode("ascii")


def _user_id(reply: HttpReply) -> str | None:
    user = reply.json().get("user")
    found = user.get("id") if isinstance(user, Mapping) else None
    return found if isinstance(found, str) else None


def _refuses_recipient(error: DeliveryError | None) -> bool:
    return isinstance(error, Permanent) and error.reason is FailureReason.RECIPIENT_REFUSED
