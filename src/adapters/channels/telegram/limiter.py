"""Telegram's limits, kept on our side, so that it need not refuse; as windows, since a token bucket
would let twice its size through in the first period.

https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this: about one message
a second in a chat, twenty a minute in a group, thirty a second over all.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from functools import partial

import structlog

from adapters.channels.shared.turns import Gate, SharedTurns, loop_time
from adapters.channels.telegram.channel import Chat
from domain.pace import Rate, Spacing
from domain.value_object import value_object

# Telegram counts a request somewhere between its leaving and its answer, and to be safe the latest
# moment is taken. An upload may take long, and the others cannot wait for it.
_ON_ITS_WAY = 1.0
_DISTINCT_REFUSALS = 3
_REFUSALS_WITHIN = 10.0
_LONGEST_BOT_PAUSE = 60.0
_BOT = "the bot"
_NO_ROOM = "telegram's limits leave no room for it yet"

Request = Callable[[], AbstractAsyncContextManager[None]]
"""Enter it for one request: it waits until that may leave, or raises Throttled."""

log = structlog.get_logger(__name__)


@value_object(kw_only=True)
class TelegramLimits:
    """How much a bot may send. `longest_wait` (seconds): what would wait longer is handed back, so
    that a worker's hands are not full of messages for a few busy chats."""

    chat_per_second: float = 1.0
    group_per_minute: int = 20
    bot_per_second: int = 30
    longest_wait: float = 5.0


class Limiter:
    """Lets requests through at the pace that Telegram allows: short waits here, long ones in the
    queue. One for a bot, in one event loop."""

    def __init__(
        self,
        limits: TelegramLimits | None = None,
        shared: SharedTurns | None = None,
        waited: Callable[[float], None] = lambda _: None,
    ) -> None:
        """`shared`: the turns of all processes that send for this bot, if there are others.
        `waited` is called with the seconds that a request waited for its turn."""
        self._waited = waited
        self._limits = limits or TelegramLimits()
        self._shared = shared or SharedTurns(None, str)
        rate = self._limits.bot_per_second
        self._evenly = Spacing(interval=1 / rate)
        # Half the even spacing: what a busy moment held up can be made good, yet not in one burst.
        self._bot = Gate(Spacing(interval=0.5 / rate, budgets=(Rate(rate, 1.0),)), _NO_ROOM)
        self._refused: dict[Chat, tuple[float, float]] = {}  # chat -> when, for how long

    @asynccontextmanager
    async def turn(self, chat: Chat, requests: int) -> AsyncIterator[Request]:
        """Wait for the turn of a message that takes so many requests; while it lasts no other
        message goes to its chat. Raises Throttled at once where the wait would be too long."""
        gate, longest = self._gate(chat), self._limits.longest_wait
        gate.refuse_long_wait(loop_time() + longest)
        self._bot.refuse_long_wait(loop_time() + longest)
        async with gate.turn(requests, longest):
            yield partial(self._request, gate, chat)

    @asynccontextmanager
    async def _request(self, gate: Gate, chat: Chat) -> AsyncIterator[None]:
        since, longest = loop_time(), self._limits.longest_wait
        await gate.wait(since + longest)
        await self._shared.wait(chat, gate.spacing, longest)
        await self._shared.wait(_BOT, self._evenly, longest)
        async with self._bot.turn():
            await self._bot.wait(loop_time() + longest)
            left = self._bot.take()
            counted = self._bot.recount(left, left + _ON_ITS_WAY)
        self._waited(left - since)
        try:
            yield
        finally:
            self._bot.recount(counted, min(counted, loop_time()))
            gate.take()

    async def refused(self, chat: Chat, wait: timedelta) -> None:
        """Telegram answered 429: nothing goes to this chat for so long, from no process. When
        several chats are refused at about the same time it is the bot that is too fast."""
        now, seconds = loop_time(), wait.total_seconds()
        self._gate(chat).pause(now + seconds)
        self._refused[chat] = (now, seconds)
        self._refused = {c: r for c, r in self._refused.items() if r[0] > now - _REFUSALS_WITHIN}
        if len(self._refused) >= _DISTINCT_REFUSALS:
            # A longer wait among them may be that chat's own.
            shortest = min(_LONGEST_BOT_PAUSE, *(seconds for _, seconds in self._refused.values()))
            if not self._bot.is_paused():
                log.warning("telegram asks the whole bot to wait", seconds=shortest)
            self._bot.pause(now + shortest)
        await self._shared.pause(chat, wait)

    def _gate(self, chat: Chat) -> Gate:
        is_group = isinstance(chat, str) or chat < 0  # a public name is a group's or a channel's
        budgets = (Rate(self._limits.group_per_minute, 60.0),) if is_group else ()
        spacing = Spacing(interval=1 / self._limits.chat_per_second, budgets=budgets)
        return self._shared.gate(chat, spacing, _NO_ROOM)
