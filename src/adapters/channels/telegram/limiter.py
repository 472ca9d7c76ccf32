"""Telegram's limits, kept on our side, so that it need not refuse; as windows, since a token bucket
would let twice its size through in the first period.

https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this: about one message
a second in a chat, twenty a minute in a group, thirty a second over all.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import structlog

from adapters.channels.shared.turns import SharedTurns, loop_time
from adapters.channels.telegram.channel import Chat
from domain.errors import Throttled
from domain.pace import Rate, Spacing

# Telegram counts a request somewhere between its leaving and its answer, and to be safe the latest
# moment is taken. An upload may take long, and the others cannot wait for it.
_ON_ITS_WAY = 1.0
_MANY_CHATS = 1000
_DISTINCT_REFUSALS = 3
_REFUSALS_WITHIN = 10.0
_LONGEST_BOT_PAUSE = 60.0
_BOT = "the bot"

Request = Callable[[], AbstractAsyncContextManager[None]]
"""Enter it for one request: it waits until that may leave, or raises Throttled."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TelegramLimits:
    """How much a bot may send. `longest_wait` (seconds): what would wait longer is handed back, so
    that a worker's hands are not full of messages for a few busy chats."""

    chat_per_second: float = 1.0
    group_per_minute: int = 20
    bot_per_second: int = 30
    longest_wait: float = 5.0


@dataclass(slots=True)
class SentAt:
    """A request; `by`: when Telegram has counted it at the latest."""

    by: float


class Gate:
    """What passes one by one, within the rates: a chat's messages, or all of the bot's.

    `spacing` (seconds): none leaves sooner after another. `interval`: how far those handed back are
    set apart, so that they come back at the pace at which they can be sent.
    """

    def __init__(self, rates: Sequence[Rate], interval: float, spacing: float = 0.0) -> None:
        self.turn = asyncio.Lock()
        self.pending = 0
        self._rates = rates
        self._interval = interval
        self._spacing = spacing
        self._sent: list[SentAt] = []
        self._last = -math.inf
        self._paused_until = -math.inf
        self._next_return = -math.inf

    def note(self, sent: SentAt) -> None:
        """A request leaves now."""
        self._last = loop_time()
        longest = max(rate.period for rate in self._rates)
        self._sent = [one for one in self._sent if one.by > self._last - longest]
        self._sent.append(sent)

    def is_paused(self) -> bool:
        """Whether a pause is not over yet."""
        return self._paused_until > loop_time()

    def pause(self, seconds: float) -> None:
        """Let nothing pass for so long."""
        until = loop_time() + seconds
        self._paused_until = max(self._paused_until, until)
        self._next_return = max(self._next_return, until)

    def free_at(self) -> float:
        """When the next may leave; a time gone by: now."""
        return max(self._paused_until, self._free_after(self._last, self._times()))

    def refuse_long_wait(self, longest: float) -> None:
        """Raise Throttled where one that comes now, behind all who wait already, would wait for
        longer."""
        at = max(loop_time(), self.free_at())
        times = self._times()
        for _ in range(self.pending):
            times.append(at)
            at = self._free_after(at, times)
        if at - loop_time() > longest:
            raise self.hand_back(at)

    def _times(self) -> list[float]:
        """When those were counted that may still count, in order."""
        return sorted(sent.by for sent in self._sent)

    def _free_after(self, last: float, times: Sequence[float]) -> float:
        """When there is room for one more, had these been the last."""
        full = [rate for rate in self._rates if len(times) >= rate.count]
        return max([last + self._spacing, *(times[-rate.count] + rate.period for rate in full)])

    async def wait(self, longest: float) -> None:
        """Wait until the next may leave. Raises Throttled where that takes longer."""
        while (wait := self.free_at() - loop_time()) > 0:
            if wait > longest:
                raise self.hand_back(self.free_at())
            await asyncio.sleep(wait)

    def hand_back(self, until: float) -> Throttled:
        """An error that brings the message back when there is room for it."""
        at = max(until, self._next_return)
        self._next_return = at + self._interval
        wait = timedelta(seconds=at - loop_time())
        return Throttled("telegram's limits leave no room for it yet", retry_after=wait)

    def is_idle(self) -> bool:
        """Whether it says nothing that a new one would not say."""
        return not self.pending and max(self.free_at(), self._next_return) <= loop_time()


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
        # Half the even spacing: what a busy moment held up can be made good, yet not in one burst.
        self._bot = Gate([Rate(rate, 1.0)], 1 / rate, 0.5 / rate)
        self._chats: dict[Chat, Gate] = {}
        self._sweep_at = _MANY_CHATS
        self._refused: dict[Chat, tuple[float, float]] = {}  # chat -> when, for how long

    @asynccontextmanager
    async def turn(self, chat: Chat, requests: int) -> AsyncIterator[Request]:
        """Wait for the turn of a message that takes so many requests; while it lasts no other
        message goes to its chat. Raises Throttled at once where the wait would be too long."""
        longest = self._limits.longest_wait
        gate = self._gate(chat)
        gate.refuse_long_wait(longest)
        self._bot.refuse_long_wait(longest)
        gate.pending += requests
        try:
            try:
                async with asyncio.timeout(longest):
                    await gate.turn.acquire()
            except TimeoutError:
                raise gate.hand_back(max(gate.free_at(), loop_time() + longest)) from None
            try:
                yield partial(self._request, gate, chat)
            finally:
                gate.turn.release()
        finally:
            gate.pending -= requests

    @asynccontextmanager
    async def _request(self, gate: Gate, chat: Chat) -> AsyncIterator[None]:
        since = loop_time()
        await gate.wait(self._limits.longest_wait)
        await self._shared_turn(chat)
        self._bot.pending += 1
        try:
            async with self._bot.turn:
                await self._bot.wait(self._limits.longest_wait)
                sent = SentAt(by=loop_time() + _ON_ITS_WAY)
                self._bot.note(sent)
        finally:
            self._bot.pending -= 1
        self._waited(sent.by - _ON_ITS_WAY - since)
        try:
            yield
        finally:
            sent.by = min(sent.by, loop_time())
            gate.note(SentAt(by=loop_time()))

    async def _shared_turn(self, chat: Chat) -> None:
        limits = self._limits
        budgets = (Rate(limits.group_per_minute, 60.0),) if _is_group(chat) else ()
        spacing = Spacing(interval=1 / limits.chat_per_second, budgets=budgets)
        await self._shared.wait(chat, spacing, limits.longest_wait)
        of_bot = Spacing(interval=1 / limits.bot_per_second)
        await self._shared.wait(_BOT, of_bot, limits.longest_wait)

    async def refused(self, chat: Chat, wait: timedelta) -> None:
        """Telegram answered 429: nothing goes to this chat for so long, from no process. When
        several chats are refused at about the same time it is the bot that is too fast."""
        now, seconds = loop_time(), wait.total_seconds()
        self._gate(chat).pause(seconds)
        self._refused[chat] = (now, seconds)
        recent = {c: r for c, r in self._refused.items() if r[0] > now - _REFUSALS_WITHIN}
        self._refused = recent
        if len(recent) >= _DISTINCT_REFUSALS:
            # A longer wait among them may be that chat's own.
            shortest = min(_LONGEST_BOT_PAUSE, *(seconds for _, seconds in recent.values()))
            if not self._bot.is_paused():
                log.warning("telegram asks the whole bot to wait", seconds=shortest)
            self._bot.pause(shortest)
        await self._shared.pause(chat, wait)

    def _gate(self, chat: Chat) -> Gate:
        gate = self._chats.get(chat)
        if gate is None:
            if len(self._chats) >= self._sweep_at:
                self._chats = {c: g for c, g in self._chats.items() if not g.is_idle()}
                self._sweep_at = max(_MANY_CHATS, 2 * len(self._chats))
            interval = 1 / self._limits.chat_per_second
            rates = [Rate(1, interval)]
            if _is_group(chat):
                rates.append(Rate(self._limits.group_per_minute, 60.0))
                interval = 60 / self._limits.group_per_minute
            gate = self._chats[chat] = Gate(rates, interval)
        return gate


def _is_group(chat: Chat) -> bool:
    return isinstance(chat, str) or chat < 0  # a public name is a group's or a channel's
