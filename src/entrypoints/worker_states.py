"""What each worker says of itself while it runs: its pauses and what it has in hand.

It is written into the ledger every few seconds, for `status`.
"""

import asyncio
import json
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from itertools import count
from typing import Any

from adapters.inbound.in_hand import QueueInHand
from adapters.observers.logs import mask_addresses
from domain.breaker import Pause
from domain.ledger import LedgerUnavailable
from domain.pace import PaceStore
from entrypoints.background import in_background

EVERY = 3.0
DEAD_AFTER = 15.0
"""Seconds. A worker that has not said anything for so long has ended, or cannot reach the ledger:
then its state is not known."""

_KEY = "worker "
_LONGEST_CAUSE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseState:
    """A pause as its worker sees it; times in seconds since the epoch."""

    name: str
    cause: str
    since: float
    next_try: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerState:
    """What a worker said at the time `seen_at`; times in seconds since the epoch. `settled_at`:
    when it settled a message last, None where it has not yet."""

    worker: str
    seen_at: float
    settled_at: float | None
    pauses: tuple[PauseState, ...]
    in_hand: Mapping[str, QueueInHand]


class WorkerWatch:
    """Writes down every few seconds how this worker is. The places are numbered: a new worker takes
    the place of one that has ended."""

    def __init__(
        self,
        *,
        store: PaceStore,
        pauses: Callable[[], Mapping[str, Pause]],
        in_hand: Callable[[], Mapping[str, QueueInHand]],
        settled_at: Callable[[], float | None],
        name: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`name`: what `status` calls this worker; else its host and process number."""
        self._store = store
        self._pauses = pauses
        self._in_hand = in_hand
        self._settled_at = settled_at
        self._name = name or f"{socket.gethostname()}:{os.getpid()}"
        self._clock = clock
        self._key = ""
        self._written = ""

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Write while this is entered, and at the end that there is no such worker any more."""
        try:
            async with in_background(self._keep()):
                yield
        finally:
            with suppress(LedgerUnavailable):
                await self.withdraw()

    async def publish(self) -> None:
        """Write down how this worker is now. Raises LedgerUnavailable."""
        note = json.dumps(self._state())
        if self._key and await self._store.swap(self._key, self._written, note):
            self._written = note
            return
        notes = await self._store.notes()
        for number in count(1):
            key = f"{_KEY}{number}"
            old = notes.get(key, "")
            state = _read(old)
            is_free = state is None or self._clock() - state.seen_at > DEAD_AFTER
            if is_free and await self._store.swap(key, old, note):
                self._key, self._written = key, note
                return

    async def withdraw(self) -> None:
        """Free the place. Raises LedgerUnavailable."""
        if self._key:
            await self._store.swap(self._key, self._written, "")
            self._key = ""

    def _state(self) -> dict[str, object]:
        pauses = [
            PauseState(
                name=name,
                cause=mask_addresses(pause.cause)[:_LONGEST_CAUSE],
                since=pause.since.timestamp(),
                next_try=pause.next_try.timestamp(),
            )
            for name, pause in self._pauses().items()
        ]
        return {
            "worker": self._name,
            "at": round(self._clock(), 3),
            "settled_at": self._settled_at(),
            "pauses": [asdict(pause) for pause in pauses],
            "in_hand": {queue: asdict(one) for queue, one in self._in_hand().items()},
        }

    async def _keep(self) -> None:
        while True:
            with suppress(LedgerUnavailable):  # it is paused then, and says so elsewhere
                await self.publish()
            await asyncio.sleep(EVERY)


def worker_states(
    notes: Mapping[str, str], clock: Callable[[], float] = time.time
) -> list[WorkerState]:
    """The workers that have written into these notes lately."""
    found = [_read(note) for key, note in sorted(notes.items()) if key.startswith(_KEY)]
    now = clock()
    return [state for state in found if state is not None and now - state.seen_at <= DEAD_AFTER]


def _read(note: str) -> WorkerState | None:
    """What a worker has written; None for a free place and for nonsense."""
    try:
        read: dict[str, Any] = json.loads(note)
        settled_at = read["settled_at"]
        return WorkerState(
            worker=str(read["worker"]),
            seen_at=float(read["at"]),
            settled_at=None if settled_at is None else float(settled_at),
            pauses=tuple(PauseState(**pause) for pause in read["pauses"]),
            in_hand={queue: QueueInHand(**one) for queue, one in read["in_hand"].items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
