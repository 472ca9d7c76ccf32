"""A TCP proxy that misbehaves on demand, in the loop of the test."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager


class TcpProxy:
    """Forwards to one target. Each new connection may have a budget of bytes, counted in both
    directions, after which it is cut without a word."""

    def __init__(self, host: str, port: int, budgets: Iterable[int] = ()) -> None:
        self._target = (host, port)
        self._budgets: Iterator[int] = iter(budgets)
        self._links: set[asyncio.StreamWriter] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._valves: list[asyncio.Event] = []
        self.port = 0
        self.accepted = 0

    def cut(self) -> None:
        """Reset every connection that is open."""
        for writer in self._links:
            writer.transport.abort()

    def freeze(self, only: int | None = None) -> None:
        """Forward nothing more, yet keep every connection open: no FIN, no RST. `only`: nothing
        of one connection, the first being 0."""
        valve = self._flowing if only is None else self._valves[only]
        valve.clear()

    def thaw(self) -> None:
        """Forward again."""
        for valve in (self._flowing, *self._valves):
            valve.set()

    async def serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        """Handle one connection."""
        self.accepted += 1
        budget = _Budget(next(self._budgets, None))
        valve = asyncio.Event()
        valve.set()
        self._valves.append(valve)
        self._links.add(to_client)
        try:
            server, to_server = await asyncio.open_connection(*self._target)
        except OSError:
            to_client.transport.abort()
            return
        self._links.add(to_server)
        try:
            await asyncio.gather(
                self._pump(client, to_server, budget, valve),
                self._pump(server, to_client, budget, valve),
            )
        except OSError:
            pass
        finally:
            for writer in (to_client, to_server):
                self._links.discard(writer)
                writer.transport.abort()

    async def _pump(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        budget: "_Budget",
        valve: asyncio.Event,
    ) -> None:
        while data := await source.read(65536):
            await self._flowing.wait()
            await valve.wait()
            sink.write(budget.spend(data))
            await sink.drain()
            if budget.is_spent:
                raise ConnectionResetError
        raise ConnectionResetError


class _Budget:
    def __init__(self, left: int | None) -> None:
        self._left = left

    @property
    def is_spent(self) -> bool:
        return self._left == 0

    def spend(self, data: bytes) -> bytes:
        if self._left is None:
            return data
        allowed = data[: self._left]
        self._left -= len(allowed)
        return allowed


@asynccontextmanager
async def tcp_proxy(host: str, port: int, budgets: Iterable[int] = ()) -> AsyncIterator[TcpProxy]:
    """A proxy on a free loopback port. `budgets`: bytes for the first, second... connection."""
    proxy = TcpProxy(host, port, budgets)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        proxy.cut()
        proxy.thaw()
        server.close()
        await server.wait_closed()
