"""Turns and notes of one process."""

import time
from collections.abc import Callable

from domain.pace import Lane, Spacing, Turn


class MemoryPaces:
    """The PaceStore contract for the tasks of one process."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives seconds."""
        self._clock = clock
        self._lanes: dict[str, Lane] = {}
        self._notes: dict[str, str] = {}

    async def take(self, key: str, spacing: Spacing, patience: float) -> Turn:
        return self._lane(key).take(spacing, self._clock(), patience)

    async def give_back(self, key: str, spacing: Spacing, turn: Turn) -> None:
        self._lane(key).give_back(spacing, turn)

    async def hold(self, key: str, wait: float) -> None:
        self._lane(key).next_at = self._clock() + wait

    async def note(self, key: str) -> tuple[str, float]:
        return self._notes.get(key, ""), self._clock()

    async def swap(self, key: str, old: str, new: str) -> bool:
        if self._notes.get(key, "") != old:
            return False
        self._notes[key] = new
        return True

    async def notes(self) -> dict[str, str]:
        return dict(self._notes)

    async def close(self) -> None:
        """Nothing to let go of."""

    def _lane(self, key: str) -> Lane:
        return self._lanes.setdefault(key, Lane())
