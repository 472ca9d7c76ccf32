"""A line in which those with the lowest number come first, one at a time."""

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Line:
    """Like a lock, but for the order: a number, not the time of asking, says who is next."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._is_taken = False

    @asynccontextmanager
    async def first(self, number: int) -> AsyncIterator[None]:
        """Wait until all with a lower number have gone."""
        await self._come_first(number)
        try:
            yield
        finally:
            self._let_next()

    async def _come_first(self, number: int) -> None:
        if not self._is_taken:
            self._is_taken = True
            return
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (number, ready))
        try:
            await ready
        except BaseException:
            if ready.done() and not ready.cancelled():
                self._let_next()
            raise

    def _let_next(self) -> None:
        while self._waiting:
            _, ready = heapq.heappop(self._waiting)
            if not ready.done():
                ready.set_result(None)
                return
        self._is_taken = False
