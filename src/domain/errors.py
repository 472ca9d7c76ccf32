"""Why a recipient did not get a notification: one closed tree, one closed list of reasons."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from enum import StrEnum


class FailureReason(StrEnum):
    """Why a message is dead. A closed list: operators filter and alert on it."""

    MALFORMED = "malformed"
    TEMPLATE_MISSING = "template_missing"
    TEMPLATE_UNDEFINED = "template_undefined"
    TEMPLATE_ERROR = "template_error"
    TEMPLATE_LIMIT = "template_limit"
    RECIPIENT_INVALID = "recipient_invalid"
    RECIPIENT_REFUSED = "recipient_refused"
    CONTENT_REFUSED = "content_refused"
    SENDER_REFUSED = "sender_refused"
    EXPIRED = "expired"
    CONFLICT = "conflict"
    POISON = "poison"
    IN_DOUBT = "in_doubt"
    RETRIES_EXHAUSTED = "retries_exhausted"
    CHANNEL_UNKNOWN = "channel_unknown"
    GUARDED = "guarded"
    SUPPRESSED = "suppressed"


class DispatcherError(Exception):
    """Root of every error this project raises on purpose."""


class DeliveryError(DispatcherError):
    """A delivery did not succeed; the subclass says what may be done about it.

    The message is read by operators: it says what happened and, where known, what to do. It never
    holds a secret or a message body.

    `resume`: how far this try came, in the notifier's own words; the next try for this recipient
    is given it (see `Recipient.resume`). None: from the beginning.
    """

    resume: str | None = None


class Transient(DeliveryError):
    """A passing refusal: the delivery may succeed later, so it goes to the retry tiers.

    `safe_to_repeat`: nothing of the payload has left, so a repeat within seconds cannot duplicate.
    `at_least`: the shortest wait that makes sense (a greylisting server asks for minutes).
    `retry_after`: the wait that the provider named for this message, in place of the tier's.
    `most_attempts`: after so many it is given up; None: after all tiers.
    `provider_fault`: not this message's fault, as far as one refusal shows; several
    messages in a row make it the channel's trouble. `is_certain`: the provider speaks of us or of
    itself, so for some tries it spends no attempt.
    """

    def __init__(
        self,
        message: str,
        *,
        safe_to_repeat: bool = False,
        at_least: timedelta | None = None,
        retry_after: timedelta | None = None,
        most_attempts: int | None = None,
        provider_fault: bool = False,
        is_certain: bool = False,
    ) -> None:
        super().__init__(message)
        self.safe_to_repeat = safe_to_repeat
        self.at_least = at_least
        self.most_attempts = most_attempts
        self.retry_after = retry_after
        self.provider_fault = provider_fault
        self.is_certain = is_certain


class Throttled(DeliveryError):
    """The provider named the wait itself. It is obeyed exactly and spends no attempt.

    `in_hand`: the notifier keeps the place of this delivery and waits itself: call it again at
    once. Else the message rests in the broker for `retry_after`.
    """

    def __init__(self, message: str, *, retry_after: timedelta, in_hand: bool = False) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.in_hand = in_hand


class NotYet(Transient):
    """Nothing was tried for this recipient: the provider takes no more of them in one message. It
    gets a further message at once, which spends no attempt."""


class Unavailable(DeliveryError):
    """The provider cannot be reached or refuses our credentials: no message is at fault.

    The channel pauses, no attempt is spent and nothing is dead-lettered.
    `safe_to_repeat`: a blip such as a refused connection, worth another try within seconds; a
    refused password is not.
    `is_login`: it refuses our credentials. To try again soon would lock the account out, so the
    pauses are longer than for a provider that is away. `changed`: whether the credentials by now
    differ from those refused; the paused channel asks every second, and tries again where they do.
    """

    def __init__(
        self,
        message: str,
        *,
        safe_to_repeat: bool = False,
        is_login: bool = False,
        changed: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__(message)
        self.safe_to_repeat = safe_to_repeat
        self.is_login = is_login
        self.changed = changed


class RefusedInARow(Unavailable):
    """Several messages in a row met a refusal that is about us. Not all may be lost: what was
    refused may concern these messages only, so others are tried while the channel is paused."""


class Permanent(DeliveryError):
    """No repetition can help: dead-letter at once with this reason.

    `provider_fault`: it may well be about us rather than the message, as a refused sender is. It
    waits until that is known: several messages in a row make it the channel's trouble, and what is
    refused again while others pass is final. `is_certain`: the provider's words name our account
    or host, so one that comes alone waits for longer before it is final. `is_vague`: the words do
    not say what it is about; the same words to several messages in a row may be about us.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: FailureReason,
        provider_fault: bool = False,
        is_certain: bool = False,
        is_vague: bool = False,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.provider_fault = provider_fault
        self.is_certain = is_certain
        self.is_vague = is_vague


class InDoubt(DeliveryError):
    """The connection died when the provider may already have accepted: it may or may not be sent.

    RFC 1047 describes why no client can close this gap; policy decides what to do.
    """


class MalformedMessage(Permanent):
    """A message that cannot be understood. `faults` has one line for each fault, all at once."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(self.faults), reason=FailureReason.MALFORMED)
