"""Deliveries come out of any stream of frames as they do where pika reads each frame."""

import asyncio
import struct
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import pairwise
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pika.adapters.utils.nbio_interface import AbstractStreamTransport
from pika.channel import Channel
from pika.connection import Connection, ConnectionParameters
from pika.frame import Body, Frame, Header, Heartbeat, Method, ProtocolHeader
from pika.spec import Basic, BasicProperties
from pika.spec import Channel as ChannelClass
from pika.spec import Connection as ConnectionClass

from adapters.rabbitmq.connection import TolerantConnection

TAG, CANCELLED, UNKNOWN = "c-1", "c-2", "c-3"


class FrameByFrame(TolerantConnection):
    """Reads as pika does."""

    def _on_data_available(self, data_in: bytes) -> None:
        Connection._on_data_available(self, data_in)  # noqa: SLF001 - what is compared with


class Wire:
    """Keeps what is written. Stands for pika's transport."""

    def __init__(self) -> None:
        self.written = b""
        self.is_aborted = False

    def write(self, data: bytes) -> None:
        self.written += data

    def abort(self) -> None:
        self.is_aborted = True


class Reader:
    """A connection with the open channels 1 and 2, and what came out of it."""

    def __init__(self, kind: type[TolerantConnection], loop: asyncio.AbstractEventLoop) -> None:
        parameters = ConnectionParameters(heartbeat=0)
        self.connection = kind(parameters, custom_ioloop=loop, internal_connection_workflow=False)
        self.wire = Wire()
        self.connection._transport = cast(AbstractStreamTransport, self.wire)  # noqa: SLF001
        self.connection._set_connection_state(Connection.CONNECTION_OPEN)  # noqa: SLF001
        self.seen: list[object] = []
        self.nested = b""
        for number in (1, 2):
            channel = self.connection.channel(channel_number=number)
            self.read(Method(number, ChannelClass.OpenOk()).marshal())
            channel.add_on_return_callback(self._returned)
            for tag in (TAG, CANCELLED):
                channel.basic_consume("queue", self._taken, consumer_tag=tag)
                self.read(Method(number, Basic.ConsumeOk(tag)).marshal())
            channel.basic_cancel(CANCELLED)

    def _returned(self, _: Channel, *message: object) -> None:
        self.seen.append(message)

    def _taken(self, channel: Channel, *message: object) -> None:
        self.seen.append((channel.channel_number, *message))
        nested, self.nested = self.nested, b""
        if nested:
            self.read(nested)
        if message[-1] == b"raise":
            raise LookupError

    def read(self, data: bytes) -> None:
        """Hand in what one read brought; an exception is kept."""
        try:
            self.connection._on_data_available(data)  # noqa: SLF001 - as pika's transport calls it
        except Exception as error:  # noqa: BLE001 - whatever it is, it must be pika's
            self.seen.append((type(error), str(error)))

    def outcome(self) -> tuple[object, ...]:
        """All that can be told of a connection from outside."""
        connection = self.connection
        connection._write_gathered()  # noqa: SLF001 - as the loop's next turn does
        counts = (connection.frames_received, connection.bytes_received)
        state = (connection._frame_buffer, connection.connection_state)  # noqa: SLF001
        return self.seen, self.wire.written, self.wire.is_aborted, *counts, *state


@contextmanager
def both() -> Iterator[tuple[Reader, Reader]]:
    with closing(asyncio.new_event_loop()) as loop:
        yield Reader(TolerantConnection, loop), Reader(FrameByFrame, loop)


def compare(reads: Sequence[bytes], nested: bytes = b"") -> Sequence[Any]:
    """Assert that the same comes out of both, and return the deliveries."""
    with both() as (ours, pikas):
        for reader in (ours, pikas):
            reader.nested = nested
            for data in reads:
                reader.read(data)
        assert ours.outcome() == pikas.outcome()
        return ours.seen


def content(method: object, body: bytes, parts: int = 1, channel: int = 1, **given: Any) -> bytes:
    frames: list[Frame] = [Method(channel, cast(Basic.Deliver, method))]
    frames.append(Header(channel, len(body), BasicProperties(**given)))
    step = -(-len(body) // parts) or 1
    frames += [Body(channel, body[at : at + step]) for at in range(0, len(body), step)]
    return b"".join(frame.marshal() for frame in frames)


def delivered(body: bytes, parts: int = 1, channel: int = 1, tag: str = TAG, **given: Any) -> bytes:
    deliver = Basic.Deliver(tag, 7, redelivered=True, exchange="", routing_key="email")
    return content(deliver, body, parts, channel, **given)


def unreadable(body: bytes) -> bytes:
    """A message with a header whose time lies beyond the calendar."""
    whole = delivered(body, message_id="m", headers={"at": 0})
    late = b"\x02atT" + struct.pack(">Q", 1_732_000_000_000)
    grown = len(late) - len(b"\x02atI....")
    table = b"\x00\x00\x00\x08\x02atI\x00\x00\x00\x00"
    start = len(Method(1, Basic.Deliver(TAG, 7, True, "", "email")).marshal())
    (size,) = struct.unpack_from(">L", whole, start + 3)
    header = whole[start : start + 3] + struct.pack(">L", size + grown) + whole[start + 7 :]
    return whole[:start] + header.replace(table, struct.pack(">I", 8 + grown) + late)


def cut(stream: bytes, places: Sequence[int]) -> list[bytes]:
    at = sorted({place % len(stream) for place in places} | {0, len(stream)})
    return [stream[start:end] for start, end in pairwise(at)]


_bodies = st.sampled_from([b"{}", b"x" * 300, b"\xce", b"raise"])
_properties = st.fixed_dictionaries(
    {},
    optional={
        "content_type": st.text(max_size=5),
        "message_id": st.text(max_size=5),
        "priority": st.integers(0, 255),
        "headers": st.dictionaries(st.text(max_size=5), st.integers(0, 9), max_size=2),
    },
)
_messages = st.builds(
    lambda body, parts, channel, tag, given: delivered(body, parts, channel, tag, **given),
    _bodies | st.just(b""),
    st.integers(1, 3),
    st.sampled_from([1, 1, 2, 9]),
    st.sampled_from([TAG, TAG, CANCELLED, UNKNOWN]),
    _properties,
)
_others = st.sampled_from(
    [
        Heartbeat().marshal(),
        ProtocolHeader().marshal(),
        unreadable(b"late"),
        content(Basic.Return(312, "NO_ROUTE", "", "email"), b"back"),
        Method(1, Basic.Cancel(TAG)).marshal(),
        Method(2, ChannelClass.Close(404, "NOT_FOUND", 0, 0)).marshal(),
        Method(0, ConnectionClass.Close(320, "CONNECTION_FORCED", 0, 0)).marshal(),
    ]
)
# One frame alone, which breaks the protocol wherever it comes.
_strays = st.sampled_from(
    [
        Method(1, Basic.Deliver(TAG, 8, False, "", "email")).marshal(),
        Header(1, 2, BasicProperties()).marshal(),
        Header(1, 0, BasicProperties()).marshal(),
        Body(1, b"{}").marshal(),
        Body(1, b"").marshal(),
        Body(2, b"{}").marshal(),
    ]
)
_places = st.lists(st.integers(0, 10_000), max_size=12)


@given(st.lists(_messages | _messages | _others, min_size=1, max_size=8), _places)
def test_any_cutting_of_a_stream_gives_what_pika_gives(
    pieces: list[bytes], places: list[int]
) -> None:
    compare(cut(b"".join(pieces), places))


@given(st.lists(_messages | _strays | _others, min_size=1, max_size=8), _places)
def test_frames_in_a_wrong_order_give_what_pika_gives(
    pieces: list[bytes], places: list[int]
) -> None:
    compare(cut(b"".join(pieces), places))


@pytest.mark.parametrize("octet", [0, 1, 2, 3, 255])
def test_a_stream_with_one_wrong_octet_gives_what_pika_gives(octet: int) -> None:
    stream = delivered(b"{}", message_id="m") + delivered(b"2")
    for where in range(len(stream)):
        damaged = stream[:where] + bytes([octet]) + stream[where + 1 :]
        with both() as (ours, pikas):
            ours.read(damaged)
            pikas.read(damaged)
            assert ours.seen == pikas.seen, where


def test_a_body_frame_after_an_empty_body_is_as_wrong_as_with_pika() -> None:
    assert compare([delivered(b"") + Body(1, b"").marshal()])[1][0] is AttributeError


def test_messages_of_one_read_are_handed_out_in_their_order() -> None:
    bodies = [b"%d" % number for number in range(20)]

    seen = compare([b"".join(delivered(body, message_id="m") for body in bodies)])

    assert [body for *_, body in seen] == bodies


def test_a_message_whose_headers_cannot_be_read_comes_without_them() -> None:
    seen = compare([delivered(b"1") + unreadable(b"2") + delivered(b"3")])

    assert [body for *_, body in seen] == [b"1", b"2", b"3"]
    assert seen[1][2] == BasicProperties(message_id="m")


def test_a_message_whose_consumer_raises_comes_once() -> None:
    seen = compare([delivered(b"raise") + delivered(b"2"), delivered(b"3")])

    assert [last for *_, last in seen] == [b"raise", "", b"2", b"3"]


def test_what_is_read_within_a_delivery_comes_after_what_was_there() -> None:
    begun, rest = delivered(b"3")[:9], delivered(b"3")[9:]

    seen = compare([delivered(b"1") + delivered(b"2") + begun], nested=rest + delivered(b"4"))

    assert [body for *_, body in seen] == [b"1", b"2", b"3", b"4"]


@pytest.mark.parametrize("missing", range(1, len(delivered(b"{}"))))
def test_a_message_comes_with_its_last_byte(missing: int) -> None:
    message = delivered(b"{}")
    with both() as (ours, _):
        ours.read(message[:-missing])
        assert ours.seen == []
        ours.read(message[-missing:])
        assert len(ours.seen) == 1
