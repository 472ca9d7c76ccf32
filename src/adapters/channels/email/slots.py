"""How many mails are under way to a relay at once."""

import asyncio
from collections import deque
from collections.abc import Callable


class Slots:
    """A mail has one while it is under way; the others wait in the order of asking."""

    def __init__(self, most: Callable[[], int]) -> None:
        """`most` is asked how many there are now."""
        self._most = most
        self._taken = 0
        self._waiters: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> None:
        if not self._waiters and self._taken < self._most():
            self._taken += 1
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        except BaseException:
            if waiter.done() and not waiter.cancelled():
                self._free()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._free()

    def _free(self) -> None:
        self._taken -= 1
        while self._waiters and self._taken < self._most():
            waiter = self._waiters.popleft()
            if not waiter.done():
                self._taken += 1
                waiter.set_result(None)
