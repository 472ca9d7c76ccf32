"""What the answer for one recipient means for its delivery."""

from dataclasses import dataclass, replace

from domain.content import InDoubtPolicy
from domain.errors import DeliveryError, FailureReason, InDoubt, Permanent, Throttled, Transient
from domain.notification import Recipient
from domain.outcome import Deferred, Rejected, Result, Sent
from domain.retry_policy import RetryPolicy


@dataclass(frozen=True, slots=True)
class Judgement:
    """Answers of one attempt, as these policies take them."""

    attempt: int
    in_doubt: InDoubtPolicy
    retry_policy: RetryPolicy

    def of(self, recipient: Recipient, error: DeliveryError | None) -> Result:
        """The result of a recipient's answer; None is accepted."""
        if error is None:
            return Sent(recipient=recipient)
        recipient = resumed(recipient, error.resume)
        text = str(error)
        match error:
            case Permanent(reason=reason):
                return Rejected(recipient=recipient, reason=reason, error=text)
            case Throttled(retry_after=wait):
                return Deferred(
                    recipient=recipient, delay=wait, error=text, attempt_spent=False, exact=True
                )
            case InDoubt() if self.in_doubt is InDoubtPolicy.HOLD:
                return Rejected(recipient=recipient, reason=FailureReason.IN_DOUBT, error=text)
            case _:
                return self._retry(recipient, error)

    def _retry(self, recipient: Recipient, error: DeliveryError) -> Result:
        transient = error if isinstance(error, Transient) else None
        tier = self.retry_policy.delay_after(self.attempt, transient)
        if tier is None:
            reason = FailureReason.RETRIES_EXHAUSTED
            return Rejected(recipient=recipient, reason=reason, error=str(error))
        named = transient.retry_after if transient else None
        delay, exact = (tier, False) if named is None else (named, True)
        return Deferred(recipient=recipient, delay=delay, error=str(error), exact=exact)


def resumed(recipient: Recipient, resume: str | None) -> Recipient:
    """The recipient with how far its last try came."""
    if resume is None or resume == recipient.resume:
        return recipient
    return replace(recipient, resume=resume)
