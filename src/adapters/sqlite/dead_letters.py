"""Looks at what is dead in the embedded queue."""

from collections.abc import Callable

from adapters.inbound.contract import Decide, InboundMessage, not_told
from adapters.sqlite.queue import SqliteQueue


class SqliteDeadLetters:
    """The DeadLetters contract on a SQLite file. Each decision is a transaction of its own, so no
    interruption leaves a dead letter twice."""

    def __init__(self, queue: SqliteQueue) -> None:
        """`queue` may be shared with a consumer of the same process."""
        self._queue = queue

    async def count(self, queue: str) -> int:
        return len(await self._queue.dead_ids(queue))

    async def visit(
        self, queue: str, decide: Decide, done: Callable[[InboundMessage], None] = not_told
    ) -> int:
        shown = 0
        for id_ in await self._queue.dead_ids(queue):
            letter = await self._queue.dead_letter(id_, queue)
            if letter is None:  # another command released or removed it meanwhile
                continue
            shown += 1
            if await self._queue.decide(id_, queue, await decide(letter)):
                done(letter)
        return shown

    async def close(self) -> None:
        await self._queue.close()
