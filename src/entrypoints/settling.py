"""A watchdog: messages are in hand, no trouble is known, and no message is settled."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from adapters.inbound.in_hand import InHand
from domain.events import SETTLEMENT, TroubleBegan, TroubleEnded
from domain.ports import EventSink
from entrypoints.background import in_background

PERIOD = 120.0
"""Seconds. Whatever holds a message longer on purpose is a pause; all other waits are shorter: the
end of an exact wait (10 s) and the turns of a paced provider (60 s)."""

_LOOKS = 24  # in one period


class SettlementWatch:
    """Reports when no message was settled for a whole period, and again when one is."""

    def __init__(
        self,
        in_hand: InHand,
        *,
        is_paused: Callable[[], bool],
        events: EventSink,
        period: float = PERIOD,
    ) -> None:
        """`is_paused`: whether a known trouble keeps messages in hand. `period` is in seconds."""
        self._in_hand = in_hand
        self._is_paused = is_paused
        self._events = events
        self._period = period
        self._settled = in_hand.settled
        self._waited = 0.0
        self._is_stalled = False

    def at_work(self) -> AbstractAsyncContextManager[None]:
        """Look now and then while this is entered."""
        return in_background(self._keep_looking())

    async def _keep_looking(self) -> None:
        pause = self._period / _LOOKS
        while True:
            await asyncio.sleep(pause)
            # Looks are counted, not time: a process that was stopped has not been stalled.
            self.look(pause)

    def look(self, waited: float) -> None:
        """Look once, `waited` seconds after the last time."""
        hand = self._in_hand
        if hand.count and hand.settled == self._settled and not self._is_paused():
            self._waited += waited
            if self._waited >= self._period and not self._is_stalled:
                self._is_stalled = True
                error = (
                    f"{hand.count} messages are in hand and no message was settled for"
                    f" {self._period:g} seconds"
                )
                self._events.emit(TroubleBegan(SETTLEMENT, error))
            return
        self._settled = hand.settled
        self._waited = 0.0
        if self._is_stalled:
            self._is_stalled = False
            self._events.emit(TroubleEnded(SETTLEMENT))
