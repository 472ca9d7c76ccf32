"""When to try again: a pure rule from the attempt and the error to a delay, or to giving up."""

from dataclasses import dataclass
from datetime import timedelta

from domain.errors import Transient


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Waits the tiers in turn; after the last one, gives up."""

    tiers: tuple[timedelta, ...]

    def __post_init__(self) -> None:
        if any(tier <= timedelta(0) for tier in self.tiers):
            raise ValueError("a retry delay must be longer than zero")

    def delay_after(self, attempt: int, error: Transient | None = None) -> timedelta | None:
        """The wait after `attempt` (the first is 1) failed, or None to give up.

        An error that asks for a longer wait is moved up to the first tier that is long enough,
        else to the longest; it spends its attempt all the same.
        """
        if attempt > len(self.tiers):
            return None
        tier = self.tiers[attempt - 1]
        at_least = error.at_least if error else None
        if at_least is None or tier >= at_least:
            return tier
        return min((t for t in self.tiers if t >= at_least), default=max(self.tiers))
