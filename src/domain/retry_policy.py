"""When to try again, and when an attempt was the last: a pure rule."""

from dataclasses import dataclass
from datetime import timedelta

from domain.errors import FailureReason, Transient
from domain.notification import Recipient
from domain.outcome import Deferred, Rejected


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Waits the tiers in turn; after the last one, gives up."""

    tiers: tuple[timedelta, ...]

    def __post_init__(self) -> None:
        if any(tier <= timedelta(0) for tier in self.tiers):
            raise ValueError("a retry delay must be longer than zero")

    def after(
        self, attempt: int, recipient: Recipient, error: str, cause: Transient | None = None
    ) -> Deferred | Rejected:
        """What follows for a recipient after `attempt` (the first is 1) failed with `error`: the
        next wait, or the end. `cause` may ask for another wait than the tier's."""
        delay = self.delay_after(attempt, cause)
        if delay is None:
            reason = FailureReason.RETRIES_EXHAUSTED
            return Rejected(recipient=recipient, reason=reason, error=error)
        if cause is not None and cause.retry_after is not None:
            return Deferred(recipient=recipient, delay=cause.retry_after, error=error, exact=True)
        return Deferred(recipient=recipient, delay=delay, error=error)

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
