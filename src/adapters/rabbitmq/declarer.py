"""Declarations that may be refused: the broker closes the channel on every refusal, so they run on
a channel of their own, opened again when needed."""

import re
from collections.abc import Awaitable, Callable
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


_PRESENCES = {NOT_FOUND: Presence.ABSENT, ACCESS_REFUSED: Presence.UNSEEN}


@dataclass(frozen=True, slots=True)
class Counts:
    """What the broker says of a queue that exists; None where this user may not look."""

    ready: int | None = None
    consumers: int | None = None


Declare = Callable[[AmqpChannel], Awaitable[object]]
"""What is asked of the broker on a channel."""


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

    async def open(self) -> AmqpChannel:
        """The channel, opened again where the broker has closed it."""
        if self._channel is None or not self._channel.is_open:
            self._channel = await self._connection.open_channel()
        return self._channel

    async def refusal(self, declare: Declare, *codes: int) -> ChannelLost | None:
        """The broker's refusal of a declaration, if it has one of these codes."""
        try:
            await declare(await self.open())
        except ChannelLost as lost:
            if lost.code not in codes:
                raise
            return lost
        return None

    async def queue(self, name: str) -> Presence:
        """Look at a queue, without needing the configure right."""
        return await self._look(lambda channel: channel.look(name))

    async def exchange(self, name: str) -> Presence:
        """Look at an exchange, without needing the configure right."""
        return await self._look(lambda channel: channel.declare_exchange(name, passive=True))

    async def counts(self, name: str) -> Counts | None:
        """Look, as `queue` does; None where there is no such queue."""
        try:
            return Counts(*await (await self.open()).look(name))
        except ChannelLost as lost:
            if lost.code not in _PRESENCES:
                raise
            return None if lost.code == NOT_FOUND else Counts()

    async def is_stream(self, name: str) -> bool:
        """Whether a queue that exists is a stream, as far as this user may consume it. Takes no
        message: RabbitMQ refuses this consumer on every other kind of queue."""
        if not self._connection.is_rabbitmq:
            return False
        channel = await self.open()
        try:
            await channel.limit(1)
            # What it is handed goes back when the channel closes.
            await channel.consume(name, lambda *_: None, {"x-stream-offset": "next"})
        except ChannelLost as lost:
            if not lost.code:
                raise
            return False
        await channel.close()
        return True

    async def _look(self, look: Declare) -> Presence:
        refusal = await self.refusal(look, *_PRESENCES)
        return _PRESENCES[refusal.code] if refusal else Presence.PRESENT
