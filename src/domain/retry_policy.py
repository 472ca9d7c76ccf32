"""Decide what an answer for one recipient means: sent, try again later, or refused. Pure rules.

Only here is it decided which attempt is the last, and what happens to a recipient in doubt.
"""

from dataclasses import replace
from datetime import timedelta

from domain.content import InDoubtPolicy
from domain.delivery import resumed
from domain.errors import DeliveryError, FailureReason, InDoubt, Permanent, Throttled, Transient
from domain.ledger import RecipientState
from domain.notification import Recipient
from domain.outcome import Deferred, Rejected, Result, Sent
from domain.value_object import value_object

_NEVER_SENT = {
    RecipientState.CONFLICT: (
        FailureReason.CONFLICT,
        "this id was used before with another body; every message needs an id of its own",
    ),
    RecipientState.POISON: (
        FailureReason.POISON,
        "the worker died each time it had this message in hand; see its log before a retry",
    ),
}


@value_object()
class RetryPolicy:
    """Uses the tiers in turn; after the last tier there is no further attempt."""

    tiers: tuple[timedelta, ...]

    def __post_init__(self) -> None:
        if any(tier <= timedelta(0) for tier in self.tiers):
            raise ValueError("a retry delay must be longer than zero")

    def result_of(
        self,
        recipient: Recipient,
        error: DeliveryError | None,
        attempt: int,
        in_doubt: InDoubtPolicy,
    ) -> Result:
        """What the provider's answer means for a recipient; None: it has accepted."""
        if error is None:
            return Sent(recipient=recipient)
        recipient = resumed(recipient, error.resume)
        text = str(error)
        match error:
            case Permanent(reason=reason):
                is_try = reason is not FailureReason.SUPPRESSED
                return Rejected(
                    recipient=recipient, reason=reason, error=text, attempt_spent=is_try
                )
            case Throttled(retry_after=wait):
                return Deferred(
                    recipient=recipient, delay=wait, error=text, attempt_spent=False, exact=True
                )
            case InDoubt() if in_doubt is InDoubtPolicy.HOLD:
                return _held(recipient, text)
            case InDoubt():
                return replace(self.after(attempt, recipient, text), in_doubt=True)
        return self.after(attempt, recipient, text, error if isinstance(error, Transient) else None)

    def after(
        self, attempt: int, recipient: Recipient, error: str, cause: Transient | None = None
    ) -> Deferred | Rejected:
        """Return the result for a recipient after `attempt` (the first is 1) failed with `error`:
        the next wait, or a refusal. `cause` may ask for another wait than the tier's."""
        delay = self.delay_after(attempt, cause)
        if delay is None:
            reason = FailureReason.RETRIES_EXHAUSTED
            return Rejected(recipient=recipient, reason=reason, error=error)
        if cause is not None and cause.retry_after is not None:
            return Deferred(recipient=recipient, delay=cause.retry_after, error=error, exact=True)
        return Deferred(recipient=recipient, delay=delay, error=error)

    def delay_after(self, attempt: int, error: Transient | None = None) -> timedelta | None:
        """The wait after `attempt` (the first is 1) failed, or None to give up.

        If the error asks for a longer wait, the first tier that is long enough is taken, else the
        longest tier. The attempt is spent. The error may allow fewer attempts.
        """
        most = (error.most_attempts if error else None) or len(self.tiers) + 1
        if attempt >= min(most, len(self.tiers) + 1):
            return None
        tier = self.tiers[attempt - 1]
        at_least = error.at_least if error else None
        if at_least is None or tier >= at_least:
            return tier
        return min((t for t in self.tiers if t >= at_least), default=max(self.tiers))


def result_of_state(
    recipient: Recipient, state: RecipientState, in_doubt: InDoubtPolicy
) -> Result | None:
    """Return what the ledger knows of this recipient as a result; None: send to it."""
    if state is RecipientState.SENT:
        return Sent(recipient=recipient, earlier=True)
    if state in _NEVER_SENT:
        reason, error = _NEVER_SENT[state]
        return Rejected(recipient=recipient, reason=reason, error=error)
    if state is RecipientState.IN_DOUBT and in_doubt is InDoubtPolicy.HOLD:
        error = "its worker died while it was sent, or the answer was lost: it may have arrived"
        return _held(recipient, error)
    return None


def _held(recipient: Recipient, error: str) -> Rejected:
    """A recipient that may have the message is not sent to again."""
    reason = FailureReason.IN_DOUBT
    return Rejected(recipient=recipient, reason=reason, error=error, in_doubt=True)
