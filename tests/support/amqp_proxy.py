"""A proxy that reads the AMQP which passes, and lets the broker close a channel."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pika.frame import Method, decode_frame
from pika.spec import Basic, Channel

from tests.fakes import eventually
from tests.support.rabbit import Broker

_UNKNOWN_TAG = 987_654


@dataclass(eq=False)
class _OpenChannel:
    """A channel that a client has opened; one more each time its number is used again."""

    number: int
    to_server: asyncio.StreamWriter


class AmqpProxy:
    """Forwards to one broker. `delivered`: how many messages the broker has handed out."""

    def __init__(self, broker: Broker) -> None:
        address = urlsplit(broker.url)
        self._target = (address.hostname, address.port or 5672)
        self._tasks: set[asyncio.Task[None]] = set()
        self._consuming: defaultdict[str, list[_OpenChannel]] = defaultdict(list)
        self.delivered = 0
        self.port = 0

    async def lose_channel(self, queue: str) -> None:
        """Let the broker close the channel that consumes the queue, and wait until another does.

        On the client's behalf it acks what it was never handed, which is an error of the channel.
        """
        before = len(self._consuming[queue])
        lost = self._consuming[queue][-1]
        ack = Basic.Ack(delivery_tag=_UNKNOWN_TAG)
        lost.to_server.write(Method(lost.number, ack).marshal())
        await eventually(lambda: len(self._consuming[queue]) > before)

    async def serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        """Handle one connection."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        server, to_server = await asyncio.open_connection(*self._target)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._requests(client, to_server))
                group.create_task(self._replies(server, to_client))
        except* (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._tasks.discard(task)
            for writer in (to_client, to_server):
                writer.transport.abort()

    async def _requests(
        self, client: asyncio.StreamReader, to_server: asyncio.StreamWriter
    ) -> None:
        opened: dict[int, _OpenChannel] = {}
        to_server.write(await client.readexactly(8))  # the protocol's name and version
        async for frame in _frames(client):
            method = _method(frame)
            if method is not None and isinstance(method.method, Channel.Open):
                number = method.channel_number
                opened[number] = _OpenChannel(number, to_server)
            elif method is not None and isinstance(method.method, Basic.Consume):
                consuming = self._consuming[method.method.queue]
                if opened[method.channel_number] not in consuming:
                    consuming.append(opened[method.channel_number])
            to_server.write(frame)

    async def _replies(self, server: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        async for frame in _frames(server):
            method = _method(frame)
            self.delivered += method is not None and isinstance(method.method, Basic.Deliver)
            to_client.write(frame)

    async def close(self) -> None:
        """Cut every connection that is open."""
        for task in self._tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*self._tasks, return_exceptions=True)


async def _frames(stream: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Whole frames: a type, a channel, a size, so many bytes, an end."""
    while True:
        head = await stream.readexactly(7)
        yield head + await stream.readexactly(int.from_bytes(head[3:7], "big") + 1)


def _method(frame: bytes) -> "Method[Any] | None":
    """The frame's method, where it has one."""
    is_method = frame[0] == 1
    decoded = decode_frame(frame)[1] if is_method else None
    return decoded if isinstance(decoded, Method) else None


@asynccontextmanager
async def amqp_proxy(broker: Broker) -> AsyncIterator[AmqpProxy]:
    """A proxy on a free loopback port."""
    proxy = AmqpProxy(broker)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.close()
        await server.wait_closed()
