"""One event of each kind, and shorthands to make them."""

from typing import get_args

from domain.errors import FailureReason
from domain.events import (
    ALARM,
    BROKER,
    LEDGER,
    SETTLEMENT,
    Event,
    MessageMalformed,
    NotificationDispatched,
    QueueRecreated,
    StylesNotInlined,
    TemplatesChanged,
    TroubleBegan,
    TroubleEnded,
    TroubleUncertain,
    TurnAwaited,
    UnknownCodeReceived,
    channel_trouble,
    queue_trouble,
)
from domain.notification import Notification
from domain.outcome import Outcome, Rejected, Result, Sent
from tests.fakes import a_notification, recipients

ANN, BOB, CEM = recipients("ann@example.com", "bob@example.com", "cem@example.com")
EMAIL = channel_trouble("email")
TROUBLES = (EMAIL, LEDGER, BROKER, ALARM, queue_trouble("email.dead"), SETTLEMENT)


def dispatched(
    *results: Result,
    queue: str = "mails",
    notification: Notification | None = None,
    waited: float | None = None,
) -> NotificationDispatched:
    """A notification with this outcome of its first attempt."""
    outcome = Outcome(attempt=1, results=results)
    return NotificationDispatched(queue, notification or a_notification(), outcome, waited=waited)


def dead(reason: FailureReason, error: str) -> Rejected:
    """Cem will not get it."""
    return Rejected(recipient=CEM, reason=reason, error=error)


def malformed(error: str = "to: is required") -> MessageMalformed:
    """A message that cannot be read."""
    return MessageMalformed("mails", "key-1", FailureReason.MALFORMED, error)


EACH: tuple[Event, ...] = (
    dispatched(Sent(recipient=ANN), dead(FailureReason.POISON, "it died")),
    malformed(),
    *(TroubleBegan(trouble, "it is away", 1.25) for trouble in TROUBLES),
    *(TroubleUncertain(trouble) for trouble in TROUBLES),
    *(TroubleEnded(trouble) for trouble in TROUBLES),
    QueueRecreated("mails"),
    TemplatesChanged(version="v1", faults=("a.jinja2: line 1",), is_refused=True),
    TemplatesChanged(version="v2", faults=("a.jinja2: line 1",), unknown=("b.txt",)),
    TemplatesChanged(version="v3"),
    StylesNotInlined("welcome", "the page has too many rules", "v1"),
    UnknownCodeReceived("slack", "odd"),
    TurnAwaited("email", 1.5),
)
"""At least one of each kind."""

assert {type(event) for event in EACH} == set(get_args(Event))
