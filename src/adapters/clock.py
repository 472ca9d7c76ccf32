"""The system's clock, whose waits end when the process is asked to stop."""

import asyncio
from datetime import UTC, datetime
from functools import partial


class SystemClock:
    """Wall time in UTC; `stop` ends every wait, so that waiting messages are handed back."""

    def __init__(self) -> None:
        self._stopping = asyncio.Event()

    now = staticmethod(partial(datetime.now, UTC))
    """The current time, aware, in UTC."""

    async def sleep(self, seconds: float) -> None:
        """Wait. Raises CancelledError once `stop` was called: the work is not done."""
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return
        raise asyncio.CancelledError

    def stop(self) -> None:
        """End all waits, now and later."""
        self._stopping.set()
