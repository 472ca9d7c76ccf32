"""How fast a provider is sent to: the turns that are handed out, and the pace that is learned.

Everything here is a pure function of the time that it is given.
"""

import math
import re
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

_PERIODS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_RATE: Final = re.compile(r"(\d{1,9}) ?/ ?([smhd])")

PARTS: Final = 100
"""A budget is counted in so many parts of its period: a hundredth too much is never let through,
and a hundredth of the period may pass before what was used is given back."""

CLOCK_SET_BACK: Final = 3600.0
"""Seconds: what lies further in the future was written before the clock was set back."""


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Spacing:
    """How turns follow each other: `interval` seconds apart, but for `burst` that may come at
    once, and within each of the budgets."""

    interval: float = 0.0
    burst: int = 1
    budgets: tuple[Rate, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """`wait`: seconds until it. `taken`: whether it is ours; else the wait was longer than asked
    for, and the turn is still free. `at`: when it is, on the store's clock."""

    wait: float
    taken: bool
    at: float


class PaceStore(Protocol):
    """Turns and notes that several senders share: the tasks of a process, the processes of a
    machine or a fleet. A key names what is sent to. Raises LedgerUnavailable when it is away."""

    async def take(self, key: str, spacing: Spacing, patience: float) -> Turn:
        """Take the next turn, unless it is more than `patience` seconds away."""

    async def give_back(self, key: str, spacing: Spacing, turn: Turn) -> None:
        """A turn was not used: it does not count towards the budgets."""

    async def hold(self, key: str, wait: float) -> None:
        """The next turn comes after `wait` seconds, whatever was before."""

    async def note(self, key: str) -> tuple[str, float]:
        """The note under this key, empty where there is no note, and the time of the store's clock
        in seconds."""

    async def swap(self, key: str, old: str, new: str) -> bool:
        """Replace the note `old`; False, and nothing is written, where another was faster."""

    async def notes(self) -> dict[str, str]:
        """All notes by key."""

    async def close(self) -> None:
        """Let go of connections."""


@dataclass(slots=True)
class Lane:
    """The turns of one key. `next_at`: when the next is due were there no burst; `used`: period of
    a budget -> number of the part -> turns."""

    next_at: float = 0.0
    used: dict[float, dict[int, int]] = field(default_factory=dict)

    def take(self, spacing: Spacing, now: float, patience: float) -> Turn:
        """See `PaceStore.take`."""
        due = self.next_at if self.next_at <= now + CLOCK_SET_BACK else now
        at = max(now, due - (spacing.burst - 1) * spacing.interval)
        for budget in spacing.budgets:
            at = max(at, self._free_at(budget, at))
        if at - now > patience:
            return Turn(wait=at - now, taken=False, at=at)
        self.next_at = max(due, at) + spacing.interval
        for budget in spacing.budgets:
            parts = self.used[budget.period]
            part = part_of(budget, at)
            parts[part] = parts.get(part, 0) + 1
        return Turn(wait=at - now, taken=True, at=at)

    def give_back(self, spacing: Spacing, turn: Turn) -> None:
        """See `PaceStore.give_back`."""
        for budget in spacing.budgets:
            parts = self.used.get(budget.period, {})
            part = part_of(budget, turn.at)
            if parts.get(part, 0) > 0:
                parts[part] -= 1

    def _free_at(self, budget: Rate, at: float) -> float:
        """When the budget has room, not before `at`. Forgets what does not count any more."""
        width = budget.period / PARTS
        parts = {
            part: used
            for part, used in self.used.get(budget.period, {}).items()
            if (part + 1) * width + budget.period > at and part * width < at + CLOCK_SET_BACK
        }
        self.used[budget.period] = parts
        total = sum(parts.values())
        for part in sorted(parts):
            if total < budget.count:
                break
            at = (part + 1) * width + budget.period
            total -= parts[part]
        return at


def part_of(budget: Rate, at: float) -> int:
    """The number of the part of the budget's period in which `at` lies."""
    return math.floor(at / (budget.period / PARTS))


_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 300.0
_LONGER: Final = 1.5
_DECREASES: Final = (0.95, 0.88)
_HARSH: Final = 0.7
_BELOW_MEASURED: Final = 0.95
_SLOWEST: Final = 1 / 600
_SOON: Final = 3.0
_FEWEST_COUNTED: Final = 3
_STEP: Final = 0.008
_BEND: Final = 40.0
_FORGET_AT: Final = 50.0
_LONGEST_WINDOW: Final = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The pace that a provider's refusals teach: additive increase, multiplicative decrease.

    `rate` turns a second at the time `since`; 0: no limit is known. `window` (seconds) is how long
    the provider counts, as far as its silence shows. `episode` numbers the changes: a refusal of
    what was sent before a change says nothing about the pace after it. `pause` is above 0 while
    nothing passes but one probe after each pause; that began at `blocked_at`.
    `counted`: what all who met the refusal had got through in the second before they did.
    """

    rate: float = 0.0
    since: float = 0.0
    window: float = 1.0
    episode: int = 0
    pause: float = 0.0
    blocked_at: float = 0.0
    counted: int = 0
    streak: int = 0

    @property
    def is_blocked(self) -> bool:
        return self.pause > 0

    @property
    def is_limited(self) -> bool:
        return self.rate > 0 or self.is_blocked

    def rate_at(self, now: float) -> float:
        """Turns a second: more, the longer nothing was refused; 0 once no limit is known.

        The step is a small part of the rate. It grows with time, so that a limit that was lifted
        is noticed within minutes, and one that stands is met seldom.
        """
        waited = max(now - self.since, 0.0) / math.sqrt(max(self.window, 1.0))
        growth = _STEP * waited * (1 + (waited / _BEND) ** 2)
        return 0.0 if growth > _FORGET_AT else self.rate * (1 + growth)

    def refused(self, now: float, *, counted: int = 0, wait: float = 0.0) -> "Pace":
        """The next pace after something sent at this one was refused. `counted`: what this sender
        got through in the second before. `wait`: seconds that the provider named."""
        episode = self.episode + 1
        if self.is_blocked:
            pause = min(max(self.pause * _LONGER, wait), _LONGEST_PAUSE)
            return replace(self, episode=episode, pause=pause)
        rate = self.rate_at(now)
        if not rate:
            pause = max(_FIRST_PAUSE, wait)
            return Pace(since=now, episode=episode, pause=pause, blocked_at=now, counted=counted)
        streak = self.streak + 1 if now - self.since < _SOON * self.window else 0
        slower = replace(self, episode=episode, streak=streak, since=now, counted=counted)
        if streak < len(_DECREASES) and not wait:
            return replace(slower, rate=max(rate * _DECREASES[streak], _SLOWEST))
        pause = min(max(_FIRST_PAUSE, wait, 2 / rate), _LONGEST_PAUSE)
        return replace(slower, rate=max(rate * _HARSH, _SLOWEST), pause=pause, blocked_at=now)

    def joined(self, counted: int) -> "Pace":
        """One more sender has met the refusal; `counted` as in `refused`."""
        return replace(self, counted=self.counted + counted)

    def horizon(self, probed_at: float) -> float:
        """How many seconds before the block are compared with the block, which a probe that was
        sent then has ended."""
        return max(probed_at - self.blocked_at, _FIRST_PAUSE)

    def passed(self, now: float, probed_at: float, counted: int) -> "Pace":
        """The pace after a probe was accepted. `counted`: what this sender had got through in the
        `horizon` before the block. About what all had got through in that time is what the
        provider takes in the same time again; it took the probe at least.
        """
        window = self.horizon(probed_at)
        passed = max(counted, self.counted, 1)
        measured = passed / window * _BELOW_MEASURED
        is_telling = passed >= _FEWEST_COUNTED or not self.rate
        rate = min(self.rate or math.inf, measured) if is_telling else self.rate
        window = min(window, _LONGEST_WINDOW)
        return replace(
            self,
            rate=max(rate, _SLOWEST),
            since=now,
            window=max(window, self.window) if self.rate else window,
            episode=self.episode + 1,
            pause=0.0,
        )

    def encode(self) -> str:
        """As a note for a store."""
        numbers = (self.rate, self.since, self.window, self.pause, self.blocked_at)
        counts = (self.episode, self.counted, self.streak)
        return " ".join([*(f"{n:.6f}" for n in numbers), *map(str, counts)])

    @classmethod
    def decode(cls, note: str) -> "Pace":
        """What `encode` wrote; a note that cannot be read is as good as an empty one."""
        try:
            rate, since, window, pause, blocked_at, episode, counted, streak = note.split(" ")
            return cls(
                rate=float(rate),
                since=float(since),
                window=float(window),
                pause=float(pause),
                blocked_at=float(blocked_at),
                episode=int(episode),
                counted=int(counted),
                streak=int(streak),
            )
        except ValueError:
            return cls()
