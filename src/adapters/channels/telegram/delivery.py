"""One recipient's messages, call by call, from where an earlier try stopped."""

import re

import structlog

from adapters.channels.shared.recent import Recent
from adapters.channels.telegram.api import BotApi
from adapters.channels.telegram.limiter import Chat, Limiter, Request
from adapters.channels.telegram.plan import Call, Plan
from adapters.channels.telegram.replies import Moved, Unreadable
from domain.errors import DeliveryError, FailureReason, Permanent, Throttled
from domain.notification import Recipient
from domain.ports import AboutToSend

# Ids have up to 52 significant bits (https://core.telegram.org/bots/api#chat).
_ID = re.compile(r"-?[1-9][0-9]{0,15}")
_NAME = re.compile(r"@[A-Za-z][A-Za-z0-9_]{3,31}")

log = structlog.get_logger(__name__)


def chat_of(address: str) -> Chat:
    """A chat's id or public @name. Raises Permanent if it is neither."""
    if _ID.fullmatch(address):
        return int(address)
    if _NAME.fullmatch(address):
        return address
    raise Permanent(
        "telegram: the recipient is neither a chat id nor a public @name",
        reason=FailureReason.RECIPIENT_INVALID,
    )


class TelegramDelivery:
    """`about_to_send` is awaited once, before the first request. `moves`: chats that have become
    others."""

    def __init__(
        self,
        api: BotApi,
        limiter: Limiter,
        moves: Recent[Chat, int],
        plan: Plan,
        about_to_send: AboutToSend,
    ) -> None:
        self._api = api
        self._limiter = limiter
        self._moves = moves
        self._plan = plan
        self._about_to_send = about_to_send
        self._done = 0
        self._is_announced = False

    async def run(self, recipient: Recipient) -> None:
        """Send what is not sent yet. Raises DeliveryError, which knows where to go on."""
        chat = chat_of(recipient.address)
        chat = self._moves.get(chat, chat)
        self._done = self._plan.done(recipient.resume)
        try:
            try:
                await self._send_rest(chat)
            except Moved as moved:
                log.warning("telegram chat has a new id", old=chat, new=moved.to)
                self._moves[chat] = moved.to
                await self._send_rest(moved.to)
        except DeliveryError as error:
            if self._done or recipient.resume:
                error.resume = self._plan.token(self._done)
            raise

    async def _send_rest(self, chat: Chat) -> None:
        calls = self._plan.calls[self._done :]
        async with self._limiter.turn(chat, len(calls)) as request:
            for call in calls:
                try:
                    await self._make(request, call, chat)
                except Unreadable as error:
                    if not self._plan.allows_plain:
                        raise
                    log.warning(
                        "telegram cannot parse a text, it goes without markup", error=str(error)
                    )
                    await self._make(request, call, chat, is_plain=True)
                self._done += 1

    async def _make(
        self, request: Request, call: Call, chat: Chat, *, is_plain: bool = False
    ) -> None:
        async with request():
            if not self._is_announced:
                await self._about_to_send()
                self._is_announced = True
            error = await self._api.call(call, chat, is_plain=is_plain)
        if isinstance(error, Throttled):
            await self._limiter.refused(chat, error.retry_after)
        if error is not None:
            raise error
