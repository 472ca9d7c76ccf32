"""The results of an attempt, one for each recipient. The message is settled by them."""

from collections.abc import Iterable, Mapping
from dataclasses import field
from datetime import timedelta

from domain.errors import FailureReason
from domain.ledger import Claim, RecipientState, Start
from domain.notification import Recipient
from domain.value_object import value_object


@value_object(kw_only=True)
class Sent:
    """The provider has accepted the message for this recipient. `earlier`: it accepted an earlier
    delivery of the same message, and nothing was sent now."""

    recipient: Recipient
    earlier: bool = False


@value_object(kw_only=True)
class Deferred:
    """Not sent yet; try again after `delay`.

    `exact`: the wait was named from outside (a provider, the producer), so no tier is implied.
    `attempt_spent`: whether this try counts against the retry tiers. `in_doubt`: whether this try
    may have reached the recipient.
    """

    recipient: Recipient
    delay: timedelta
    error: str
    attempt_spent: bool = True
    exact: bool = False
    in_doubt: bool = False


@value_object(kw_only=True)
class Rejected:
    """The message is not sent to this recipient; `reason` and `error` say why and what to do.
    `attempt_spent`: whether this was a try at all. `in_doubt`: whether it may have arrived."""

    recipient: Recipient
    reason: FailureReason
    error: str
    attempt_spent: bool = True
    in_doubt: bool = False


_REFUSALS = frozenset(
    {
        FailureReason.TEMPLATE_MISSING,
        FailureReason.TEMPLATE_UNDEFINED,
        FailureReason.TEMPLATE_ERROR,
        FailureReason.TEMPLATE_LIMIT,
        FailureReason.RECIPIENT_INVALID,
        FailureReason.RECIPIENT_REFUSED,
        FailureReason.CONTENT_REFUSED,
        FailureReason.SENDER_REFUSED,
        FailureReason.CHANNEL_UNKNOWN,
        FailureReason.SUPPRESSED,
    }
)

Result = Sent | Deferred | Rejected


def doubted(results: Iterable[Result], states: Mapping[str, RecipientState]) -> list[str]:
    """The addresses of those who may have got it although it was not accepted, in this attempt or
    by what the ledger said of them at its start."""
    return [
        r.recipient.address
        for r in results
        if not isinstance(r, Sent)
        and (r.in_doubt or states[r.recipient.address] is RecipientState.IN_DOUBT)
    ]


@value_object(kw_only=True)
class Outcome:
    """One result for each recipient of the attempt; `attempt` is its number (first: 1). `start`:
    what the ledger answered, where it was asked. `message_ids`: address -> Message-ID of the mail
    that left for it in this attempt."""

    attempt: int
    results: tuple[Result, ...]
    start: Start | None = field(default=None, compare=False, repr=False)
    message_ids: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    @property
    def kept_claim(self) -> Claim | None:
        """The claim of which the ledger keeps rows until the message is acked; None: of none."""
        if self.start is None:
            return None
        claim, states = self.start.claim, self.start.states
        return claim if not claim.has_id or doubted(self.results, states) else None

    @property
    def was_in_doubt(self) -> bool:
        """Whether the ledger said at the start that a recipient may have it."""
        return self.start is not None and RecipientState.IN_DOUBT in self.start.states.values()

    @property
    def sent(self) -> tuple[Sent, ...]:
        return tuple(r for r in self.results if isinstance(r, Sent))

    @property
    def deferred(self) -> tuple[Deferred, ...]:
        return tuple(r for r in self.results if isinstance(r, Deferred))

    @property
    def rejected(self) -> tuple[Rejected, ...]:
        return tuple(r for r in self.results if isinstance(r, Rejected))

    def message_ids_of(self, results: Iterable[Result]) -> list[str]:
        """The Message-IDs of the mails that left for these recipients, each once."""
        ids = self.message_ids
        addresses = [result.recipient.address for result in results]
        return list(dict.fromkeys([ids[address] for address in addresses if address in ids]))

    @property
    def is_refused_for_good(self) -> bool:
        """Whether certainly none of these recipients has got it or a part of it, or will get it on
        this channel. What is in doubt, expired or out of attempts may have arrived."""
        if self.was_in_doubt or any(r.recipient.resume for r in self.results):
            return False
        return all(isinstance(r, Rejected) and r.reason in _REFUSALS for r in self.results)

    def explained(self, error: str, others: Iterable[Rejected] = ()) -> "Outcome":
        """Return an outcome in which all are refused with this error, and the first reason of these
        and the `others`. An entry of the list of suppressions is on purpose: where there is another
        reason, that one is named, since it may need work."""
        refusals = (*self.rejected, *others)
        reasons = [r.reason for r in refusals if r.reason is not FailureReason.SUPPRESSED]
        reason = next(iter(reasons), FailureReason.SUPPRESSED)
        spent = any(r.attempt_spent for r in refusals)
        made = (
            Rejected(recipient=r.recipient, reason=reason, error=error, attempt_spent=spent)
            for r in self.rejected
        )
        return Outcome(attempt=self.attempt, results=tuple(made))

    @classmethod
    def all_rejected(
        cls, recipients: Iterable[Recipient], reason: FailureReason, error: str, *, attempt: int
    ) -> "Outcome":
        """Return an outcome in which all are refused for one reason."""
        return cls(
            attempt=attempt,
            results=tuple(Rejected(recipient=r, reason=reason, error=error) for r in recipients),
        )
