"""RabbitMQ as any producer sees it: plain pika, and nothing of the program."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from types import TracebackType

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker
from pika.spec import BasicProperties

Message = tuple[BasicProperties, bytes]


class RabbitPeer:
    """One connection."""

    def __init__(self, url: str) -> None:
        self._connection = pika.BlockingConnection(pika.URLParameters(url))

    def __enter__(self) -> "RabbitPeer":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._connection.is_open:
            self._connection.close()

    def channel(self) -> BlockingChannel:
        return self._connection.channel()

    def publish(self, queue: str, body: bytes, *, exchange: str = "", **properties: object) -> None:
        """Publish persistently and wait until the broker has it."""
        with self.channel() as channel:
            channel.confirm_delivery()
            chosen = BasicProperties(delivery_mode=2, **properties)
            channel.basic_publish(exchange, queue, body, chosen, mandatory=True)

    def ready(self, queue: str) -> int | None:
        """How many messages wait in the queue; None where there is no such queue."""
        try:
            with self.channel() as channel:
                return int(channel.queue_declare(queue, passive=True).method.message_count)
        except ChannelClosedByBroker as error:
            if error.reply_code == 404:
                return None
            raise

    def look(self, queue: str) -> list[Message]:
        """Every waiting message; all stay where they are."""
        found: list[Message] = []
        with self.channel() as channel:
            while True:
                method, properties, body = channel.basic_get(queue)
                if method is None or properties is None or body is None:
                    return found  # closing the channel hands them back
                found.append((properties, body))

    def wear_out(self, queue: str, times: int) -> None:
        """Hand the first message back until the broker has had enough of it."""
        with self.channel() as channel:
            for _ in range(times):
                method, _properties, _body = channel.basic_get(queue)
                if method is None:
                    return
                channel.basic_nack(method.delivery_tag, requeue=True)

    def exists_as(self, queue: str, arguments: Mapping[str, object]) -> bool:
        """Whether the queue exists, durable and with exactly these arguments."""
        if self.ready(queue) is None:
            return False
        try:
            with self.channel() as channel:
                channel.queue_declare(queue, durable=True, arguments=dict(arguments))
        except ChannelClosedByBroker as error:
            if error.reply_code == 406:
                return False
            raise
        return True

    def exchange_exists_as(self, exchange: str, kind: str) -> bool:
        """Whether the exchange exists, durable and of this kind."""
        try:
            with self.channel() as channel:
                channel.exchange_declare(exchange, passive=True)
            with self.channel() as channel:
                channel.exchange_declare(exchange, kind, durable=True)
        except ChannelClosedByBroker:
            return False
        return True

    def declare(self, queue: str, arguments: Mapping[str, object] | None = None) -> None:
        with self.channel() as channel:
            channel.queue_declare(queue, durable=True, arguments=dict(arguments or {}))

    def delete(self, queues: Iterable[str]) -> None:
        for queue in queues:
            with suppress(ChannelClosedByBroker), self.channel() as channel:
                channel.queue_delete(queue)

    def delete_exchange(self, exchange: str) -> None:
        with suppress(ChannelClosedByBroker), self.channel() as channel:
            channel.exchange_delete(exchange)
