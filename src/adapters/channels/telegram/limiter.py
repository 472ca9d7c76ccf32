"""Telegram's limits, kept on our side, so that it need not refuse.

https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this: about one message
a second in a chat, twenty a minute in a group, thirty a second over all. They are windows here: a
token bucket would let twice its size through in the first period.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import structlog

from adapters.channels.shared.turns import SharedTurns
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


class Window:
    """At most `count` in any `period` seconds, and none sooner than `spacing` after another."""

    def __init__(self, count: int, period: float, spacing: float = 0.0) -> None:
        self._count = count
        self._period = period
        self._spacing = spacing
        self._sent: list[SentAt] = []
        self._last = -math.inf

    def note(self, now: float, sent: SentAt) -> None:
        """One leaves now."""
        self._last = now
        self._sent = [other for other in self._sent if other.by > now - self._period]
        self._sent.append(sent)

    def times(self) -> list[float]:
        """When those were counted that still count, in order."""
        return sorted(sent.by for sent in self._sent)

    def free_at(self) -> float:
        """When the next may leave; a time gone by: now."""
        return max(self._last + self._spacing, self._room_after(self.times()))

    def free_after(self, times: Sequence[float]) -> float:
        """The same, had these been the last."""
        after_last = times[-1] + self._spacing if times else -math.inf
        return max(after_last, self._room_after(times))

    def _room_after(self, times: Sequence[float]) -> float:
        is_full = len(times) >= self._count
        return times[-self._count] + self._period if is_full else -math.inf


class Gate:
    """What passes one by one: a chat's messages, or all of the bot's.

    `interval` (seconds): how far those handed back are set apart, so that they come back at the
    pace at which they can be sent.
    """

    def __init__(self, windows: Sequence[Window], interval: float) -> None:
        self.turn = asyncio.Lock()
        self.pending = 0
        self._windows = windows
        self._interval = interval
        self._paused_until = -math.inf
        self._next_return = -math.inf

    def note(self, now: float, sent: SentAt) -> None:
        for window in self._windows:
            window.note(now, sent)

    def is_paused(self, now: float) -> bool:
        return self._paused_until > now

    def pause(self, until: float) -> None:
        self._paused_until = max(self._paused_until, until)
        self._next_return = max(self._next_return, until)

    def free_at(self) -> float:
        return max(self._paused_until, *(window.free_at() for window in self._windows))

    def free_for_newcomer_at(self, now: float) -> float:
        """The same, behind all who wait already."""
        at = max(now, self.free_at())
        imagined = [window.times() for window in self._windows]
        for _ in range(self.pending):
            for times in imagined:
                times.append(at)
            pairs = zip(self._windows, imagined, strict=True)
            at = max(at, *(window.free_after(times) for window, times in pairs))
        return at

    def hand_back(self, now: float, until: float) -> Throttled:
        """An error that brings the message back when there is room for it."""
        at = max(until, self._next_return)
        self._next_return = at + self._interval
        wait = timedelta(seconds=at - now)
        return Throttled("telegram's limits leave no room for it yet", retry_after=wait)

    def is_idle(self, now: float) -> bool:
        return not self.pending and max(self.free_at(), self._next_return) <= now


class TelegramTurn:
    """A message's turn in its chat; while it lasts no other message goes there."""

    def __init__(
        self,
        chat: Gate,
        bot: Gate,
        longest_wait: float,
        shared: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`shared` waits for the turn among all processes of the bot."""
        self._chat = chat
        self._bot = bot
        self._longest_wait = longest_wait
        self._shared = shared

    @asynccontextmanager
    async def request(self) -> AsyncIterator[None]:
        """One request: waits until it may leave. Raises Throttled if that takes too long."""
        now = asyncio.get_running_loop().time
        await self._wait_for(self._chat)
        if self._shared is not None:
            await self._shared()
        self._bot.pending += 1
        try:
            async with self._bot.turn:
                await self._wait_for(self._bot)
                sent = SentAt(by=now() + _ON_ITS_WAY)
                self._bot.note(now(), sent)
        finally:
            self._bot.pending -= 1
        try:
            yield
        finally:
            sent.by = min(sent.by, now())
            self._chat.note(now(), SentAt(by=now()))

    async def _wait_for(self, gate: Gate) -> None:
        now = asyncio.get_running_loop().time
        while (wait := gate.free_at() - now()) > 0:
            if wait > self._longest_wait:
                raise gate.hand_back(now(), gate.free_at())
            await asyncio.sleep(wait)


class Limiter:
    """Lets requests through at the pace that Telegram allows: short waits here, long ones in the
    queue. One for a bot, in one event loop."""

    def __init__(
        self, limits: TelegramLimits | None = None, shared: SharedTurns | None = None
    ) -> None:
        """`shared`: the turns of all processes that send for this bot, if there are others."""
        self._limits = limits or TelegramLimits()
        self._shared = shared
        rate = self._limits.bot_per_second
        # Half the even spacing: what a busy moment held up can be made good, yet not in one burst.
        self._bot = Gate([Window(rate, 1.0, 0.5 / rate)], 1 / rate)
        self._chats: dict[int | str, Gate] = {}
        self._sweep_at = _MANY_CHATS
        self._refused: dict[int | str, tuple[float, float]] = {}  # chat -> when, for how long

    @asynccontextmanager
    async def turn(self, chat: int | str, requests: int) -> AsyncIterator[TelegramTurn]:
        """Wait for the turn of a message that takes so many requests. Raises Throttled at once
        where the wait would be too long."""
        loop = asyncio.get_running_loop()
        gate = self._gate(chat, loop.time())
        self._refuse_long_waits(gate, loop.time())
        gate.pending += requests
        try:
            try:
                async with asyncio.timeout(self._limits.longest_wait):
                    await gate.turn.acquire()
            except TimeoutError:
                until = max(gate.free_at(), loop.time() + self._limits.longest_wait)
                raise gate.hand_back(loop.time(), until) from None
            try:
                shared = None if self._shared is None else partial(self._share, self._shared, chat)
                yield TelegramTurn(gate, self._bot, self._limits.longest_wait, shared)
            finally:
                gate.turn.release()
        finally:
            gate.pending -= requests

    async def _share(self, shared: SharedTurns, chat: int | str) -> None:
        limits = self._limits
        budgets = (Rate(limits.group_per_minute, 60.0),) if _is_group(chat) else ()
        spacing = Spacing(interval=1 / limits.chat_per_second, budgets=budgets)
        await shared.wait(chat, spacing, limits.longest_wait)
        await shared.wait(_BOT, Spacing(interval=1 / limits.bot_per_second), limits.longest_wait)

    async def share_refusal(self, chat: int | str, wait: timedelta) -> None:
        """Telegram answered 429: the other processes leave this chat alone as well."""
        if self._shared is not None:
            await self._shared.pause(chat, wait)

    def refused(self, chat: int | str, wait: timedelta) -> None:
        """Telegram answered 429: nothing goes to this chat for so long. When several chats are
        refused at about the same time it is the bot that is too fast."""
        now = asyncio.get_running_loop().time()
        seconds = wait.total_seconds()
        self._gate(chat, now).pause(now + seconds)
        self._refused[chat] = (now, seconds)
        recent = {c: r for c, r in self._refused.items() if r[0] > now - _REFUSALS_WITHIN}
        self._refused = recent
        if len(recent) >= _DISTINCT_REFUSALS:
            # A longer wait among them may be that chat's own.
            shortest = min(seconds for _, seconds in recent.values())
            self._pause_bot(now, min(shortest, _LONGEST_BOT_PAUSE))

    def _pause_bot(self, now: float, seconds: float) -> None:
        if not self._bot.is_paused(now):
            log.warning("telegram asks the whole bot to wait", seconds=seconds)
        self._bot.pause(now + seconds)

    def _refuse_long_waits(self, gate: Gate, now: float) -> None:
        for one in (gate, self._bot):
            until = one.free_for_newcomer_at(now)
            if until - now > self._limits.longest_wait:
                raise one.hand_back(now, until)

    def _gate(self, chat: int | str, now: float) -> Gate:
        gate = self._chats.get(chat)
        if gate is None:
            if len(self._chats) >= self._sweep_at:
                self._chats = {c: g for c, g in self._chats.items() if not g.is_idle(now)}
                self._sweep_at = max(_MANY_CHATS, 2 * len(self._chats))
            gate = self._chats[chat] = self._new_gate(chat)
        return gate

    def _new_gate(self, chat: int | str) -> Gate:
        interval = 1 / self._limits.chat_per_second
        windows = [Window(1, interval)]
        if _is_group(chat):
            windows.append(Window(self._limits.group_per_minute, 60.0))
            interval = 60 / self._limits.group_per_minute
        return Gate(windows, interval)


def _is_group(chat: int | str) -> bool:
    return isinstance(chat, str) or chat < 0  # a public name is a group's or a channel's
