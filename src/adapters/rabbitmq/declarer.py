"""Declarations that may be refused: the broker closes the channel on every refusal, so they run on
a channel of their own, opened again when needed."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import TracebackType

from adapters.rabbitmq.amqp_channel import ACCESS_REFUSED, NOT_FOUND, AmqpChannel, ChannelLost
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


class Presence(Enum):
    """What a look at a queue or exchange found."""

    ABSENT = "absent"
    PRESENT = "present"
    UNSEEN = "unseen"
    """This user may not look: from RabbitMQ 4.2.6 and 4.3 on that takes some right on the object
    (configure in 4.2.6 and 4.3.0). It may well be there, and consuming and publishing have rights
    of their own."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What the broker says of a queue that exists; None where this user may not look."""

    ready: int | None = None
    consumers: int | None = None


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

    async def queue(self, name: str) -> Presence:
        """Look at a queue, without needing the configure right."""
        return await self._look(lambda channel: channel.declare_queue(name, passive=True))

    async def counts(self, name: str) -> Counts | None:
        """Look, as `queue` does; None where there is no such queue."""
        channel = await self._open()
        try:
            return Counts(*await channel.look(name))
        except ChannelLost as lost:
            if lost.code == NOT_FOUND:
                return None
            if lost.code == ACCESS_REFUSED:
                return Counts()
            raise

    async def is_stream(self, name: str) -> bool:
        """Whether a queue that exists is a stream, as far as this user may consume it. Takes no
        message: RabbitMQ refuses this consumer on every other kind of queue."""
        if not self._connection.is_rabbitmq:
            return False
        channel = await self._open()
        try:
            await channel.limit(1)
            await channel.consume(name, _ignore, {"x-stream-offset": "next"})
        except ChannelLost as lost:
            if not lost.code:
                raise
            return False
        await channel.close()
        return True

    async def exchange(self, name: str) -> Presence:
        """Look at an exchange, without needing the configure right."""
        return await self._look(lambda channel: channel.declare_exchange(name, passive=True))

    async def declare_queue(self, name: str, arguments: Mapping[str, object]) -> None:
        """Create it, or make sure that it has exactly these arguments."""
        await (await self._open()).declare_queue(name, arguments)

    async def declare_exchange(self, name: str, kind: str = "direct") -> None:
        """Create it, or make sure that it is durable and of this type."""
        await (await self._open()).declare_exchange(name, kind)

    async def bind(self, queue: str, exchange: str, routing_key: str) -> None:
        """Bind, which needs write on the queue and read on the exchange."""
        await (await self._open()).bind(queue, exchange, routing_key)

    async def _look(self, look: Callable[[AmqpChannel], Awaitable[object]]) -> Presence:
        channel = await self._open()
        try:
            await look(channel)
        except ChannelLost as lost:
            if lost.code == NOT_FOUND:
                return Presence.ABSENT
            if lost.code == ACCESS_REFUSED:
                return Presence.UNSEEN
            raise
        return Presence.PRESENT

    async def _open(self) -> AmqpChannel:
        if self._channel is None or not self._channel.is_open:
            self._channel = await self._connection.open_channel()
        return self._channel


def _ignore(*_: object) -> None:
    """Takes no notice of a delivery; it goes back when the channel closes."""
