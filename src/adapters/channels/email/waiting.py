"""Mails that wait for a connection."""

import asyncio
from collections import deque
from contextlib import suppress

from adapters.channels.email.session import Session

Waiter = asyncio.Future[Session]


class WaitingLine:
    """In the order of asking, but for those that have lost a connection, which come first."""

    def __init__(self) -> None:
        self._first: deque[Waiter] = deque()
        self._others: deque[Waiter] = deque()

    def __len__(self) -> int:
        return len(self._first) + len(self._others)

    def join(self, *, first: bool) -> Waiter:
        """A place. `first`: it has lost a connection."""
        waiter: Waiter = asyncio.get_running_loop().create_future()
        (self._first if first else self._others).append(waiter)
        return waiter

    def leave(self, waiter: Waiter) -> None:
        """Wait no longer."""
        for line in (self._first, self._others):
            with suppress(ValueError):
                line.remove(waiter)

    def next(self, *, is_free: bool = True) -> Waiter | None:
        """Whoever is to be served now. Who has lost a connection gets a free one only."""
        for line in (self._first, self._others) if is_free else (self._others,):
            while line:
                waiter = line.popleft()
                if not waiter.done():
                    return waiter
        return None

    def fail(self, error: BaseException) -> None:
        """There is no connection for any of them."""
        while waiter := self.next():
            waiter.set_exception(error)
