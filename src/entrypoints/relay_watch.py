"""What is learned about the relays, shared between the processes and shown by `status`."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from domain.ledger import LedgerUnavailable
from domain.pace import PaceStore
from entrypoints.background import in_background

_KEY = "learned "
_EVERY = 3.0
_OLDEST = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayState:
    """A relay as a worker has learned it; `seen_at` in seconds since the epoch."""

    relay: str
    facts: Mapping[str, float]
    seen_at: float


class RelayWatch:
    """Takes over what other processes learn, and publishes what this one has learned."""

    def __init__(
        self,
        *,
        store: PaceStore,
        snapshot: Callable[[], Mapping[str, Mapping[str, float]]],
        refresh: Callable[[], Awaitable[None]],
    ) -> None:
        self._store = store
        self._snapshot = snapshot
        self._refresh = refresh
        self._published: set[str] = set()

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Do both every few seconds while this is entered, and publish once more at the end."""
        try:
            async with in_background(self._keep()):
                yield
        finally:
            with suppress(LedgerUnavailable):
                await self.publish()

    async def publish(self) -> None:
        """Write down what is known. Raises LedgerUnavailable."""
        known = {relay: dict(facts) for relay, facts in self._snapshot().items()}
        gone = {relay: dict[str, float]() for relay in self._published - known.keys()}
        for relay, facts in {**known, **gone}.items():
            key = f"{_KEY}{relay}"
            note = json.dumps({"facts": facts, "at": round(time.time(), 3)})
            old, _ = await self._store.note(key)
            await self._store.swap(key, old, note)
        self._published = set(known)

    async def _keep(self) -> None:
        while True:
            with suppress(LedgerUnavailable):  # then nothing is sent, and that is said elsewhere
                await self._refresh()
                await self.publish()
            await asyncio.sleep(_EVERY)


async def relay_states(store: PaceStore) -> list[RelayState]:
    """What the workers have published within the last hour. Raises LedgerUnavailable."""
    states = []
    for key, note in (await store.notes()).items():
        if not key.startswith(_KEY):
            continue
        with suppress(ValueError, KeyError, TypeError):
            read = json.loads(note)
            facts = {str(name): float(value) for name, value in read["facts"].items()}
            seen_at = float(read["at"])
            if facts and time.time() - seen_at < _OLDEST:
                states.append(
                    RelayState(relay=key.removeprefix(_KEY), facts=facts, seen_at=seen_at)
                )
    return sorted(states, key=lambda state: state.relay)


def in_words(state: RelayState) -> str:
    """One line for people."""
    facts = state.facts
    parts = [
        f"{_number(facts[name])} {text}"
        for name, text in (
            ("rate", "mails a second"),
            ("connections", "connections"),
            ("session_mails", "mails a connection"),
            ("mail_recipients", "recipients a mail"),
        )
        if name in facts
    ]
    text = f"takes {', '.join(parts)}" if parts else "takes mail"
    if (until := facts.get("closed_until", 0)) > time.time():
        clock = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(until))
        text += f"; mails wait until {clock}"
    return f"relay {state.relay} {text} (seen {round(time.time() - state.seen_at)} s ago)"


def _number(value: float) -> str:
    return f"{round(value, 1):g}"
