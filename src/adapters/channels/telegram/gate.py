"""The limits of a chat and of a bot, as windows: a token bucket would let twice its size through in
the first period."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from adapters.channels.shared.turns import loop_time
from domain.errors import Throttled


@dataclass(slots=True)
class SentAt:
    """A request; `by`: when Telegram has counted it at the latest."""

    by: float


class Window:
    """At most `count` in any `period` seconds, and none sooner than `spacing` after another."""

    def __init__(self, count: int, period: float, spacing: float = 0.0) -> None:
        self.spacing = spacing
        self._count = count
        self._period = period
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
        return max(self._last + self.spacing, self.room_after(self.times()))

    def room_after(self, times: Sequence[float]) -> float:
        """When there is room for one more, had these been the last."""
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

    def note(self, sent: SentAt) -> None:
        """A request leaves now."""
        for window in self._windows:
            window.note(loop_time(), sent)

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
        return max(self._paused_until, *(window.free_at() for window in self._windows))

    def refuse_long_wait(self, longest: float) -> None:
        """Raise Throttled where one that comes now, behind all who wait already, would wait for
        longer."""
        at = max(loop_time(), self.free_at())
        imagined = [(window, window.times()) for window in self._windows]
        for _ in range(self.pending):
            for _window, times in imagined:
                times.append(at)
            at = max(max(at + w.spacing, w.room_after(times)) for w, times in imagined)
        if at - loop_time() > longest:
            raise self.hand_back(at)

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
