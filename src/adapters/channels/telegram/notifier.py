"""Telegram over the Bot API (https://core.telegram.org/bots/api)."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from adapters.channels.shared.attachments import AttachmentFolder
from adapters.channels.shared.checking import check_each
from adapters.channels.shared.http import HttpClient
from adapters.channels.shared.pong import Pong
from adapters.channels.shared.turns import SharedTurns
from adapters.channels.telegram.api import BotApi
from adapters.channels.telegram.delivery import Moves, TelegramDelivery, chat_of
from adapters.channels.telegram.limiter import Limiter, TelegramLimits
from adapters.channels.telegram.options import Options
from adapters.channels.telegram.plan import Plan, plan
from domain.content import Content
from domain.errors import DeliveryError, Unavailable
from domain.notification import Notification, Recipient
from domain.pace import PaceStore
from domain.ports import AboutToSend, proceed

_LARGE = 100_000


class TelegramNotifier:
    """Sends each recipient, a chat id or a public @name, the part `telegram`, else `text`."""

    one_by_one = True

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
        shared = None if paces is None else SharedTurns(paces, token)
        self._limiter = Limiter(limits, shared)
        self._moves = Moves()

    async def notify(
        self,
        notification: Notification,
        content: Content,
        recipients: Sequence[Recipient],
        about_to_send: AboutToSend = proceed,
    ) -> Mapping[Recipient, DeliveryError | None]:
        """Send to each recipient in turn; see `Notifier.notify`."""
        calls = await self._plan(notification, content)
        answers: dict[Recipient, DeliveryError | None] = {}
        for recipient in recipients:
            delivery = TelegramDelivery(self._api, self._limiter, self._moves, calls, about_to_send)
            try:
                await delivery.run(recipient)
                answers[recipient] = None
            except DeliveryError as error:
                concerns_all = isinstance(error, Unavailable) and not answers
                if len(recipients) == 1 or concerns_all:
                    raise
                answers[recipient] = error
        return answers

    async def _plan(self, notification: Notification, content: Content) -> Plan:
        options = Options.of(notification)
        files = await self._attachments.load(notification.attachments)
        size = sum(len(part) for part in content.parts.values())
        if size > _LARGE:  # other messages do not wait for it
            return await asyncio.to_thread(plan, content, files, options)
        return plan(content, files, options)

    async def ping(self) -> Pong:
        """Who we are to Telegram; nothing is sent. Raises DeliveryError."""
        return await self._api.ping()

    async def check(
        self, notification: Notification, content: Content, recipients: Sequence[Recipient]
    ) -> Mapping[Recipient, DeliveryError | None]:
        """See `Notifier.check`."""
        await self._plan(notification, content)
        return check_each(recipients, chat_of)

    async def close(self) -> None:
        """See `Notifier.close`."""
        await self._api.close()
