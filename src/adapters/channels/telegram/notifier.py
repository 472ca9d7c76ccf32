"""Telegram over the Bot API (https://core.telegram.org/bots/api)."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from adapters.channels.finding import Finding
from adapters.channels.shared.attachments import AttachmentFolder
from adapters.channels.shared.http import HttpClient
from adapters.channels.shared.one_by_one import OneByOneNotifier
from adapters.channels.shared.recent import Recent
from adapters.channels.shared.turns import SharedTurns
from adapters.channels.telegram.api import BotApi
from adapters.channels.telegram.delivery import TelegramDelivery, chat_of
from adapters.channels.telegram.limiter import Chat, Limiter, TelegramLimits
from adapters.channels.telegram.options import Options
from adapters.channels.telegram.plan import Plan, plan
from domain.content import Content
from domain.notification import Notification, Recipient
from domain.pace import PaceStore
from domain.ports import AboutToSend

_LARGE = 100_000
_MOVES_REMEMBERED = 1000


class TelegramNotifier(OneByOneNotifier):
    """Sends each recipient, a chat id or a public @name, the part `telegram`, else `text`."""

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
        self._api = BotApi(client or HttpClient("telegram"), api_url, token)
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
        """See `OneByOneNotifier.send`."""
        calls = await self._plan(notification, content)
        delivery = TelegramDelivery(self._api, self._limiter, self._moves, calls, about_to_send)
        await delivery.run(recipient)

    async def _plan(self, notification: Notification, content: Content) -> Plan:
        options = Options.of(notification)
        files = await self._attachments.load(notification.attachments)
        size = sum(len(part) for part in content.parts.values())
        if size > _LARGE:  # other messages do not wait for it
            return await asyncio.to_thread(plan, content, files, options)
        return plan(content, files, options)

    async def ping(self) -> list[Finding]:
        """Who we are to Telegram; nothing is sent. Raises DeliveryError."""
        return await self._api.ping()

    async def refuse(
        self, notification: Notification, content: Content, recipient: Recipient
    ) -> None:
        """See `OneByOneNotifier.refuse`."""
        await self._plan(notification, content)
        chat_of(recipient.address)

    async def close(self) -> None:
        """See `Notifier.close`."""
        await self._api.close()
