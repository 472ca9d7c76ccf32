"""The pace of Slack: about one message a second to a channel, and none while it says to wait.

https://docs.slack.dev/apis/web-api/rate-limits
"""

import math
from collections.abc import Callable
from datetime import timedelta

from adapters.channels.shared.turns import Gate, SharedTurns, loop_time
from domain.pace import Spacing


class SlackPace:
    """The turns of each channel, and the pauses that Slack asked for.

    `burst` messages may go at once, then `per_second`. `patience`: the longest wait in seconds
    that is spent in here; what would wait longer is put off, each to a moment of its own.
    """

    def __init__(
        self,
        *,
        per_second: float = 1.0,
        burst: int = 4,
        patience: float = 10.0,
        shared: SharedTurns | None = None,
        waited: Callable[[float], None] = lambda _: None,
    ) -> None:
        """`shared`: the turns of all processes with this account, if there are others. `waited` is
        called with the seconds that a turn was waited for."""
        self._waited = waited
        self._shared = shared or SharedTurns(None, str)
        self._spacing = Spacing(interval=1 / per_second, burst=burst)
        self._patience = patience
        self._asked: dict[str, float] = {}  # channel -> until when Slack asked to wait
        self._all_paused_until = -math.inf

    async def turn(self, channel: str) -> None:
        """Wait until `channel` takes a message. Raises Throttled when the wait is too long."""
        since = loop_time()
        gate, until = self._gate(channel), since + self._patience
        gate.pause(self._all_paused_until)
        gate.refuse_long_wait(until)
        async with gate.turn():
            await gate.wait(until)
            gate.take()
        await self._shared.wait(channel, self._spacing, self._patience)
        self._waited(loop_time() - since)

    async def pause(self, channel: str, wait: timedelta) -> None:
        """Slack said to wait: all processes keep to it. Said of a second channel meanwhile, it is
        meant for all of them: the reply does not say whether the limit is the channel's or the
        workspace's."""
        now = loop_time()
        until = now + wait.total_seconds()
        self._gate(channel).pause(until)
        self._asked = {name: at for name, at in self._asked.items() if at > now}
        self._asked[channel] = max(until, self._asked.get(channel, until))
        if len(self._asked) > 1:
            self._all_paused_until = max(self._all_paused_until, until)
            for gate in self._shared.gates.values():
                gate.pause(until)
        # After it one at a time, as here.
        await self._shared.pause(channel, wait + timedelta(seconds=self._spacing.headstart))

    def _gate(self, channel: str) -> Gate:
        return self._shared.gate(
            channel,
            self._spacing,
            "a channel takes about one message a second, and others are before this one",
            "Slack asked to wait, and others are before this one",
        )
