"""From pika's frames to the contract's message, whatever a strange client put into headers and
properties.

pika raises on a header whose timestamp lies beyond the year 9999 (milliseconds taken for seconds),
whose float is not finite, or whose type it does not know. The exception drops the connection, the
broker hands the message out again, and so for ever: one message would stop the whole worker.
"""

import struct

import structlog
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.exceptions import InvalidFieldTypeException
from pika.frame import Frame, ProtocolHeader, decode_frame
from pika.spec import FRAME_END, FRAME_HEADER, Basic, BasicProperties

from adapters.inbound.contract import InboundMessage
from adapters.message_format.headers import PREFIX
from adapters.message_format.properties import Properties

_log = structlog.get_logger()

_COUNTS = ("x-delivery-count", "x-acquired-count")
"""From 4.3 on a message that is handed back counts only in the second."""
_TEXTS = ("content_type", "content_encoding", "correlation_id", "message_id", "type", "app_id")

# AMQP 0-9-1 section 4.2.3: type, channel, size; then the payload and one end octet.
_ENVELOPE = struct.Struct(">BHL")
# Section 4.2.6.1: class, weight and body size come before the flags in a content header.
_FLAGS_AT = 12


class TolerantConnection(AsyncioConnection):
    """Drops the headers of a message that cannot be read; body and properties stay."""

    def _read_frame(self) -> tuple[int, Frame | ProtocolHeader | None]:
        try:
            return decode_frame(self._frame_buffer)
        except (ValueError, ArithmeticError, OSError, struct.error, InvalidFieldTypeException):
            consumed, readable = without_headers(self._frame_buffer)
            _log.warning("a message has headers that cannot be read; they are ignored")
            return consumed, decode_frame(readable)[1]


def inbound(
    queue: str,
    method: Basic.Deliver,
    properties: BasicProperties,
    body: bytes,
    session: str = "",
) -> InboundMessage:
    """Read a delivery; what a strange client put into properties is dropped, never raised."""
    headers = properties.headers or {}
    counts = [count for name in _COUNTS if isinstance(count := headers.get(name), int)]
    # pika leaves a short string that is not UTF-8 as bytes.
    texts = {name: text for name in _TEXTS if isinstance(text := getattr(properties, name), str)}
    return InboundMessage(
        queue=queue,
        body=body,
        headers=headers,
        properties=Properties(
            priority=properties.priority, timestamp=properties.timestamp, **texts
        ),
        redelivered=bool(method.redelivered),
        delivery_count=max([0, *counts]),
        session=session,
        tag=method.delivery_tag,
    )


def own_headers(message: InboundMessage) -> dict[str, str | int]:
    """The headers of ours that a copy in the same state keeps; never `x-death`, in which RabbitMQ
    before 4.0.1 sees a cycle and drops the message."""
    return {
        name: value
        for name, value in message.headers.items()
        if (str(name).startswith(PREFIX) or name == "traceparent") and isinstance(value, str | int)
    }


def without_headers(buffer: bytes) -> tuple[int, bytes]:
    """The length of the content header frame that `buffer` begins with, and that frame without its
    table of headers. Raises ValueError for any other frame."""
    kind, channel, size = _ENVELOPE.unpack_from(buffer)
    payload = buffer[_ENVELOPE.size : _ENVELOPE.size + size]
    if kind != FRAME_HEADER:
        raise ValueError("not a content header")
    (flags,) = struct.unpack_from(">H", payload, _FLAGS_AT)
    start = _FLAGS_AT + 2
    for earlier in (BasicProperties.FLAG_CONTENT_TYPE, BasicProperties.FLAG_CONTENT_ENCODING):
        if flags & earlier:
            start += 1 + payload[start]
    if not flags & BasicProperties.FLAG_HEADERS:
        raise ValueError("has no headers")
    (length,) = struct.unpack_from(">I", payload, start)
    shortened = (
        payload[:_FLAGS_AT]
        + struct.pack(">H", flags & ~BasicProperties.FLAG_HEADERS)
        + payload[_FLAGS_AT + 2 : start]
        + payload[start + 4 + length :]
    )
    envelope = _ENVELOPE.pack(kind, channel, len(shortened))
    return _ENVELOPE.size + size + 1, envelope + shortened + bytes([FRAME_END])
