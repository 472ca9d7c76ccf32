"""What the workers have written into the ledger of themselves and of the relays, for `status`."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Annotated, TypeVar

from adapters.inbound.in_hand import QueueInHand
from adapters.records import Given, ObjectForm, list_of, map_of, number, text_of
from domain.value_object import value_object

DEAD_AFTER = 15.0
"""Seconds. A worker that has not written anything for so long has ended, or cannot reach the
ledger: then its state is not known."""

WORKER = "worker "
RELAY = "learned "
"""How the names of the notes begin."""

_OLDEST = 3600.0

T = TypeVar("T")


@value_object(kw_only=True)
class PauseState:
    """A pause as its worker sees it; times in seconds since the epoch."""

    name: Annotated[str, Given(text_of)]
    cause: Annotated[str, Given(text_of)]
    since: Annotated[float, Given(number)]
    next_try: Annotated[float, Given(number)]


@value_object(kw_only=True)
class WorkerState:
    """What a worker said at the time `at`; times in seconds since the epoch. `settled_at`: when it
    settled a message last, None where it has not yet."""

    worker: Annotated[str, Given(text_of)]
    at: Annotated[float, Given(number)]
    settled_at: Annotated[float | None, Given(number)] = None
    pauses: Annotated[tuple[PauseState, ...], Given(list_of(ObjectForm(PauseState).read))]
    in_hand: Annotated[Mapping[str, QueueInHand], Given(map_of(ObjectForm(QueueInHand).read))]


@value_object(kw_only=True)
class RelayState:
    """What a worker had learned of a relay at the time `at`, in seconds since the epoch."""

    facts: Annotated[Mapping[str, float], Given(map_of(number))]
    at: Annotated[float, Given(number)]


WORKER_FORM = ObjectForm(WorkerState)
RELAY_FORM = ObjectForm(RelayState)


def written(state: WorkerState | RelayState) -> str:
    """The note of it, which `parsed` reads."""
    return json.dumps(asdict(state))


def parsed(form: ObjectForm[T], note: str) -> T | None:
    """What was written; None for a free place and for nonsense."""
    try:
        return form.read(json.loads(note))
    except (ValueError, RecursionError):
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
