"""From pika's delivery to the contract's message."""

from dataclasses import dataclass

from pika.spec import BasicProperties

from adapters.inbound.contract import InboundMessage
from adapters.message_format.headers import PREFIX
from adapters.message_format.properties import Properties
from adapters.rabbitmq.amqp_channel import AmqpChannel

_COUNTS = ("x-delivery-count", "x-acquired-count")
"""From 4.3 on a message that is handed back counts only in the second."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message in our hands, and the only channel through which it may be settled."""

    message: InboundMessage
    channel: AmqpChannel
    tag: int

    @property
    def is_stale(self) -> bool:
        """Whether the broker has taken the message back, to hand it to another consumer."""
        return not self.channel.is_open

    def ack(self) -> None:
        """Ack the message: the broker may forget it. A stale ack is dropped."""
        self.channel.ack(self.tag)

    def hand_back(self) -> None:
        """Return the message to its queue."""
        self.channel.hand_back(self.tag)


def inbound(
    queue: str,
    properties: BasicProperties,
    body: bytes,
    *,
    redelivered: bool,
    session: str = "",
    tag: int = 0,
) -> InboundMessage:
    """Read a delivery; what a strange client put into properties is dropped, never raised."""
    headers = properties.headers or {}
    counts = [count for name in _COUNTS if isinstance(count := headers.get(name), int)]
    return InboundMessage(
        queue=queue,
        body=body,
        headers=headers,
        properties=Properties(
            content_type=_text(properties.content_type),
            content_encoding=_text(properties.content_encoding),
            priority=properties.priority,
            correlation_id=_text(properties.correlation_id),
            message_id=_text(properties.message_id),
            timestamp=properties.timestamp,
            type=_text(properties.type),
            app_id=_text(properties.app_id),
        ),
        redelivered=redelivered,
        delivery_count=max([0, *counts]),
        session=session,
        tag=tag,
    )


def own_headers(message: InboundMessage) -> dict[str, str | int]:
    """The headers of ours that a copy in the same state keeps; never `x-death`, in which RabbitMQ
    before 4.0.1 sees a cycle and drops the message."""
    return {
        name: value
        for name, value in message.headers.items()
        if (str(name).startswith(PREFIX) or name == "traceparent") and isinstance(value, str | int)
    }


def _text(value: str | bytes | None) -> str | None:
    # pika leaves a short string that is not UTF-8 as bytes.
    return value if isinstance(value, str) else None
