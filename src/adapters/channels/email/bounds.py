"""How much a relay takes at once, learned from what it refuses: connections, mails, recipients."""

import asyncio
from collections.abc import Callable

from domain.value_object import value_object

_FIRST = 4
_RAMP = 0.1
_LONGEST_STEP = 30.0
_LONGEST_RISE = 3600.0
_PART = 10


@value_object(kw_only=True)
class PoolLimits:
    """When a connection is given up, and how soon another is tried. Seconds, but for `size` and
    `mails`.

    `patience`: until one more connection is tried after the relay has refused one while it served
    others of ours; it doubles with each further refusal.
    `more`: until more mails or recipients are tried than the relay turned out to take.
    `crowded`: how long a relay that serves others to the full, and us not at all, is asked again.
    `idle` is well below what servers and the firewalls between allow, so a connection taken from
    the pool is rarely dead. `surplus` is the same for all but one: others may wait for ours.
    """

    size: int = 10
    patience: float = 1.0
    crowded: float = 60.0
    age: float = 300.0
    idle: float = 30.0
    surplus: float = 5.0
    mails: int = 1000
    more: float = 60.0


class Width:
    """Additive increase, multiplicative decrease, as TCP shares a line.

    It starts small and grows by half, so that several workers that start together share what the
    relay takes. A refusal takes a quarter of what is open away; from then on it grows one by one.
    `is_narrowed`: the relay has refused a connection while it served others of ours.
    """

    def __init__(self, size: int, patience: float) -> None:
        """`size`: the most that there may ever be. `patience`: seconds after the first refusal
        until one more is tried; it doubles with each further refusal."""
        self._size = size
        self._patience = patience
        self.reset()

    def reset(self) -> None:
        """Forget what was refused."""
        self.now = min(self._size, _FIRST)
        self.step = _RAMP
        self.is_narrowed = False
        self._is_fresh = True

    @property
    def is_full(self) -> bool:
        """Whether it may not grow any more."""
        return self.now >= self._size

    def grow(self) -> None:
        """Allow more: `step` seconds have passed without a refusal."""
        self._is_fresh = True
        self.now = min(self.now + (1 if self.is_narrowed else self.now // 2), self._size)

    def accepted(self, count: int) -> None:
        """The relay serves us on so many connections now."""
        self.now = max(self.now, count)
        if self.is_full:
            self.reset()
            self.now = self._size

    def refused(self, count: int) -> None:
        """The relay refused another one while it serves us on so many."""
        self.now = max(1, count - count // 4)
        self.is_narrowed = True
        if self._is_fresh:  # refusals of the same moment are one
            self.step = min(max(self.step * 2, self._patience), _LONGEST_STEP)
            self._is_fresh = False


class Ceiling:
    """The largest number that the relay accepts. It is kept to, and more is tried from time to
    time. `now`: how many may be tried.

    Additive increase: each step tries more than the step before, by a tenth of the number that is
    known to be accepted; so a limit that was lifted is noticed within minutes. A refusal returns to
    the known number, and doubles the time of a step: if the relay keeps refusing, more is tried
    less and less often.
    """

    def __init__(
        self, top: int, first_step: float, learned: Callable[[float | None], None]
    ) -> None:
        """`top`: the most that is ever tried. `first_step`: seconds without a refusal until more is
        tried. `learned` is called with what is kept to, and with None once no limit is known."""
        self.now = self._top = top
        self._learned = learned
        self._known: int | None = None
        self._first_step = self._step = first_step
        self._steps = 0
        self._rise: asyncio.TimerHandle | None = None

    def lower(self, count: int) -> None:
        """The relay takes no more than so many. Refusals of the same moment are one."""
        count = max(1, count)
        if self._known is not None:
            if count >= self.now:
                return
            if count >= self._known:
                self._step = min(self._step * 2, _LONGEST_RISE)
        if self._rise is not None:
            self._rise.cancel()
        self._steps = 0
        self._keep_to(count, count)

    def halve(self, count: int) -> None:
        """The relay refused so many without a word on how many it takes."""
        known = self._known
        self.lower(known if known is not None and known < count else count // 2)

    def _keep_to(self, count: int, known: int) -> None:
        self.now, self._known = count, known
        self._learned(count)
        self._rise = asyncio.get_running_loop().call_later(self._step, self._try_more, known)

    def _try_more(self, known: int) -> None:
        self._steps += 1
        # 1 + 2 + 3 … tenths
        more = max(1, known // _PART) * self._steps * (self._steps + 1) // 2
        if known + more < self._top:
            self._keep_to(known + more, known)
            return
        self.now, self._known, self._step = self._top, None, self._first_step
        self._learned(None)
