"""Puts messages into the embedded queue, and dead letters back."""

from collections.abc import Mapping

from adapters.message_format.properties import Properties
from adapters.sqlite.queue import SqliteQueue


class SqlitePublisher:
    """The Publisher contract on a SQLite file. Any queue name will do: none is declared."""

    def __init__(self, queue: SqliteQueue) -> None:
        """`queue` may be shared with a consumer of this process, which is then woken at once."""
        self._queue = queue

    async def publish(
        self, queue: str, body: bytes, *, properties: Properties, headers: Mapping[str, str | int]
    ) -> None:
        """Return once the message is on the disk. Raises BrokerUnavailable."""
        await self._queue.publish(queue, body, properties, headers)

    async def bury(
        self, queue: str, body: bytes, *, properties: Properties, headers: Mapping[str, str | int]
    ) -> None:
        """The same as a dead letter of `queue`."""
        await self._queue.bury(queue, body, properties, headers)

    async def close(self) -> None:
        """Let go of the file."""
        self._queue.close()
