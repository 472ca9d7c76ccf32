"""Publishing with confirms: a message is stored when the broker says so, no sooner."""

import asyncio
from dataclasses import dataclass

from pika.spec import BasicProperties

from adapters.inbound.contract import BrokerUnavailable, PublishRefused
from adapters.rabbitmq.amqp_channel import AmqpChannel, ChannelLost


@dataclass(slots=True)
class _Pending:
    routing_key: str
    confirmed: "asyncio.Future[None]"
    returned: str | None = None


class ConfirmingChannel:
    """Counts the confirms of its channel itself, since pika does not.

    A return names no delivery tag, so it fails every message still pending under its routing key:
    at worst a message that did arrive is published twice, but never is one believed stored that
    is not.
    """

    def __init__(self, channel: AmqpChannel, *, mandatory: bool = True) -> None:
        """`mandatory`: a message that no queue takes is refused."""
        self._channel = channel
        self._mandatory = mandatory
        self._last_tag = 0
        self._pending: dict[int, _Pending] = {}

    @classmethod
    async def open(cls, channel: AmqpChannel, *, mandatory: bool = True) -> "ConfirmingChannel":
        """Put `channel`, on which nothing was published yet, into confirm mode."""
        confirming = cls(channel, mandatory=mandatory)
        channel.ended.add_done_callback(lambda ended: confirming._fail_all(ended.result()))
        await channel.select_confirms(confirming._on_confirm, confirming._on_return)
        return confirming

    @property
    def is_open(self) -> bool:
        """Whether it can publish."""
        return self._channel.is_open

    async def publish(
        self, exchange: str, routing_key: str, body: bytes, properties: BasicProperties
    ) -> None:
        """Return once the broker has taken responsibility. Raises PublishRefused if it returned or
        refused the message, BrokerUnavailable if the channel ended first: then it is not known."""
        if not self.is_open:
            raise BrokerUnavailable("the publishing channel is closed")
        pending = _Pending(routing_key, asyncio.get_running_loop().create_future())
        try:
            self._channel.publish(
                exchange, routing_key, body, properties, mandatory=self._mandatory
            )
        except ChannelLost as error:
            raise PublishRefused(f"the message cannot be published: {error}") from error
        self._last_tag += 1
        self._pending[self._last_tag] = pending
        await pending.confirmed

    def _on_confirm(self, tag: int, multiple: bool, ack: bool) -> None:  # noqa: FBT001 - pika's order
        if multiple:
            tags = [pending for pending in self._pending if pending <= tag]
        else:
            tags = [tag] if tag in self._pending else []
        for each in tags:
            pending = self._pending.pop(each)
            if pending.confirmed.done():
                continue
            if pending.returned is not None:
                refused = f"no queue takes {pending.routing_key!r}: {pending.returned}"
                pending.confirmed.set_exception(PublishRefused(refused))
            elif not ack:
                refused = f"the broker refused it for {pending.routing_key!r}: full or not writable"
                pending.confirmed.set_exception(PublishRefused(refused))
            else:
                pending.confirmed.set_result(None)

    def _on_return(self, routing_key: str, text: str) -> None:
        for pending in self._pending.values():
            if pending.routing_key == routing_key:
                pending.returned = text

    def _fail_all(self, lost: ChannelLost) -> None:
        for pending in self._pending.values():
            if not pending.confirmed.done():
                error = BrokerUnavailable(f"lost before the confirm: {lost}")
                pending.confirmed.set_exception(error)
        self._pending.clear()
