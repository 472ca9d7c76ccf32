"""The notifier: one post to Slack for each recipient, at Slack's pace."""

import json
from collections.abc import Callable, Mapping
from functools import partial

from adapters.channels.finding import Finding, clock_findings
from adapters.channels.shared.http import TIMEOUT, HttpClient
from adapters.channels.shared.one_by_one import OneByOneNotifier
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
from domain.events import TurnAwaited
from domain.notification import JsonValue, Notification, Recipient
from domain.pace import PaceStore
from domain.ports import AboutToSend, EventSink, NoObserver

API_URL = "https://slack.com/api/"
LOOK_UPS_PER_SECOND = 50 / 60
# Tier 3 of https://docs.slack.dev/apis/web-api/rate-limits: 50 a minute, bursts welcome.
_LOOK_UP_BURST = 10

_POST = "chat.postMessage"
_WHO = "auth.test"
_LOOK_UP = "users.lookupByEmail"
_WEBHOOK = "the webhook"
_JSON = {"Content-Type": "application/json; charset=utf-8"}


class SlackNotifier(OneByOneNotifier):
    """Posts to a channel or a person with a token, else to the one channel of a webhook.

    There is no idempotency key: `client_msg_id` is for Slack's own clients
    (https://github.com/slackapi/java-slack-sdk/issues/852), so a repeat is a second message.
    """

    def __init__(
        self,
        *,
        token: Callable[[], str | None],
        webhook_url: Callable[[], str | None],
        api_url: Callable[[], str] = lambda: API_URL,
        events: EventSink | None = None,
        pace: SlackPace | None = None,
        timeout: float = TIMEOUT,
        paces: PaceStore | None = None,
    ) -> None:
        """`token`, `webhook_url` and `api_url` are asked before each call, since they may change;
        where there are token and webhook the token is used. `events` gets codes of Slack that are
        in no table, and waits for a turn. `timeout` is in seconds. `paces` is shared with the other
        processes of this account."""
        self._token = token
        self._webhook_url = webhook_url
        self._api_url = api_url
        turns = partial(SharedTurns, paces, lambda: token() or webhook_url() or "")
        events = events or NoObserver()
        self._pace = pace or SlackPace(
            shared=turns(), waited=lambda seconds: events.emit(TurnAwaited("slack", seconds))
        )
        self._http = HttpClient("Slack", timeout=timeout)
        self._people = People(self._look_up)
        self._look_up_pace = SlackPace(
            per_second=LOOK_UPS_PER_SECOND, burst=_LOOK_UP_BURST, shared=turns()
        )
        self._verdicts = Verdicts(events, self._secrets)

    async def send(
        self,
        notification: Notification,
        content: Content,
        recipient: Recipient,
        about_to_send: AboutToSend,
    ) -> None:
        """Send one message; see `OneByOneNotifier.send`. Waits up to ten seconds for the channel's
        turn."""
        secrets = self._secrets()
        message = message_of(notification, content)
        try:
            if self._token():
                await self._post(recipient.address, message, about_to_send)
            else:
                await self._post_to_webhook(message, about_to_send)
        except Unavailable as error:
            error.changed = lambda: self._secrets() != secrets
            raise

    async def ping(self) -> list[Finding]:
        """Who we are to Slack, by the token (https://docs.slack.dev/reference/methods/auth.test);
        nothing is sent. Raises DeliveryError."""
        if not self._token():
            return [
                Finding("slack", "has a webhook, which cannot be asked anything without posting")
            ]
        reply = await self._http.post(self._url(_WHO), headers=self._authorization())
        if error := self._verdicts.of_method(reply):
            raise error
        answer = reply.json()
        name = f"we are {answer.get('user')} in {answer.get('team')}"
        return [Finding("slack", name), *clock_findings("Slack", reply)]

    async def refuse(
        self, notification: Notification, content: Content, recipient: Recipient
    ) -> None:
        message_of(notification, content)
        if self._token():  # a webhook has one channel; `to` is only a label
            is_email(recipient.address)

    async def close(self) -> None:
        await self._http.close()

    async def _post(
        self, address: str, message: Mapping[str, JsonValue], about_to_send: AboutToSend
    ) -> None:
        is_person = is_email(address)
        channel = await self._people.id_of(address) if is_person else address
        await self._pace.turn(channel)
        headers = {**self._authorization(), **_JSON}
        body = _bytes({**message, "channel": channel})
        await about_to_send()
        reply = await self._http.post(self._url(_POST), headers=headers, content=body)
        error = self._verdicts.of_method(reply)
        is_refused = (
            isinstance(error, Permanent) and error.reason is FailureReason.RECIPIENT_REFUSED
        )
        if is_person and is_refused:
            self._people.forget(address)
        await _heed(error, self._pace, channel)

    async def _post_to_webhook(
        self, message: Mapping[str, JsonValue], about_to_send: AboutToSend
    ) -> None:
        await self._pace.turn(_WEBHOOK)
        if not (url := self._webhook_url()):
            raise Unavailable("there is neither a token for Slack nor a webhook's address")
        await about_to_send()
        reply = await self._http.post(url, headers=_JSON, content=_bytes(message))
        await _heed(self._verdicts.of_webhook(reply), self._pace, _WEBHOOK)

    async def _look_up(self, email: str) -> str:
        """The id of the user with this address. Nothing is sent yet, so nothing is in doubt."""
        await self._look_up_pace.turn(_LOOK_UP)
        unknown = Transient(
            "Slack did not say who has this address", safe_to_repeat=True, provider_fault=True
        )
        headers = self._authorization()
        try:
            reply = await self._http.post(
                self._url(_LOOK_UP), headers=headers, form={"email": email}
            )
            await _heed(self._verdicts.of_method(reply), self._look_up_pace, _LOOK_UP)
        except InDoubt:
            raise unknown from None
        user = reply.json().get("user")
        found = user.get("id") if isinstance(user, Mapping) else None
        if not isinstance(found, str):
            raise unknown
        return found

    def _url(self, method: str) -> str:
        return f"{self._api_url().rstrip('/')}/{method}"

    def _authorization(self) -> dict[str, str]:
        token = self._token() or ""
        if not (token.isascii() and token.isprintable()):
            raise Unavailable("DISPATCHER_SLACK_TOKEN is no token: it holds what no header can")
        return {"Authorization": f"Bearer {token}"}

    def _secrets(self) -> list[str]:
        return [self._token() or "", self._webhook_url() or ""]


async def _heed(error: DeliveryError | None, pace: SlackPace, channel: str) -> None:
    """Raise what Slack refuses with; a wait that it asks for is kept to by all who share the
    pace."""
    if isinstance(error, Throttled):
        await pace.pause(channel, error.retry_after)
    if error is not None:
        raise error


def _bytes(message: Mapping[str, JsonValue]) -> bytes:
    return json.dumps(message).encode("ascii")
