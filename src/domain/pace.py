"""How fast messages are sent to a provider: each one waits for its turn.

Everything here is a pure function of the time given.
"""

import math
import re
from dataclasses import dataclass, field
from typing import Final, Protocol

from domain.value_object import value_object

_PERIODS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_RATE: Final = re.compile(r"(\d{1,9}) ?/ ?([smhd])")

PARTS: Final = 100
"""A budget is counted in so many parts of its period: a hundredth too much is never let through,
and a hundredth of the period may pass before what was used is given back."""

CLOCK_SET_BACK: Final = 3600.0
"""Seconds: what lies further in the future was written before the clock was set back."""


@value_object()
class Rate:
    """At most `count` in any `period` seconds."""

    count: int
    period: float

    @classmethod
    def parse(cls, text: str) -> "Rate":
        """Read `14/s`, `600/m`, `500/h` or `10000/d`. Raises ValueError."""
        match = _RATE.fullmatch(text.strip())
        if match is None or int(match[1]) == 0:
            raise ValueError("must be a number for each second, minute, hour or day, such as"
                             " 14/s, 600/m, 500/h or 10000/d")  # fmt: skip
        return cls(int(match[1]), _PERIODS[match[2]])

    def __str__(self) -> str:
        unit = next(unit for unit, period in _PERIODS.items() if period == self.period)
        return f"{self.count}/{unit}"


@value_object(kw_only=True)
class Spacing:
    """How turns follow each other: `interval` seconds apart, except `burst` turns that may come at
    once. Each of the budgets limits them as well."""

    interval: float = 0.0
    burst: int = 1
    budgets: tuple[Rate, ...] = ()

    @property
    def headstart(self) -> float:
        """Seconds by which a burst may run ahead of the interval."""
        return (self.burst - 1) * self.interval


@value_object(kw_only=True)
class Turn:
    """`wait`: seconds until the turn. `taken`: whether it is ours. It is not where `wait` is longer
    than the caller allows; then the turn stays free. `at`: its time by the store's clock."""

    wait: float
    taken: bool
    at: float


class PaceStore(Protocol):
    """Turns and notes that several senders share: the tasks of a process, the processes of a
    machine or a fleet. A key names what is sent to. Raises LedgerUnavailable when it is away."""

    async def take(self, key: str, spacing: Spacing, patience: float) -> Turn:
        """Take the next turn, unless it is more than `patience` seconds away."""

    async def give_back(self, key: str, spacing: Spacing, turn: Turn) -> None:
        """Return a turn that was not used: it does not count towards the budgets."""

    async def hold(self, key: str, wait: float) -> None:
        """Set the next turn to `wait` seconds from now, whatever was before."""

    async def note(self, key: str) -> tuple[str, float]:
        """The note under this key, empty where there is no note, and the time of the store's clock
        in seconds."""

    async def swap(self, key: str, old: str, new: str) -> bool:
        """Replace the note `old`; False, and nothing is written, if it has changed meanwhile."""

    async def notes(self) -> dict[str, str]:
        """All notes by key."""

    async def close(self) -> None:
        """Let go of connections."""


@dataclass(slots=True)
class Lane:
    """The turns of one key; see `PaceStore`. `next_at`: when the next is due were there no burst;
    `used`: period of a budget -> number of the part -> turns. `horizon`: what lies further in the
    future was written before the clock was set back."""

    next_at: float = 0.0
    used: dict[float, dict[int, int]] = field(default_factory=dict)
    horizon: float = CLOCK_SET_BACK

    def take(self, spacing: Spacing, now: float, patience: float) -> Turn:
        at = self.due(spacing, now)
        if at - now > patience:
            return Turn(wait=at - now, taken=False, at=at)
        self.next_at = max(self.next_at, at) + spacing.interval
        self.count(spacing, at, 1)
        return Turn(wait=at - now, taken=True, at=at)

    def give_back(self, spacing: Spacing, turn: Turn) -> None:
        self.count(spacing, turn.at, -1)

    def due(self, spacing: Spacing, now: float, behind: int = 0) -> float:
        """Return when the next turn is that has `behind` others before it."""
        if self.next_at > now + self.horizon:
            self.next_at = now
        at = max(now, self.next_at) + behind * spacing.interval - spacing.headstart
        for budget in spacing.budgets:
            at = max(at, self._free_at(budget, now, behind))
        return max(at, now)

    def count(self, spacing: Spacing, at: float, turns: int) -> None:
        """Add `turns`, which may be negative, to what the budgets have counted at this time."""
        for budget in spacing.budgets:
            parts = self.used.setdefault(budget.period, {})
            part = part_of(budget, at)
            parts[part] = max(0, parts.get(part, 0) + turns)

    def _free_at(self, budget: Rate, at: float, behind: int) -> float:
        """Return when the budget has room, not before `at`, for a turn with `behind` others before
        it. Forgets what no longer counts."""
        width = budget.period / PARTS
        parts = {
            part: used
            for part, used in self.used.get(budget.period, {}).items()
            if (part + 1) * width + budget.period > at and part * width < at + self.horizon
        }
        self.used[budget.period] = parts
        periods, behind = divmod(behind, budget.count)
        total = sum(parts.values()) + behind
        for part in sorted(parts):
            if total < budget.count:
                break
            at = (part + 1) * width + budget.period
            total -= parts[part]
        return at + periods * budget.period


def part_of(budget: Rate, at: float) -> int:
    """The number of the part of the budget's period in which `at` lies."""
    return math.floor(at / (budget.period / PARTS) + 1e-5)  # what is due when it begins is in it
