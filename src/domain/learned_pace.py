"""The pace that is learned from a provider's refusals. Pure functions of the time given."""

import math
from dataclasses import replace
from typing import Final

from domain.value_object import value_object

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


@value_object(kw_only=True)
class Pace:
    """The pace that is learned from a provider's refusals: additive increase, multiplicative
    decrease.

    `rate` turns a second at the time `since`; 0: no limit is known. `window` (seconds) is how long
    the provider counts, as far as its silence shows. `episode` numbers the changes: a refusal of
    what was sent before a change says nothing about the pace after it. `pause` is above 0 while
    only one probe is sent after each pause; this began at `blocked_at`. `counted`: how many
    messages all senders together had sent in the second before the refusal.
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

    def rate_at(self, now: float) -> float:
        """Turns a second: more, the longer nothing was refused; 0 once no limit is known.

        The step is a small part of the rate, and grows with time. So a limit that was lifted
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
        """Return the pace after one more sender has met the refusal; `counted` as in `refused`."""
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
        """Return it as a note for a store."""
        numbers = (self.rate, self.since, self.window, self.pause, self.blocked_at)
        counts = (self.episode, self.counted, self.streak)
        return " ".join([*(f"{n:.6f}" for n in numbers), *map(str, counts)])

    @classmethod
    def decode(cls, note: str) -> "Pace":
        """Read what `encode` wrote; a note that cannot be read counts as empty."""
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
