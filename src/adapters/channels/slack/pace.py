"""The pace of Slack: about one message a second to a channel, and none while it says to wait.

https://docs.slack.dev/apis/web-api/rate-limits
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from adapters.channels.shared.turns import SharedTurns, loop_time
from domain.errors import Throttled
from domain.pace import Spacing

PER_SECOND = 1.0
BURST = 4
PATIENCE = 10.0
_MOST_LANES = 1024


@dataclass(slots=True)
class _Lane:
    """One channel, all times in seconds of the clock. `next_turn` moves on by the interval with
    every message; a burst may run ahead of it."""

    next_turn: float = 0.0
    paused_until: float = 0.0
    last_put_off: float = 0.0

    @property
    def busy_until(self) -> float:
        return max(self.next_turn, self.paused_until, self.last_put_off)


class SlackPace:
    """A token bucket for each channel, and the pauses that Slack asked for.

    `burst` messages may go at once, then `per_second`. `patience`: the longest wait in seconds
    that is spent in here; what would wait longer is put off, each to a moment of its own.
    """

    def __init__(
        self,
        *,
        per_second: float = PER_SECOND,
        burst: int = BURST,
        patience: float = PATIENCE,
        shared: SharedTurns | None = None,
        waited: Callable[[float], None] = lambda _: None,
    ) -> None:
        """`shared`: the turns of all processes with this account, if there are others. `waited` is
        called with the seconds that a turn was waited for."""
        self._waited = waited
        self._shared = shared or SharedTurns(None, str)
        self._spacing = Spacing(interval=1 / per_second, burst=burst)
        self._interval = 1 / per_second
        self._headstart = (burst - 1) / per_second
        self._patience = patience
        self._lanes: dict[str, _Lane] = {}
        self._all_paused_until = 0.0

    async def turn(self, channel: str) -> None:
        """Wait until `channel` takes a message. Raises Throttled when the wait is too long."""
        since = loop_time()
        while True:
            lane = self._lane(channel)
            paused_until = max(lane.paused_until, self._all_paused_until)
            ready = max(lane.next_turn - self._headstart, paused_until)
            now = loop_time()
            if ready - since > self._patience:
                raise self._put_off(lane, ready, now, is_paused=paused_until > now)
            # After a pause one at a time: Slack has just said that a burst is too much.
            earliest = paused_until + self._headstart if paused_until > now else now
            lane.next_turn = max(lane.next_turn, earliest) + self._interval
            if ready > now:
                await asyncio.sleep(ready - now)
            if max(lane.paused_until, self._all_paused_until) <= loop_time():
                break
        await self._shared.wait(channel, self._spacing, self._patience)
        self._waited(loop_time() - since)

    async def pause(self, channel: str, wait: timedelta) -> None:
        """Slack said to wait: all processes keep to it. Said of a second channel meanwhile, it is
        meant for all of them: the reply does not say whether the limit is the channel's or the
        workspace's."""
        now = loop_time()
        until = now + wait.total_seconds()
        lane = self._lane(channel)
        others = (one for one in self._lanes.values() if one is not lane)
        if any(one.paused_until > now for one in others):
            self._all_paused_until = max(self._all_paused_until, until)
        lane.paused_until = max(lane.paused_until, until)
        # After it one at a time, as here.
        await self._shared.pause(channel, wait + timedelta(seconds=self._headstart))

    def _put_off(self, lane: _Lane, ready: float, now: float, *, is_paused: bool) -> Throttled:
        lane.last_put_off = max(lane.last_put_off + self._interval, ready)
        why = "Slack asked to wait" if is_paused else "a channel takes about one message a second"
        return Throttled(
            f"{why}, and others are before this one",
            retry_after=timedelta(seconds=lane.last_put_off - now),
        )

    def _lane(self, channel: str) -> _Lane:
        if channel not in self._lanes:
            if len(self._lanes) >= _MOST_LANES:
                now = loop_time()
                self._lanes = {k: one for k, one in self._lanes.items() if one.busy_until > now}
            self._lanes[channel] = _Lane()
        return self._lanes[channel]
