"""Waits between tries, as long as the other side stays away."""

from math import inf

from domain.value_object import value_object


@value_object(kw_only=True)
class DoublingWait:
    """Each wait is twice as long as the one before it, up to the `longest`; up to the
    `longest_early` while an outage is younger than `early`: it is likely to be a restart then, and
    is worth many tries. All are in seconds."""

    first: float
    longest: float
    longest_early: float = inf
    early: float = 300.0

    def after(self, wait: float, age: float = inf) -> float:
        """The wait that follows one of so many seconds, 0 where there was none, in an outage that
        began so many seconds ago."""
        longest = min(self.longest, self.longest_early) if 0 <= age < self.early else self.longest
        return min(wait * 2 or self.first, longest)
