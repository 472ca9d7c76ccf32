"""A breaker pauses work while what it needs is away, so that no message pays for it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from domain.errors import DispatcherError, Unavailable
from domain.ports import Clock

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0

_T = TypeVar("_T")


class Breaker:
    """Lets calls through while the other side answers; else holds them and probes with one.

    Pauses double from `FIRST_PAUSE` to `LONGEST_PAUSE` seconds: an outage costs the other side
    one probe per pause, and recovery is noticed within the longest.
    """

    def __init__(
        self,
        clock: Clock,
        on_change: Callable[[str | None], None],
        trips_on: type[DispatcherError] = Unavailable,
    ) -> None:
        """`on_change` hears the error's text each time the breaker opens or a probe fails, and None
        when it closes. `trips_on` is the error that says the other side is away."""
        self._trips_on = trips_on
        self._clock = clock
        self._on_change = on_change
        self._pause = 0.0
        self._probing = asyncio.Lock()

    def is_open(self) -> bool:
        """Whether the channel is paused."""
        return self._pause > 0

    async def call(
        self, send: Callable[[], Awaitable[_T]], check: Callable[[], None] = lambda: None
    ) -> _T:
        """Run `send`; while the other side is away, wait and repeat. Any other end is returned.

        `check` is asked before each try; what it raises ends the call and says nothing about the
        other side.
        """
        while True:
            if not self.is_open():
                check()
                try:
                    return await send()
                except self._trips_on as error:
                    self._trip(error)
            else:
                async with self._probing:
                    if not self.is_open():
                        continue
                    await self._clock.sleep(self._pause)
                    check()
                    try:
                        result = await send()
                    except self._trips_on as error:
                        self._open(error)
                        continue
                    except DispatcherError:  # the other side answers, whatever it says
                        self._close()
                        raise
                    self._close()
                    return result

    def _trip(self, error: DispatcherError) -> None:
        if self._pause == 0:  # of many calls in flight only the first opens it
            self._open(error)

    def _open(self, error: DispatcherError) -> None:
        self._pause = min(self._pause * 2 or FIRST_PAUSE, LONGEST_PAUSE)
        self._on_change(str(error))

    def _close(self) -> None:
        self._pause = 0.0
        self._on_change(None)
