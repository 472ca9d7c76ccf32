"""How long to wait before the next try: exponential with full jitter, so that the clients of a
restarted broker do not all connect at once."""

import random
from collections.abc import Callable

from domain.backoff import DoublingWait

_FLOOR = 0.1
_WAITS = DoublingWait(first=1.0, longest=25.0, longest_early=3.0)


class Backoff:
    """Seconds to wait after each failure in a row. A success counts only once it has lasted, else a
    broker that accepts and drops us at once would be asked without pause.

    While an outage is young the waits are short, so that a broker which was only restarted is used
    again within five seconds of its return; later within thirty."""

    def __init__(
        self,
        waits: DoublingWait = _WAITS,
        *,
        stable: float = 30.0,
        pick: Callable[[float, float], float] = random.uniform,
    ) -> None:
        """`waits` bounds each wait; `stable` is how many seconds a success must last."""
        self._waits = waits
        self._stable = stable
        self._pick = pick
        self._began = 0.0
        self._bound = 0.0
        self._up_since: float | None = None

    def succeeded(self, now: float) -> None:
        """It works at `now`, in seconds on any steady clock."""
        if self._up_since is None:
            self._up_since = now

    def worked(self) -> None:
        """It did what it is there for, so the next failure is the first in a row."""
        self._bound = 0.0

    def failed(self, now: float) -> float:
        """It failed at `now`; the seconds to wait before the next try."""
        if self._up_since is not None and now - self._up_since >= self._stable:
            self._bound = 0.0
        self._up_since = None
        if self._bound == 0.0:
            self._began = now
        self._bound = self._waits.after(self._bound, now - self._began)
        return max(_FLOOR, self._pick(0.0, self._bound))
