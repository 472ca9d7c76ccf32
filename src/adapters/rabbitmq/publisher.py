"""Stores messages in queues, for the commands that send and restore."""

from collections.abc import Mapping

from adapters.inbound.contract import BrokerUnavailable, PublishRefused, TopologyMismatch
from adapters.message_format.properties import Properties
from adapters.rabbitmq.amqp_channel import ChannelLost
from adapters.rabbitmq.connection import asking
from adapters.rabbitmq.plan import dead_queue_name
from adapters.rabbitmq.preparing import Preparer
from adapters.rabbitmq.publish_link import PublishLink
from adapters.rabbitmq.settings import RabbitSettings

_CONFIRM_TIMEOUT = 60.0
"""Seconds; a broker short of memory or disk may take messages in and say nothing for hours."""


class RabbitPublisher:
    """The Publisher contract over RabbitMQ. A queue is prepared before its first message."""

    def __init__(self, settings: RabbitSettings) -> None:
        self._preparer = Preparer(settings)
        self._link = PublishLink(settings.address, "dispatcher publisher")
        self._prepared: set[str] = set()

    async def publish(
        self, queue: str, body: bytes, *, properties: Properties, headers: Mapping[str, str | int]
    ) -> None:
        """Return once the broker has confirmed it durably. Raises BrokerUnavailable or
        PublishRefused."""
        await self._store(queue, queue, body, properties, headers)

    async def bury(
        self, queue: str, body: bytes, *, properties: Properties, headers: Mapping[str, str | int]
    ) -> None:
        """The same into `<queue>.dead`."""
        await self._store(queue, dead_queue_name(queue), body, properties, headers)

    async def close(self) -> None:
        """Let go of the connection. May be called twice."""
        await self._link.close()

    async def _store(
        self,
        queue: str,
        target: str,
        body: bytes,
        properties: Properties,
        headers: Mapping[str, str | int],
    ) -> None:
        try:
            async with asking("it is not known whether the message is stored", _CONFIRM_TIMEOUT):
                await self._prepare(queue)
                await self._link.publish(target, body, properties=properties, headers=headers)
        except (PublishRefused, BrokerUnavailable) as error:
            self._prepared.discard(queue)
            if isinstance(error, BrokerUnavailable):
                await self._link.close()
            raise

    async def _prepare(self, queue: str) -> None:
        if queue in self._prepared:
            return
        try:
            exists = await self._preparer.prepare(await self._link.connection(), queue)
        except TopologyMismatch as error:
            raise PublishRefused(str(error)) from error
        except ChannelLost as lost:
            if lost.code:
                raise PublishRefused(lost.text) from lost
            raise
        if not exists:
            raise PublishRefused(f"queue {queue} does not exist, and its producer declares it")
        self._prepared.add(queue)
