"""What the ledger's or the provider's answer for one recipient means for its delivery."""

from domain.content import InDoubtPolicy
from domain.delivery import resumed
from domain.errors import DeliveryError, FailureReason, InDoubt, Permanent, Throttled, Transient
from domain.ledger import RecipientState
from domain.notification import Recipient
from domain.outcome import Deferred, Rejected, Result, Sent
from domain.retry_policy import RetryPolicy

_REFUSALS = {
    RecipientState.CONFLICT: (
        FailureReason.CONFLICT,
        "this id was used before with another body; every message needs an id of its own",
    ),
    RecipientState.POISON: (
        FailureReason.POISON,
        "the worker died each time it had this message in hand; see its log before a retry",
    ),
}


def result_of_state(
    recipient: Recipient, state: RecipientState, in_doubt: InDoubtPolicy
) -> Result | None:
    """What the ledger knows of this recipient as a result; None: it is to be sent to."""
    if state is RecipientState.SENT:
        return Sent(recipient=recipient, earlier=True)
    if state in _REFUSALS:
        reason, error = _REFUSALS[state]
        return Rejected(recipient=recipient, reason=reason, error=error)
    if state is RecipientState.IN_DOUBT:
        error = "the worker died while sending; whether it arrived cannot be known"
        return _held(recipient, error, in_doubt)
    return None


def result_of_error(
    recipient: Recipient,
    error: DeliveryError,
    attempt: int,
    in_doubt: InDoubtPolicy,
    retry_policy: RetryPolicy,
) -> Deferred | Rejected:
    """The result for a recipient that the provider has not accepted in this attempt."""
    recipient = resumed(recipient, error.resume)
    text = str(error)
    match error:
        case Permanent(reason=reason):
            return Rejected(recipient=recipient, reason=reason, error=text)
        case Throttled(retry_after=wait):
            return Deferred(
                recipient=recipient, delay=wait, error=text, attempt_spent=False, exact=True
            )
        case InDoubt():
            held = _held(recipient, text, in_doubt)
            return held or retry_policy.after(attempt, recipient, text)
        case Transient():
            return retry_policy.after(attempt, recipient, text, error)
        case _:
            return retry_policy.after(attempt, recipient, text)


def _held(recipient: Recipient, error: str, in_doubt: InDoubtPolicy) -> Rejected | None:
    """Whether a recipient who may or may not have it is kept from being sent to again."""
    if in_doubt is InDoubtPolicy.HOLD:
        return Rejected(recipient=recipient, reason=FailureReason.IN_DOUBT, error=error)
    return None
