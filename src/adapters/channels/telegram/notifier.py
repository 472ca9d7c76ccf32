"""Telegram over the Bot API (https://core.telegram.org/bots/api)."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from adapters.channels.finding import Finding, clock_findings
from adapters.channels.shared.attachments import AttachmentFolder
from adapters.channels.shared.http import HttpClient, HttpReply
from adapters.channels.shared.one_by_one import OneByOneNotifier
from adapters.channels.shared.recent import Recent
from adapters.channels.shared.turns import SharedTurns
from adapters.channels.telegram.channel import Chat, chat_of
from adapters.channels.telegram.limiter import Limiter, Request, TelegramLimits
from adapters.channels.telegram.plan import Call, Options, Plan, plan
from adapters.channels.telegram.replies import Moved, Unreadable, verdict
from domain.content import Content
from domain.errors import DeliveryError, Throttled, Unavailable
from domain.notification import Notification, Recipient
from domain.pace import PaceStore
from domain.ports import AboutToSend

_LARGE = 100_000
_MOVES_REMEMBERED = 1000
_TOKEN = re.compile(r"[A-Za-z0-9:_-]+")

log = structlog.get_logger(__name__)


class TelegramNotifier(OneByOneNotifier):
    """Sends each recipient, a chat id or a public @name, the part `telegram`, else `text`: call by
    call, from where an earlier try stopped. The only place that knows the token."""

    def __init__(
        self,
        *,
        token: Callable[[], str],
        api_url: str,
        attachments_dir: Path | None = None,
        attachments_most: int | None = None,
        limits: TelegramLimits | None = None,
        client: HttpClient | None = None,
        paces: PaceStore | None = None,
    ) -> None:
        """`token` is asked at each request, since its file may change while we run. `paces` is
        shared with the other processes that send for this bot. `attachments_most`: see
        `AttachmentFolder`."""
        self._token = token
        self._url = api_url.rstrip("/")
        self._http = client or HttpClient("telegram")
        self._attachments = AttachmentFolder(attachments_dir, attachments_most)
        self._limiter = Limiter(limits, SharedTurns(paces, token))
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
        reply = await self._http.post(f"{self._url}/bot{token}/{method}", **body)
        error = verdict(reply, (token,))
        if isinstance(error, Unavailable):
            error.changed = changed
        return reply, error
