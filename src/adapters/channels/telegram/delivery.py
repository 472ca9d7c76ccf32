"""One recipient's messages, call by call, from where an earlier try stopped."""

import re
from collections import OrderedDict

import structlog

from adapters.channels.telegram.api import BotApi
from adapters.channels.telegram.limiter import Limiter, TelegramTurn
from adapters.channels.telegram.plan import Call, Plan
from adapters.channels.telegram.replies import Moved, Unreadable, Verdict
from domain.errors import DeliveryError, FailureReason, Permanent, Throttled
from domain.notification import Recipient
from domain.ports import AboutToSend

# Ids have up to 52 significant bits (https://core.telegram.org/bots/api#chat).
_ID = re.compile(r"-?[1-9][0-9]{0,15}")
_NAME = re.compile(r"@[A-Za-z][A-Za-z0-9_]{3,31}")
_MOVES_REMEMBERED = 1000

log = structlog.get_logger(__name__)


def chat_of(address: str) -> int | str:
    """A chat's id or public @name. Raises Permanent if it is neither."""
    if _ID.fullmatch(address):
        return int(address)
    if _NAME.fullmatch(address):
        return address
    raise Permanent(
        "telegram: the recipient is neither a chat id nor a public @name",
        reason=FailureReason.RECIPIENT_INVALID,
    )


class Moves:
    """Groups that have become other chats, the latest of them."""

    def __init__(self) -> None:
        self._chats: OrderedDict[int | str, int] = OrderedDict()

    def now(self, chat: int | str) -> int | str:
        return self._chats.get(chat, chat)

    def remember(self, old: int | str, new: int) -> None:
        self._chats[old] = new
        if len(self._chats) > _MOVES_REMEMBERED:
            self._chats.popitem(last=False)


class TelegramDelivery:
    """`about_to_send` is awaited once, before the first request."""

    def __init__(
        self,
        api: BotApi,
        limiter: Limiter,
        moves: Moves,
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
        chat = self._moves.now(chat_of(recipient.address))
        self._done = self._plan.done(recipient.resume)
        try:
            moved = await self._send_rest(chat)
            if moved is not None:
                log.warning("telegram chat has a new id", old=chat, new=moved.to)
                self._moves.remember(chat, moved.to)
                await self._send_after_move(moved.to)
        except DeliveryError as error:
            if self._done or recipient.resume:
                error.resume = self._plan.token(self._done)
            raise

    async def _send_after_move(self, chat: int) -> None:
        if await self._send_rest(chat) is not None:
            text = "telegram: the chat has moved to one that has moved as well"
            raise Permanent(text, reason=FailureReason.RECIPIENT_REFUSED)

    async def _send_rest(self, chat: int | str) -> Moved | None:
        calls = self._plan.calls[self._done :]
        async with self._limiter.turn(chat, len(calls)) as turn:
            for call in calls:
                result = await self._try(turn, call, chat)
                if isinstance(result, Moved):
                    return result
                if result is not None:
                    raise result
                self._done += 1
        return None

    async def _try(
        self, turn: TelegramTurn, call: Call, chat: int | str
    ) -> DeliveryError | Moved | None:
        result = await self._request(turn, call, chat)
        if isinstance(result, Unreadable) and self._plan.allows_plain:
            log.warning(
                "telegram cannot parse a text, it goes without markup", error=str(result.error)
            )
            result = await self._request(turn, call, chat, is_plain=True)
        if isinstance(result, Throttled):
            self._limiter.refused(chat, result.retry_after)
            await self._limiter.share_refusal(chat, result.retry_after)
        return result.error if isinstance(result, Unreadable) else result

    async def _request(
        self, turn: TelegramTurn, call: Call, chat: int | str, *, is_plain: bool = False
    ) -> Verdict:
        async with turn.request():
            if not self._is_announced:
                await self._about_to_send()
                self._is_announced = True
            return await self._api.call(call, chat, is_plain=is_plain)
