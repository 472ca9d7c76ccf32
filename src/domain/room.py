"""A bound on how many bytes are worked on at once."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from domain.notification import Attachment

_COPIES = 5
"""What an attachment takes while it is sent, in copies of itself: in base64, in the whole mail, in
what waits for the network."""


class Room:
    """Holds so many bytes. What is larger than all of it goes alone; whoever waits longest goes
    first."""

    def __init__(self, size: int) -> None:
        """`size` in bytes."""
        self._size = size
        self._free = size
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def hold(self, size: int) -> AsyncIterator[None]:
        """Wait until there is room for `size` bytes, and take it while this is entered."""
        need = min(size, self._size)
        if self._waiting or need > self._free:
            await self._wait(need)
        else:
            self._free -= need
        try:
            yield
        finally:
            self._give_back(need)

    async def _wait(self, need: int) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((need, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._waiting = deque(one for one in self._waiting if one[1] is not turn)
                self._give_back(0)  # those behind it may fit
            else:
                self._give_back(need)
            raise

    def _give_back(self, size: int) -> None:
        self._free += size
        while self._waiting and self._waiting[0][0] <= self._free:
            need, turn = self._waiting.popleft()
            if not turn.done():
                self._free -= need
                turn.set_result(None)


class AttachmentRoom:
    """Room for the attachments that are under way, also for those that are read from files only
    when their turn has come."""

    def __init__(self, size: int, size_of: Callable[[Sequence[str]], Awaitable[int]]) -> None:
        """`size` in bytes. `size_of`: bytes of the files of these paths."""
        self._room = Room(size)
        self._size_of = size_of

    @asynccontextmanager
    async def for_files(self, attachments: Sequence[Attachment]) -> AsyncIterator[None]:
        """Wait until there is room for all of them, and take it while this is entered."""
        size = sum(len(file.content or b"") for file in attachments)
        if paths := [file.path for file in attachments if file.path is not None]:
            size += await self._size_of(paths)
        async with self._room.hold(size * _COPIES):
            yield
