"""Telegram over the Bot API (https://core.telegram.org/bots/api), and what its answers mean.

Their shape: https://core.telegram.org/bots/api#making-requests. The descriptions are not
documented; these are the ones that the Bot API server has (https://github.com/tdlib/telegram-bot-api).
"""

import asyncio
import re
from collections.abc import Callable, Collection
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog

from adapters.channels.finding import Finding, clock_findings
from adapters.channels.shared.attachments import AttachmentFolder
from adapters.channels.shared.http import (
    UNNAMED_WAIT,
    HttpClient,
    HttpReply,
    error_of_status,
)
from adapters.channels.shared.one_by_one import OneByOneNotifier
from adapters.channels.shared.recent import Recent
from adapters.channels.shared.turns import SharedTurns
from adapters.channels.telegram.channel import Chat, chat_of
from adapters.channels.telegram.limiter import Limiter, Request, TelegramLimits
from adapters.channels.telegram.plan import Call, Options, Plan, plan
from adapters.texts import short_text
from domain.content import Content
from domain.errors import (
    DeliveryError,
    FailureReason,
    Permanent,
    Throttled,
    Transient,
    Unavailable,
)
from domain.events import TurnAwaited
from domain.notification import JsonValue, Notification, Recipient
from domain.pace import PaceStore
from domain.ports import AboutToSend, EventSink, NoObserver

_LARGE = 100_000
_MOVES_REMEMBERED = 1000
_TOKEN = re.compile(r"[A-Za-z0-9:_-]+")
# Said of a chat, a person or a topic in answer to a 400; anything else is said of the message.
_ABOUT_THE_RECIPIENT = re.compile(
    r"chat not found|user not found|channel not found|peer_id_invalid|chat_id_invalid"
    r"|deactivated|kicked|blocked|not a member|channel_private|chat_restricted"
    r"|(?:have no|not enough) rights|administrator rights|chat_admin_required"
    r"|chat_write_forbidden|chat_(?:send|guest)_\w*forbidden|can't initiate|user_is_bot"
    r"|thread not found|topic_(?:closed|deleted|id_invalid)|upgraded to a supergroup"
)
_INVALID_RECIPIENT = re.compile(r"chat_id is empty|chat identifier is not specified")
_ADDRESS = re.compile(r"\S*://\S*")  # a link may be as secret as a password

log = structlog.get_logger(__name__)


class Moved(Permanent):
    """The group has become another chat, `to`; nothing was sent. The text is shown where the new
    chat has moved again."""

    def __init__(self, to: int) -> None:
        text = "telegram: the chat has moved to one that has moved as well"
        super().__init__(text, reason=FailureReason.RECIPIENT_REFUSED)
        self.to = to


class Unreadable(Permanent):
    """Telegram cannot parse the markup; nothing was sent."""


class TelegramNotifier(OneByOneNotifier):
    """Sends each recipient, a chat id or a public @name, the part `telegram`, else `text`: call by
    call, from where an earlier try stopped. The only place that knows the token."""

    def __init__(
        self,
        *,
        token: Callable[[], str],
        api_url: Callable[[], str],
        attachments_dir: Path | None = None,
        attachments_most: int | None = None,
        limits: TelegramLimits | None = None,
        client: HttpClient | None = None,
        paces: PaceStore | None = None,
        events: EventSink | None = None,
    ) -> None:
        """`token` and `api_url` are asked at each request, since they may change while we run.
        `paces` is shared with the other processes that send for this bot. `attachments_most`: see
        `AttachmentFolder`. `events` gets waits for a turn."""
        self._token = token
        self._api_url = api_url
        self._http = client or HttpClient("telegram")
        self._attachments = AttachmentFolder(attachments_dir, attachments_most)
        events = events or NoObserver()
        self._limiter = Limiter(
            limits,
            SharedTurns(paces, token),
            lambda seconds: events.emit(TurnAwaited("telegram", seconds)),
        )
        self._moves = Recent[Chat, int](_MOVES_REMEMBERED)

    async def send(
        self,
        notification: Notification,
        content: Content,
        recipient: Recipient,
        about_to_send: AboutToSend,
    ) -> None:
        """Send what is not sent yet; see `OneByOneNotifier.send`. The error knows where to go
        on."""
        calls = await self._plan(notification, content)
        chat = chat_of(recipient.address)
        chat = self._moves.get(chat, chat)
        calls.resume(recipient.resume)
        try:
            try:
                await self._send_rest(calls, chat, about_to_send)
            except Moved as moved:
                log.warning("telegram chat has a new id", old=chat, new=moved.to)
                self._moves[chat] = moved.to
                await self._send_rest(calls, moved.to, about_to_send)
        except DeliveryError as error:
            if calls.done or recipient.resume:
                error.resume = calls.token(calls.done)
            raise

    async def refuse(
        self, notification: Notification, content: Content, recipient: Recipient
    ) -> None:
        await self._plan(notification, content)
        chat_of(recipient.address)

    async def ping(self) -> list[Finding]:
        """Ask for the bot's name (https://core.telegram.org/bots/api#getme); nothing is sent.
        Raises DeliveryError."""
        reply, error = await self._post("getMe")
        if error is not None:
            raise error
        bot = reply.json().get("result")
        name = bot.get("username") if isinstance(bot, dict) else "a bot"
        return [Finding("telegram", f"we are @{name}"), *clock_findings("Telegram", reply)]

    async def close(self) -> None:
        await self._http.close()

    async def _plan(self, notification: Notification, content: Content) -> Plan:
        options = Options.of(notification)
        files = await self._attachments.load(notification.attachments)
        size = sum(map(len, content.parts.values()))
        if size > _LARGE:  # other messages do not wait for it
            return await asyncio.to_thread(plan, content, files, options)
        return plan(content, files, options)

    async def _send_rest(self, calls: Plan, chat: Chat, about_to_send: AboutToSend) -> None:
        """Make the calls that are not made yet; `about_to_send` is awaited before the first
        request alone."""

        async def make(request: Request, call: Call, *, is_plain: bool = False) -> None:
            async with request():
                if not calls.is_announced:
                    await about_to_send()
                    calls.is_announced = True
                _, error = await self._post(call.method, **call.form(chat, is_plain=is_plain))
            if isinstance(error, Throttled):
                await self._limiter.refused(chat, error.retry_after)
            if error is not None:
                raise error

        rest = calls.calls[calls.done :]
        async with self._limiter.turn(chat, len(rest)) as request:
            for call in rest:
                try:
                    await make(request, call)
                except Unreadable as error:
                    if not calls.allows_plain:
                        raise
                    text = "telegram cannot parse a text, it goes without markup"
                    log.warning(text, error=str(error))
                    await make(request, call, is_plain=True)
                calls.done += 1

    async def _post(self, method: str, **body: Any) -> tuple[HttpReply, DeliveryError | None]:
        """The answer, and what it refuses. Raises Unavailable if nothing was sent, InDoubt if that
        is not known."""
        token = self._token()

        def changed() -> bool:  # no partial, whose repr would hold the token
            return self._token() != token

        if not _TOKEN.fullmatch(token):
            text = "telegram: the bot's token is not a token: set DISPATCHER_TELEGRAM_TOKEN"
            raise Unavailable(text, is_login=True, changed=changed)
        url = f"{self._api_url().rstrip('/')}/bot{token}/{method}"
        reply = await self._http.post(url, **body)
        error = verdict(reply, (token,))
        if isinstance(error, Unavailable):
            error.changed = changed
        return reply, error


def verdict(reply: HttpReply, secrets: Collection[str]) -> DeliveryError | None:
    """What became of the request: None if it was done. No error holds one of the `secrets`."""
    answer = reply.json()
    if answer.get("ok") is True:
        return None
    code = answer.get("error_code")
    if not isinstance(answer.get("ok"), bool) or not isinstance(code, int):
        text = f"telegram: status {reply.status} in an answer that is not the Bot API's"
        return error_of_status(reply, text)
    description = short_text(
        _ADDRESS.sub("…", str(answer.get("description") or code)), secrets=secrets
    )
    parameters = answer.get("parameters")
    parameters = parameters if isinstance(parameters, dict) else {}
    new_chat = parameters.get("migrate_to_chat_id")
    if isinstance(new_chat, int):
        return Moved(new_chat)
    if code == 429:
        wait = _wait(parameters.get("retry_after"), reply)
        return Throttled(f"telegram: {description}", retry_after=wait)
    return _error(code, description)


def _error(code: int, description: str) -> DeliveryError:
    text = f"telegram: {description}"
    lower = description.lower()
    if code in {401, 404} or "logged out" in lower:
        return Unavailable(f"{text} (is the bot's token right?)", is_login=True)
    if code == 409:
        return Unavailable(f"{text} (is the bot's token used elsewhere?)")
    if code >= 500:
        return Transient(text, provider_fault=True)
    if code == 403 or _ABOUT_THE_RECIPIENT.search(lower):
        return Permanent(text, reason=FailureReason.RECIPIENT_REFUSED)
    if _INVALID_RECIPIENT.search(lower):
        return Permanent(text, reason=FailureReason.RECIPIENT_INVALID)
    kind = Unreadable if "can't parse" in lower else Permanent
    return kind(text, reason=FailureReason.CONTENT_REFUSED)


def _wait(seconds: JsonValue, reply: HttpReply) -> timedelta:
    if isinstance(seconds, int | float) and 0 < seconds < 10**8:
        return timedelta(seconds=seconds)
    return reply.retry_after or UNNAMED_WAIT
