"""A message whose headers pika cannot read, without them.

pika raises on a header whose timestamp lies beyond the year 9999 (milliseconds taken for seconds),
whose float is not finite, or whose type it does not know. The exception drops the connection, the
broker hands the message out again, and so for ever: one message would stop the whole worker.
"""

import struct

from pika.spec import FRAME_END, FRAME_HEADER, BasicProperties

# AMQP 0-9-1 section 4.2.3: type, channel, size; then the payload and one end octet.
_ENVELOPE = struct.Struct(">BHL")
# Section 4.2.6.1: class, weight and body size come before the flags in a content header.
_FLAGS_AT = 12


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
