"""Frames as bytes: a message of one body frame, and one whose headers pika cannot read.

pika raises on a header whose timestamp lies beyond the year 9999 (milliseconds taken for seconds),
whose float is not finite, or whose type it does not know. The exception drops the connection, the
broker hands the message out again, and so for ever: one message would stop the whole worker.
"""

import struct
from typing import NamedTuple

from pika.exceptions import InvalidFieldTypeException
from pika.frame import Header, Method
from pika.spec import FRAME_BODY, FRAME_END, FRAME_HEADER, FRAME_METHOD, Basic, BasicProperties

UNREADABLE = (ValueError, ArithmeticError, OSError, struct.error, InvalidFieldTypeException)
"""What pika raises where a value cannot be decoded."""

# AMQP 0-9-1 section 4.2.3: type, channel, size; then the payload and one end octet.
_ENVELOPE = struct.Struct(">BHL")
_AROUND = _ENVELOPE.size + 1
# The same, and what the payload begins with: of a method its id (section 4.2.4), of a content
# header the class, the weight and the body size (section 4.2.6.1).
_METHOD = struct.Struct(">BHLI")
_HEADER = struct.Struct(">BHLHHQ")
_METHOD_ID_SIZE = 4
# Section 4.2.6.1: class, weight and body size come before the flags in a content header.
_FLAGS_AT = 12


class DeliveryPlace(NamedTuple):
    """Where the three frames of a delivery are in a buffer: the second, the third, and the end."""

    channel: int
    header_at: int
    body_at: int
    end: int


def find_delivery(buffer: bytes, at: int) -> DeliveryPlace | None:
    """The place of the message that begins there, if it is a Basic.Deliver, its header and one body
    frame, and the beginnings of all three are in the buffer. Its end may lie beyond the buffer."""
    try:
        kind, channel, size, method = _METHOD.unpack_from(buffer, at)
        if method != Basic.Deliver.INDEX or kind != FRAME_METHOD:
            return None
        header_at = at + size + _AROUND
        header, second, size, class_, _, body_size = _HEADER.unpack_from(buffer, header_at)
        body_at = header_at + size + _AROUND
        body, third, size = _ENVELOPE.unpack_from(buffer, body_at)
    except struct.error:
        return None
    if (
        (header, class_, second) == (FRAME_HEADER, BasicProperties.INDEX, channel)
        and (body, size, third) == (FRAME_BODY, body_size, channel)
        and size > 0  # pika takes no body frame for an empty body
        and buffer[header_at - 1] == buffer[body_at - 1] == FRAME_END
    ):
        return DeliveryPlace(channel, header_at, body_at, body_at + size + _AROUND)
    return None


def read_delivery(
    buffer: bytes, at: int, place: DeliveryPlace
) -> tuple[Method[Basic.Deliver], Header, bytes] | None:
    """The message whose frames are in the buffer from `at` on, as pika decodes it; None where pika
    cannot."""
    channel, header_at, body_at, end = place
    if buffer[end - 1] != FRAME_END:
        return None
    method, properties = Basic.Deliver(), BasicProperties()
    try:
        method.decode(buffer[at + _ENVELOPE.size : header_at - 1], _METHOD_ID_SIZE)
        properties.decode(buffer[header_at + _HEADER.size : body_at - 1])
    except UNREADABLE:
        return None
    body = buffer[body_at + _ENVELOPE.size : end - 1]
    return Method(channel, method), Header(channel, len(body), properties), body


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
