"""What is done again and again, and the watchdog on settlement."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from inspect import isawaitable

import structlog

from adapters.inbound.in_hand import InHand
from domain.events import SETTLEMENT, TroubleBegan, TroubleEnded
from domain.ports import EventSink

TICK = 0.5
"""Seconds between looks that cost nothing. An edit of a template must show within a second."""

PERIOD = 120.0
"""Seconds. Whatever holds a message longer on purpose is a pause; all other waits are shorter: the
end of an exact wait (10 s) and the turns of a paced provider (60 s)."""

HOPELESS = 600.0
"""Seconds without a settlement, as in `PERIOD`, after which a restart is the better bet."""

_LAST_WORD = 5.0  # seconds for what is cancelled to put its things back

log = structlog.get_logger()


@asynccontextmanager
async def repeated(
    work: Callable[[], object],
    pause: float,
    *,
    fault: str = "background work failed",
    at_end: Callable[[], object] = lambda: None,
    patience: float = 0.0,
) -> AsyncIterator[None]:
    """Call `work`, which may return an awaitable, every `pause` seconds while this is entered.
    What it raises ends nothing and is logged as a `fault`, once until the work succeeds again. At
    the end, what is under way and then `at_end` have `patience` seconds before they are
    cancelled."""
    ending = asyncio.Event()

    async def keep() -> None:
        is_failing = False
        while not ending.is_set():
            is_failing = not await _succeeds(work, "" if is_failing else fault)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await ending.wait()
        await _succeeds(at_end, fault)

    task = asyncio.create_task(keep())
    try:
        yield
    finally:
        ending.set()
        await asyncio.wait([task], timeout=patience)
        task.cancel()
        await asyncio.wait([task], timeout=_LAST_WORD)


async def _succeeds(work: Callable[[], object], fault: str) -> bool:
    try:
        result = work()
        if isawaitable(result):
            await result
    except Exception:  # the mails go on without it, but not in silence
        if fault:
            log.exception(fault)
        return False
    return True


def when(found: Callable[[], object], do: Callable[[], object]) -> Callable[[], None]:
    """What looks, and does something where the look has found something."""

    def look() -> None:
        if found():
            do()

    return look


class SettlementWatch:
    """Reports when no message was settled for a whole period, although messages are in hand and no
    trouble is known, and again when one is."""

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

    def standstill(self) -> str:
        """Say for how long no message was settled, once that is hopeless; else an empty text."""
        if self._waited < HOPELESS:
            return ""
        return f"messages are in hand and no message was settled for {self._waited:.0f} seconds"

    def look(self, waited: float = TICK) -> None:
        """Look once, `waited` seconds after the last time. Looks are counted, not time: a process
        that was stopped has not been stalled."""
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
