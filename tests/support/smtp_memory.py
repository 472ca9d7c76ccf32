"""Connections in memory and in virtual time, to a relay that behaves by chance."""

import asyncio
from collections import deque
from typing import Any

from tests.support.smtp_chance import Peer, Relay
from tests.support.virtual_time import VirtualTimeLoop


class Wire(asyncio.Transport):
    """The client's end."""

    def __init__(self, protocol: Any, relay: Relay) -> None:
        super().__init__()
        self.protocol, self.relay = protocol, relay
        self.loop = asyncio.get_running_loop()
        self.is_over = self.is_paused = False
        self.peer = Peer(self, relay)
        self.at = 0.0
        self.queue: deque[bytes | None] = deque()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def write(self, data: Any) -> None:
        if self.is_over:
            return
        self._later(bytes(data))
        if len(data) > 200 and self.relay.chance.random() < 0.1:
            self.is_paused = True
            self.protocol.pause_writing()

    def _later(self, data: bytes | None) -> None:
        self.queue.append(data)
        self.at = max(self.at, self.loop.time() + self.relay.delay())
        self.loop.call_at(self.at, self._arrive)

    def _arrive(self) -> None:
        if self.queue:
            self.peer.feed(self.queue.popleft())
        if self.is_paused and not self.queue:
            self.is_paused = False
            self.protocol.resume_writing()

    def close(self) -> None:
        self.end(None)

    def abort(self) -> None:
        if not self.is_over:
            for _ in range(self.relay.chance.randint(0, len(self.queue))):
                self.queue.pop()
            self.end(None)

    def end(self, error: Exception | None) -> None:
        if not self.is_over:
            self.is_over = True
            self.loop.call_soon(self.protocol.connection_lost, error)
            self._later(None)


class MemoryLoop(VirtualTimeLoop):
    """Each connection goes to `relay`."""

    relay: Relay

    async def create_connection(self, factory: Any, *_: Any, **__: Any) -> Any:  # type: ignore[override]
        await asyncio.sleep(self.relay.delay())
        if self.relay.chance.random() < self.relay.faults / 3:
            raise ConnectionRefusedError(111, "refused")
        protocol = factory()
        wire = Wire(protocol, self.relay)
        protocol.connection_made(wire)
        wire.peer.task = self.create_task(wire.peer.run())
        return wire, protocol
