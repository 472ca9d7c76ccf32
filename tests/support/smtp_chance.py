"""Relays that behave by chance, in memory and in virtual time: any moment of a conversation is met,
and thousands of them take seconds."""

import asyncio
import random
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

DELAYS = (0.0, 0.0, 0.0, 0.001, 0.001, 0.01, 0.05)


@dataclass
class Relay:
    """What one relay is like, and what it has seen. `early`: what it does with commands that come
    before its answer to a mail. `refused` and `put_off` have the recipients it meant to refuse."""

    chance: random.Random
    early: str = "takes"
    faults: float = 0.1
    slow: tuple[float, ...] = DELAYS
    check: float = 0.0
    mails: int = 1000
    recipients: int = 1000
    pipelining: bool = True
    accepted: Counter[str] = field(default_factory=Counter)
    refused: set[str] = field(default_factory=set)
    put_off: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)
    peers: list["Peer"] = field(default_factory=list)
    shared: int = 0
    before_replies: Callable[[], None] = lambda: None

    def delay(self) -> float:
        return self.chance.choice(self.slow)

    def has_fault(self) -> bool:
        return self.chance.random() < self.faults


class Ended(Exception):
    pass


class Peer:
    """The relay's end of one connection."""

    def __init__(self, wire: Any, relay: Relay) -> None:
        self.wire, self.relay = wire, relay
        self.loop = wire.loop
        self.buffer, self.is_over = b"", False
        self.more = asyncio.Event()
        self.at = 0.0
        self.out: deque[Callable[[], None]] = deque()
        self.payloads, self.sender = 0, ""
        self.people: list[str] = []
        self.held = b""
        self.task: asyncio.Task[None] | None = None
        relay.peers.append(self)

    def feed(self, data: bytes | None) -> None:
        if data is None:
            self.is_over = True
        else:
            self.buffer += data
        self.more.set()

    def send(self, act: Callable[[], None]) -> None:
        self.out.append(act)
        self.at = max(self.at, self.loop.time() + self.relay.delay())
        self.loop.call_at(self.at, self._next)

    def _next(self) -> None:
        self.out.popleft()()

    def deliver(self, data: bytes) -> None:
        self.relay.before_replies()
        if not self.wire.is_over:
            self.wire.protocol.data_received(data)

    def hang_up(self) -> None:
        if self.wire.is_over:
            return
        if self.relay.chance.random() < 0.5:
            self.wire.protocol.eof_received()
            self.wire.end(None)
        else:
            self.wire.end(ConnectionResetError())

    def say(self, reply: str) -> None:
        self.held += reply.encode() + b"\r\n"
        if not self.buffer or self.relay.chance.random() < 0.3:
            self.flush()

    def flush(self) -> None:
        """Servers answer a group in one packet, or in several, cut anywhere."""
        data, self.held = self.held, b""
        while data:
            cut = len(data) if self.relay.chance.random() < 0.7 else self.relay.chance.randint(1, 9)
            piece, data = data[:cut], data[cut:]
            self.send(partial(self.deliver, piece))

    def cut(self, farewell: str = "") -> None:
        if farewell:
            self.held += farewell.encode() + b"\r\n"
        self.flush()
        self.send(self.hang_up)
        raise Ended

    async def until(self, mark: bytes) -> bytes:
        while mark not in self.buffer:
            self.flush()
            if self.is_over:
                raise Ended
            self.more.clear()
            await self.more.wait()
        data, _, self.buffer = self.buffer.partition(mark)
        return data

    async def pause(self) -> None:
        if delay := self.relay.delay():
            await asyncio.sleep(delay)

    async def run(self) -> None:
        with suppress(Ended):
            self.say("220 hi")
            await self.until(b"\r\n")
            self.say(
                "250-me\r\n250-PIPELINING\r\n250 8BITMIME" if self.relay.pipelining else "250 me"
            )
            while True:
                line = (await self.until(b"\r\n")).decode()
                await self.pause()
                await self.answer(line[:4], line.partition("<")[2].partition(">")[0])

    def fault(self, addresses: list[str]) -> bool:
        """Perhaps do what a client does not hope for; True where it is said."""
        relay = self.relay
        if not relay.has_fault():
            return False
        kind = relay.chance.choice(("5", "5", "4", "4", "421", "cut", "mute"))
        if kind == "5":
            relay.refused.update(addresses)
            self.say("550 5.1.1 no")
        elif kind == "4":
            relay.put_off.update(addresses)
            self.say("450 4.2.1 later")
        elif kind == "421":
            self.cut("421 4.3.2 bye")
        elif kind == "cut":
            self.cut()
        else:
            self.flush()
            raise Ended  # not closed: silence
        return True

    async def answer(self, verb: str, address: str) -> None:
        if verb == "MAIL" and not self.sender:
            self.mail(address)
        elif verb == "RCPT" and self.sender:
            self.recipient(address)
        elif verb == "DATA" and self.people:
            if not self.fault(self.people):
                self.say("354 go")
                self.flush()
                await self.take(self.people, (await self.until(b"\r\n.\r\n")).decode())
                self.sender, self.people = "", []
        elif verb in {"MAIL", "RCPT", "DATA"}:
            self.say("503 5.5.1 out of order")
        elif verb == "RSET":
            self.sender, self.people = "", []
            self.say("250 2.0.0 reset")
        elif verb == "QUIT":
            self.cut("221 bye")
        else:
            self.say("500 5.5.2 what?")

    def mail(self, address: str) -> None:
        if self.payloads >= self.relay.mails:
            self.cut("421 4.7.0 too many messages in this session")
        if not self.fault([address]):
            self.sender, self.people = address, []
            self.say("250 2.1.0 sender")

    def recipient(self, address: str) -> None:
        if len(self.people) >= self.relay.recipients:
            self.say("452 4.5.3 too many recipients")
        elif not self.fault([address]):
            self.people.append(address)
            self.say("250 2.1.5 recipient")

    async def take(self, people: list[str], text: str) -> None:
        relay, self.payloads = self.relay, self.payloads + 1
        marks = [line[17:] for line in text.split("\r\n") if line.startswith("X-Dispatcher-Id: ")]
        if {person.partition("-")[0] for person in people} != set(marks) or text.startswith("MAIL"):
            relay.wrong.append(f"{people}: {text}")
        await asyncio.sleep(relay.check or relay.delay())
        early = self.buffer
        relay.shared += bool(early)
        if relay.early == "forgets":
            self.buffer = b""
        elif relay.early == "forgets a part":
            self.buffer = self.buffer[relay.chance.randint(0, 30) :]
        if relay.chance.random() < relay.faults / 3:
            relay.accepted.update(people)
            self.cut()  # accepted, and the client cannot know
        if not self.fault(people):
            relay.accepted.update(people)
            self.say("250 2.0.0 taken")
        if relay.early == "refuses" and early:
            self.flush()
            for _ in range(early.count(b"\r\n")):
                await self.until(b"\r\n")
                self.say("503 5.5.0 too early")
