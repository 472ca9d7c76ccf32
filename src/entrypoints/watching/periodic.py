"""What a worker does again and again: the watchdog on settlement, and what it writes of itself."""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from inspect import isawaitable
from itertools import count

import structlog

from adapters.channels.shared.learned import Learned
from adapters.inbound.in_hand import InHand
from adapters.observers.logs import mask_addresses
from adapters.texts import short_text
from domain.breaker import Pause
from domain.events import SETTLEMENT, TroubleBegan, TroubleEnded
from domain.ledger import LedgerUnavailable
from domain.pace import PaceStore
from domain.ports import EventSink
from entrypoints.watching.notes import (
    DEAD_AFTER,
    RELAY,
    WORKER,
    WORKER_FORM,
    PauseState,
    RelayState,
    WorkerState,
    parsed,
    written,
)

TICK = 0.5
"""Seconds between looks that cost nothing. An edit of a template must show within a second."""

PERIOD = 120.0
"""Seconds. Whatever holds a message longer on purpose is a pause; all other waits are shorter: the
end of an exact wait (10 s) and the turns of a paced provider (60 s)."""

# Seconds without a settlement, as in `PERIOD`, after which a restart is the better bet.
_HOPELESS = 600.0

EVERY = 3.0
"""Seconds between two notes of a worker."""

_LONGEST_CAUSE = 500
_LAST_WORD = 5.0  # seconds for what is cancelled to put its things back

log = structlog.get_logger()


@asynccontextmanager
async def repeated(
    work: Callable[[], object],
    pause: float,
    *,
    fault: str = "background work failed",
    at_end: Callable[[], object] = lambda: None,
    patience: float = 0.0,
) -> AsyncIterator[None]:
    """Call `work`, which may return an awaitable, every `pause` seconds while this is entered.
    What it raises ends nothing and is logged as a `fault`, once until the work succeeds again. At
    the end, what is under way and then `at_end` have `patience` seconds before they are
    cancelled."""
    ending = asyncio.Event()

    async def keep() -> None:
        is_failing = False
        while not ending.is_set():
            is_failing = not await _succeeds(work, "" if is_failing else fault)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await ending.wait()
        await _succeeds(at_end, fault)

    task = asyncio.create_task(keep())
    try:
        yield
    finally:
        ending.set()
        await asyncio.wait([task], timeout=patience)
        task.cancel()
        await asyncio.wait([task], timeout=_LAST_WORD)


async def _succeeds(work: Callable[[], object], fault: str) -> bool:
    try:
        result = work()
        if isawaitable(result):
            await result
    except Exception:  # the mails go on without it, but not in silence
        if fault:
            log.exception(fault)
        return False
    return True


def when(found: Callable[[], object], do: Callable[[], object]) -> Callable[[], None]:
    """What looks, and does something where the look has found something."""

    def look() -> None:
        if found():
            do()

    return look


@dataclass(slots=True)
class SettlementWatch:
    """Reports when no message was settled for a whole period, although messages are in hand and no
    trouble is known, and again when one is. `is_paused`: whether a known trouble keeps messages in
    hand. `period` is in seconds."""

    in_hand: InHand
    is_paused: Callable[[], bool]
    events: EventSink
    period: float = PERIOD
    _settled: int = field(default=0, init=False)
    _waited: float = field(default=0.0, init=False)
    _is_stalled: bool = field(default=False, init=False)

    def standstill(self) -> str:
        """Say for how long no message was settled, once that is hopeless; else an empty text."""
        if self._waited < _HOPELESS:
            return ""
        return f"messages are in hand and no message was settled for {self._waited:.0f} seconds"

    def look(self, waited: float = TICK) -> None:
        """Look once, `waited` seconds after the last time. Looks are counted, not time: a process
        that was stopped has not been stalled."""
        hand = self.in_hand
        if not hand.count or hand.settled != self._settled or self.is_paused():
            self._settled, self._waited = hand.settled, 0.0
            if self._is_stalled:
                self._is_stalled = False
                self.events.emit(TroubleEnded(SETTLEMENT))
            return
        self._waited += waited
        if self._waited >= self.period and not self._is_stalled:
            self._is_stalled = True
            error = (
                f"{hand.count} messages are in hand and no message was settled for"
                f" {self.period:g} seconds"
            )
            self.events.emit(TroubleBegan(SETTLEMENT, error))


@dataclass(slots=True)
class WorkerNotes:
    """What a worker writes of itself into the ledger. The places are numbered: a new worker takes
    the place of one that has ended. `name`: what `status` calls this worker."""

    store: PaceStore
    in_hand: InHand
    learned: Learned
    pauses: Callable[[], Mapping[str, Pause]]
    name: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}")
    clock: Callable[[], float] = time.time
    _key: str = field(default="", init=False)
    _written: str = field(default="", init=False)
    _relays: set[str] = field(default_factory=set, init=False)

    async def renew(self) -> None:
        """Write what is true now, and take over what others have learned. While the ledger is away
        nothing is written: that is reported elsewhere."""
        with suppress(LedgerUnavailable):
            await self._write_state()
            for refresh in self.learned.sharers:
                await refresh()
            await self._write_relays()

    async def withdraw(self) -> None:
        """Free the place, and write down what was learned last."""
        with suppress(LedgerUnavailable):
            if self._key:
                await self.store.swap(self._key, self._written, "")
                self._key = ""
            await self._write_relays()

    async def _write_state(self) -> None:
        pauses = [
            PauseState(
                name=name,
                cause=short_text(mask_addresses(pause.cause), _LONGEST_CAUSE),
                since=pause.since.timestamp(),
                next_try=pause.next_try.timestamp(),
            )
            for name, pause in self.pauses().items()
        ]
        state = WorkerState(
            worker=self.name,
            at=round(self.clock(), 3),
            settled_at=self.in_hand.settled_at,
            pauses=tuple(pauses),
            in_hand=self.in_hand.by_queue(),
        )
        note = written(state)
        if self._key and await self.store.swap(self._key, self._written, note):
            self._written = note
            return
        notes = await self.store.notes()
        for number in count(1):
            key = f"{WORKER}{number}"
            old = notes.get(key, "")
            last = parsed(WORKER_FORM, old)
            is_free = last is None or self.clock() - last.at > DEAD_AFTER
            if is_free and await self.store.swap(key, old, note):
                self._key, self._written = key, note
                return

    async def _write_relays(self) -> None:
        known = self.learned.snapshot()
        for relay in self._relays | known.keys():
            state = RelayState(facts=known.get(relay, {}), at=round(self.clock(), 3))
            old, _ = await self.store.note(f"{RELAY}{relay}")
            await self.store.swap(f"{RELAY}{relay}", old, written(state))
        self._relays = set(known)
