"""How long to wait before the next try: exponential with full jitter, so that the clients of a
restarted broker do not all connect at once."""

import random
from collections.abc import Callable

_FLOOR = 0.1
_YOUNG_CAP = 3.0

YOUNG = 300.0
"""Seconds for which an outage is likely to be a restart, and is worth many tries."""


class Backoff:
    """Seconds to wait after each failure in a row. A success counts only once it has lasted, else a
    broker that accepts and drops us at once would be asked without pause.

    While an outage is young the waits are short, so that a broker which was only restarted is used
    again within five seconds of its return; later within thirty."""

    def __init__(
        self,
        *,
        first: float = 1.0,
        cap: float = 25.0,
        young: float = YOUNG,
        stable: float = 30.0,
        pick: Callable[[float, float], float] = random.uniform,
    ) -> None:
        """All in seconds: `first` bounds the first wait, `cap` a later one (3 seconds in the first
        `young` of an outage); `stable` is how long a success must last."""
        self._first = first
        self._cap = cap
        self._young_cap = min(_YOUNG_CAP, cap)
        self._young = young
        self._began = 0.0
        self._stable = stable
        self._pick = pick
        self._failures = 0
        self._up_since: float | None = None

    def succeeded(self, now: float) -> None:
        """It works at `now`, in seconds on any steady clock."""
        if self._up_since is None:
            self._up_since = now

    def worked(self) -> None:
        """It did what it is there for, so the next failure is the first in a row."""
        self._failures = 0

    def failed(self, now: float) -> float:
        """It failed at `now`; the seconds to wait before the next try."""
        if self._up_since is not None and now - self._up_since >= self._stable:
            self._failures = 0
        self._up_since = None
        if self._failures == 0:
            self._began = now
        cap = self._young_cap if now - self._began < self._young else self._cap
        ceiling = min(cap, self._first * 2.0 ** min(self._failures, 16))
        self._failures += 1
        return max(_FLOOR, self._pick(0.0, ceiling))
