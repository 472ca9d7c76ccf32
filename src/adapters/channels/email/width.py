"""How many connections a relay takes at once, learned from what it refuses."""

_FIRST = 4
_RAMP = 0.2
_LONGEST_STEP = 30.0
_FIRST_LOOK = 0.25
_LONGEST_LOOK = 1.0


class Width:
    """Additive increase, multiplicative decrease, as TCP shares a line.

    It starts small and grows fast, so that several workers that start together share what the relay
    takes. A refusal takes a quarter of what is open away; from then on it grows slowly.
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
        self._is_narrowed = False
        self._is_fresh = True

    @property
    def is_full(self) -> bool:
        """Whether it may not grow any more."""
        return self.now >= self._size

    @property
    def is_narrowed(self) -> bool:
        """Whether the relay has refused a connection while it served others of ours."""
        return self._is_narrowed

    def grow(self) -> None:
        """Allow one more: `step` seconds have passed without a refusal."""
        self._is_fresh = True
        self.now = min(self.now + 1, self._size)

    def accepted(self, count: int) -> None:
        """The relay serves us on so many connections now."""
        self.now = max(self.now, count)
        if self.is_full:
            self.reset()
            self.now = self._size

    def refused(self, count: int) -> None:
        """The relay refused another one while it serves us on so many."""
        self.now = max(1, count - count // 4)
        self._is_narrowed = True
        if self._is_fresh:  # refusals of the same moment are one
            self.step = min(max(self.step * 2, self._patience), _LONGEST_STEP)
            self._is_fresh = False


class Patience:
    """How long to go on asking a relay that serves others to the full, and us not at all."""

    def __init__(self, longest: float) -> None:
        """`longest`: seconds."""
        self._longest = longest
        self._since: float | None = None
        self._step = _FIRST_LOOK

    def reset(self) -> None:
        """It serves us."""
        self._since, self._step = None, _FIRST_LOOK

    def next_try(self, now: float) -> float | None:
        """Seconds until the next try makes sense; None once it has been enough."""
        if self._since is None:
            self._since = now
        if now - self._since >= self._longest:
            self.reset()
            return None
        step, self._step = self._step, min(self._step * 2, _LONGEST_LOOK)
        return step
