"""A number that the relay turned out to take at most: kept to, and tried again with time."""

import asyncio
from collections.abc import Callable

_LONGEST_STEP = 3600.0
_PART = 10


class Ceiling:
    """Additive increase: each step tries a tenth of what is known to be taken more than the step
    before, so that a limit that was lifted is noticed within minutes. A refusal of what was tried
    brings back what is known, and doubles the time of a step: a limit that stands is met seldom.
    """

    def __init__(
        self, top: int, first_step: float, learned: Callable[[float | None], None]
    ) -> None:
        """`top`: the most that is ever tried. `first_step`: seconds without a refusal until more is
        tried. `learned` is called with what is kept to, and with
        None once no limit is known."""
        self._top = top
        self._learned = learned
        self._known: int | None = None
        self._since = 0.0
        self._first_step = self._step = first_step
        self._steps = 0
        self._tried = top

    @property
    def now(self) -> int:
        """How many may be tried."""
        if self._known is not None:
            self._rise(self._known)
        return self._tried

    def _rise(self, known: int) -> None:
        steps = int((asyncio.get_running_loop().time() - self._since) / self._step)
        if steps == self._steps:
            return
        self._steps = steps
        # 1 + 2 + 3 … tenths
        more = max(1, known // _PART) * steps * (steps + 1) // 2
        self._tried = min(known + more, self._top)
        if self._tried == self._top:
            self._known, self._step = None, self._first_step
        self._learned(self._tried if self._known is not None else None)

    def lower(self, count: int) -> None:
        """The relay takes no more than so many. Refusals of the same moment are one."""
        count = max(1, count)
        if count >= self.now and self._known is not None:
            return
        if self._known is not None and count >= self._known:
            self._step = min(self._step * 2, _LONGEST_STEP)
        self._known = self._tried = count
        self._steps = 0
        self._since = asyncio.get_running_loop().time()
        self._learned(count)

    def halve(self, count: int) -> None:
        """The relay refused so many without a word on how many it takes."""
        known = self._known
        self.lower(known if known is not None and known < count else count // 2)
