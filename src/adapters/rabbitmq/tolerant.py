"""pika, but one strange header does not take the connection down.

pika raises on a header whose timestamp lies beyond the year 9999 (milliseconds taken for seconds),
whose float is not finite, or whose type it does not know. The exception drops the connection, the
broker hands the message out again, and so for ever: one message would stop the whole worker.
"""

import struct

import structlog
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.exceptions import InvalidFieldTypeException
from pika.frame import Frame, ProtocolHeader, decode_frame
from pika.spec import FRAME_END, FRAME_HEADER, BasicProperties

_log = structlog.get_logger()

# AMQP 0-9-1 section 4.2.3: type, channel, size; then the payload and one end octet.
_ENVELOPE = struct.Struct(">BHL")
# Section 4.2.6.1: class, weight and body size come before the flags in a content header.
_FLAGS_AT = 12


class TolerantConnection(AsyncioConnection):
    """Drops the headers of a message that cannot be read; body and properties stay."""

    def _read_frame(self) -> tuple[int, Frame | ProtocolHeader | None]:
        try:
            return super()._read_frame()
        except (ValueError, ArithmeticError, OSError, struct.error, InvalidFieldTypeException):
            consumed, readable = without_headers(self._frame_buffer)
            _log.warning("a message has headers that cannot be read; they are ignored")
            return consumed, decode_frame(readable)[1]


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
    mended = (
        payload[:_FLAGS_AT]
        + struct.pack(">H", flags & ~BasicProperties.FLAG_HEADERS)
        + payload[_FLAGS_AT + 2 : start]
        + payload[start + 4 + length :]
    )
    envelope = _ENVELOPE.pack(kind, channel, len(mended))
    return _ENVELOPE.size + size + 1, envelope + mended + bytes([FRAME_END])
