"""One connection to the broker: pika's callbacks as futures."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import structlog
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.adapters.utils.nbio_interface import AbstractStreamTransport
from pika.channel import Channel, ContentFrameAssembler
from pika.connection import Parameters
from pika.exceptions import AMQPError
from pika.frame import Frame, ProtocolHeader, decode_frame

from adapters.inbound.contract import BrokerUnavailable
from adapters.rabbitmq.amqp_channel import AmqpChannel, ChannelLost, resolve
from adapters.rabbitmq.connect_faults import LoginRefused, describe, unavailable
from adapters.rabbitmq.frames import UNREADABLE, find_delivery, read_delivery, without_headers
from adapters.rabbitmq.parameters import BrokerAddress

# pika logs one failed connect in five lines and two tracebacks; we log it in one line.
logging.getLogger("pika").setLevel(logging.CRITICAL)

_CLOSE_TIMEOUT = 3.0
# Bytes of a frame that is written together with others, and how many at once.
_SMALL = 4096
_MOST_GATHERED = 64
# Bytes of one system call; pika reads 4096.
_MOST_READ = 65536
# What a channel of pika holds while it is not within a message.
_NO_MESSAGE = vars(ContentFrameAssembler())

_log = structlog.get_logger()


class TolerantConnection(AsyncioConnection):
    """Drops the headers of a message that cannot be read; body and properties stay. Small frames of
    one turn of the event loop are written at once: pika makes a system call for each. A message of
    one body frame is read at once: pika copies what is left of the buffer after each frame, and
    looks for callbacks of each, though a delivery has none."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._gathered: list[bytes] = []
        # Where what is not handed out yet begins in pika's `_frame_buffer`.
        self._unread_at = 0
        super().__init__(*args, **kwargs)

    def _adapter_emit_data(self, data: bytes) -> None:
        # pika copies what is left of a piece after each part of it that is sent, so a large frame
        # stays a piece of its own.
        if len(data) > _SMALL:
            self._write_gathered()
            super()._adapter_emit_data(data)
            return
        if not self._gathered:
            self.ioloop.call_soon(self._write_gathered)
        self._gathered.append(data)
        if len(self._gathered) == _MOST_GATHERED:
            self._write_gathered()

    def _write_gathered(self) -> None:
        pieces, self._gathered = self._gathered, []
        if pieces and self._transport is not None:  # else the connection is lost, with what waits
            self._transport.write(b"".join(pieces))

    def _proto_connection_made(self, transport: AbstractStreamTransport) -> None:
        transport._MAX_RECV_BYTES = _MOST_READ  # noqa: SLF001
        super()._proto_connection_made(transport)

    def _on_data_available(self, data_in: bytes) -> None:
        self._frame_buffer += data_in
        while self._frame_buffer and not self._hand_out():
            consumed, frame = self._read_frame()
            if not frame:
                return
            self._trim_frame_buffer(consumed)
            self._process_frame(frame)

    def _hand_out(self) -> bool:
        """Hand out the messages that the buffer begins with. True: the next one is not whole yet.
        False: what follows is for pika to read."""
        try:
            while place := find_delivery(self._frame_buffer, self._unread_at):
                if place.end > len(self._frame_buffer):
                    return True
                channel = self._channels.get(place.channel)
                if channel is None or vars(channel._content_assembler) != _NO_MESSAGE:  # noqa: SLF001
                    return False
                delivery = read_delivery(self._frame_buffer, self._unread_at, place)
                if delivery is None:
                    return False
                # Before the call: it may raise, and the message must not come again.
                self._unread_at = place.end
                self.frames_received += len(delivery)
                channel._on_deliver(*delivery)  # noqa: SLF001 - pika's next step
            return False
        finally:
            self._trim_frame_buffer(self._unread_at)
            self._unread_at = 0

    def _read_frame(self) -> tuple[int, Frame | ProtocolHeader | None]:
        try:
            return decode_frame(self._frame_buffer)
        except UNREADABLE:
            consumed, readable = without_headers(self._frame_buffer)
            _log.warning("a message has headers that cannot be read; they are ignored")
            return consumed, decode_frame(readable)[1]


class AmqpConnection:
    """An open connection. `closed` is done once it is gone, with the reason in words."""

    def __init__(self, connection: TolerantConnection, closed: "asyncio.Future[str]") -> None:
        self._connection = connection
        self.closed = closed

    @property
    def is_open(self) -> bool:
        """Whether channels can be opened."""
        return self._connection.is_open

    @property
    def is_rabbitmq(self) -> bool:
        """Whether the broker says that it is RabbitMQ, rather than another that speaks AMQP."""
        product = (self._connection.server_properties or {}).get("product")
        return product in ("RabbitMQ", b"RabbitMQ")

    async def open_channel(self) -> AmqpChannel:
        """Open a channel. Raises ChannelLost if the connection goes first."""
        opened: asyncio.Future[Channel] = asyncio.get_running_loop().create_future()
        on_open = partial(resolve, opened)
        try:
            channel = AmqpChannel(self._connection.channel(on_open_callback=on_open))
        except AMQPError as error:
            raise ChannelLost(0, describe(error)) from error
        either: tuple[asyncio.Future[Any], ...] = (opened, channel.ended)
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not opened.done():
            opened.cancel()
            raise channel.ended.result()
        return channel

    def when_blocked(self, call: Callable[[str | None], None]) -> None:
        """Call back with the broker's words when it stops reading from us for want of memory or
        disk (https://www.rabbitmq.com/docs/connection-blocked), and with None when it reads."""
        self._connection.add_on_connection_blocked_callback(
            lambda _, frame: call(str(frame.method.reason))
        )
        self._connection.add_on_connection_unblocked_callback(lambda *_: call(None))

    async def close(self) -> None:
        """Close gracefully, which flushes acks; give up waiting after some seconds."""
        if self._connection.is_open:
            self._connection.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_TIMEOUT):
                await asyncio.shield(self.closed)


@asynccontextmanager
async def asking(what: str, seconds: float | None = None) -> AsyncIterator[None]:
    """Raise BrokerUnavailable, which begins with `what`, where a channel is lost meanwhile, or
    where it takes more than so many `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except ChannelLost as lost:
        raise BrokerUnavailable(f"{what}: {lost}") from lost
    except TimeoutError:
        if seconds is None:
            raise
        raise BrokerUnavailable(f"{what}: no answer within {seconds:.0f} s") from None


@asynccontextmanager
async def connected(address: BrokerAddress, name: str) -> AsyncIterator[AmqpConnection]:
    """A connection, closed at the end. Raises as `connect` does."""
    connection = await connect(address, name)
    try:
        yield connection
    finally:
        await connection.close()


async def connect(address: BrokerAddress, name: str) -> AmqpConnection:
    """Open a connection to the first broker that takes it. Raises LoginRefused where each refuses
    the login, else BrokerUnavailable; never with the password."""
    failures: list[BrokerUnavailable] = []
    try:
        brokers = address.parameters(name)
    except ValueError as error:
        raise BrokerUnavailable(str(error)) from None
    for parameters in brokers:
        try:
            return await _connect(parameters)
        except BrokerUnavailable as error:
            failures.append(error)
    kind = LoginRefused if all(isinstance(e, LoginRefused) for e in failures) else BrokerUnavailable
    raise kind("; ".join(map(str, failures)))


async def _connect(parameters: Parameters) -> AmqpConnection:
    loop = asyncio.get_running_loop()
    opened: asyncio.Future[BaseException | None] = loop.create_future()
    closed: asyncio.Future[str] = loop.create_future()
    connection = TolerantConnection(
        parameters,
        on_open_callback=lambda _: resolve(opened, None),
        on_open_error_callback=lambda _, error: resolve(opened, error),
        on_close_callback=lambda _, error: resolve(closed, describe(error)),
        custom_ioloop=loop,
    )
    try:
        error = await opened
    except asyncio.CancelledError:
        if not (connection.is_closed or connection.is_closing):
            connection.close()
        raise
    if error is not None:
        raise unavailable(error, parameters)
    return AmqpConnection(connection, closed)
