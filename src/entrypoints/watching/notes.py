"""What the workers write into the ledger of themselves and of the relays, for `status`.

A worker writes every few seconds: its pauses, what it has in hand, and what it has learned about
the mail relays. It takes over what the other processes have learned.
"""

import json
import os
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from itertools import count
from typing import Any

from adapters.channels.shared.learned import Learned
from adapters.inbound.in_hand import InHand, QueueInHand
from adapters.observers.logs import mask_addresses
from domain.breaker import Pause
from domain.ledger import LedgerUnavailable
from domain.pace import PaceStore

EVERY = 3.0
"""Seconds between two notes."""
DEAD_AFTER = 15.0
"""Seconds. A worker that has not written anything for so long has ended, or cannot reach the
ledger: then its state is not known."""

_WORKER = "worker "
_RELAY = "learned "
_LONGEST_CAUSE = 500
_OLDEST = 3600.0


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


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayState:
    """A relay as a worker has learned it; `seen_at` in seconds since the epoch."""

    relay: str
    facts: Mapping[str, float]
    seen_at: float


@dataclass(slots=True)
class WorkerNotes:
    """The notes of one worker. Their places are numbered: a new worker takes the place of one that
    has ended. `name`: what `status` calls this worker."""

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
            await self.learned.refresh()
            await self._write_relays()

    async def withdraw(self) -> None:
        """Free the place, and write down what was learned last."""
        with suppress(LedgerUnavailable):
            if self._key:
                await self.store.swap(self._key, self._written, "")
                self._key = ""
            await self._write_relays()

    async def _write_state(self) -> None:
        note = json.dumps(self._state())
        if self._key and await self.store.swap(self._key, self._written, note):
            self._written = note
            return
        notes = await self.store.notes()
        for number in count(1):
            key = f"{_WORKER}{number}"
            old = notes.get(key, "")
            state = _read(old)
            is_free = state is None or self.clock() - state.seen_at > DEAD_AFTER
            if is_free and await self.store.swap(key, old, note):
                self._key, self._written = key, note
                return

    def _state(self) -> dict[str, object]:
        pauses = [
            {
                "name": name,
                "cause": mask_addresses(pause.cause)[:_LONGEST_CAUSE],
                "since": pause.since.timestamp(),
                "next_try": pause.next_try.timestamp(),
            }
            for name, pause in self.pauses().items()
        ]
        return {
            "worker": self.name,
            "at": round(self.clock(), 3),
            "settled_at": self.in_hand.settled_at,
            "pauses": pauses,
            "in_hand": {queue: asdict(one) for queue, one in self.in_hand.by_queue().items()},
        }

    async def _write_relays(self) -> None:
        known = self.learned.snapshot()
        for relay in self._relays | known.keys():
            key = f"{_RELAY}{relay}"
            note = json.dumps({"facts": known.get(relay, {}), "at": round(self.clock(), 3)})
            old, _ = await self.store.note(key)
            await self.store.swap(key, old, note)
        self._relays = set(known)


def worker_states(
    notes: Mapping[str, str], clock: Callable[[], float] = time.time
) -> list[WorkerState]:
    """The workers that have written into these notes lately."""
    found = [_read(note) for key, note in sorted(notes.items()) if key.startswith(_WORKER)]
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


def relay_states(notes: Mapping[str, str]) -> list[RelayState]:
    """What the workers have learned about the relays within the last hour, by name."""
    states = []
    for key, note in sorted(notes.items()):
        if not key.startswith(_RELAY):
            continue
        with suppress(ValueError, KeyError, TypeError):
            read = json.loads(note)
            facts = {str(name): float(value) for name, value in read["facts"].items()}
            state = RelayState(
                relay=key.removeprefix(_RELAY), facts=facts, seen_at=float(read["at"])
            )
            if facts and time.time() - state.seen_at < _OLDEST:
                states.append(state)
    return states
