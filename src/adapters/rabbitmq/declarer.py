"""Declarations that may be refused: the broker closes the channel on every refusal, so they run on
a channel of their own, opened anew when needed."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType

from adapters.rabbitmq.amqp_channel import NOT_FOUND, AmqpChannel, ChannelLost
from adapters.rabbitmq.connection import AmqpConnection

_INEQUIVALENT = re.compile(
    r"inequivalent arg '(?P<argument>[^']+)'.*?"
    r"received (?:the value )?(?P<ours>'[^']*'|none)"
    r".*?current is (?:the value )?(?P<theirs>'[^']*'|none)"
)


@dataclass(frozen=True, slots=True)
class Inequality:
    """The first argument in which a queue or exchange differs; the broker names no second."""

    argument: str
    theirs: str
    ours: str

    @classmethod
    def parse(cls, text: str) -> "Inequality | None":
        """Read the broker's 406 text; None where it says something else or was cut short."""
        match = _INEQUIVALENT.search(text)
        if match is None:
            return None
        return cls(match["argument"], match["theirs"].strip("'"), match["ours"].strip("'"))


@dataclass(frozen=True, slots=True)
class Counts:
    """What the broker tells of a queue that exists."""

    ready: int
    consumers: int


class Declarer:
    """Declares on a throwaway channel; every method raises ChannelLost with the broker's code."""

    def __init__(self, connection: AmqpConnection) -> None:
        self._connection = connection
        self._channel: AmqpChannel | None = None

    async def __aenter__(self) -> "Declarer":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._channel is not None:
            await self._channel.close()

    async def queue_exists(self, name: str) -> bool:
        """Look, without needing the configure right."""
        return await self._exists(lambda channel: channel.declare_queue(name, passive=True))

    async def counts(self, name: str) -> Counts | None:
        """Look, as `queue_exists` does; None where there is no such queue."""
        channel = await self._open()
        try:
            return Counts(*await channel.look(name))
        except ChannelLost as lost:
            if lost.code == NOT_FOUND:
                return None
            raise

    async def exchange_exists(self, name: str) -> bool:
        """Look, without needing the configure right."""
        return await self._exists(lambda channel: channel.declare_exchange(name, passive=True))

    async def declare_queue(self, name: str, arguments: Mapping[str, object]) -> None:
        """Create it, or make sure that it has exactly these arguments."""
        await (await self._open()).declare_queue(name, arguments)

    async def declare_exchange(self, name: str) -> None:
        """Create it, or make sure that it is durable and direct."""
        await (await self._open()).declare_exchange(name)

    async def bind(self, queue: str, exchange: str, routing_key: str) -> None:
        """Bind, which needs write on the queue and read on the exchange."""
        await (await self._open()).bind(queue, exchange, routing_key)

    async def _exists(self, look: Callable[[AmqpChannel], Awaitable[object]]) -> bool:
        channel = await self._open()
        try:
            await look(channel)
        except ChannelLost as lost:
            if lost.code == NOT_FOUND:
                return False
            raise
        return True

    async def _open(self) -> AmqpChannel:
        if self._channel is None or not self._channel.is_open:
            self._channel = await self._connection.open_channel()
        return self._channel
