"""What the workers have written into the ledger of themselves and of the relays, for `status`."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from adapters.inbound.in_hand import QueueInHand

DEAD_AFTER = 15.0
"""Seconds. A worker that has not written anything for so long has ended, or cannot reach the
ledger: then its state is not known."""

WORKER = "worker "
RELAY = "learned "
"""How the names of the notes begin."""

_OLDEST = 3600.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseState:
    """A pause as its worker sees it; times in seconds since the epoch."""

    name: str
    cause: str
    since: float
    next_try: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerState:
    """What a worker said at the time `at`; times in seconds since the epoch. `settled_at`: when it
    settled a message last, None where it has not yet."""

    worker: str
    at: float
    settled_at: float | None
    pauses: tuple[PauseState, ...]
    in_hand: Mapping[str, QueueInHand]


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayState:
    """What a worker had learned of a relay at the time `at`, in seconds since the epoch."""

    facts: Mapping[str, float]
    at: float


WORKER_FORM = TypeAdapter(WorkerState)
RELAY_FORM = TypeAdapter(RelayState)


def parsed(form: TypeAdapter[T], note: str) -> T | None:
    """What was written; None for a free place and for nonsense."""
    try:
        return form.validate_json(note)
    except ValidationError:
        return None


def worker_states(
    notes: Mapping[str, str], clock: Callable[[], float] = time.time
) -> list[WorkerState]:
    """The workers that have written into these notes lately."""
    found = [
        parsed(WORKER_FORM, note) for key, note in sorted(notes.items()) if key.startswith(WORKER)
    ]
    now = clock()
    return [state for state in found if state is not None and now - state.at <= DEAD_AFTER]


def relay_states(notes: Mapping[str, str]) -> dict[str, RelayState]:
    """What the workers have learned about each relay within the last hour, by name."""
    found = {
        key.removeprefix(RELAY): parsed(RELAY_FORM, note)
        for key, note in sorted(notes.items())
        if key.startswith(RELAY)
    }
    now = time.time()
    return {
        relay: state
        for relay, state in found.items()
        if state is not None and state.facts and now - state.at < _OLDEST
    }
