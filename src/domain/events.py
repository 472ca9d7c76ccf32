"""What happened, as value objects. The code that notices it emits the value; observers write log
lines, count, and send alerts."""

from enum import StrEnum

from domain.errors import FailureReason
from domain.notification import Notification
from domain.outcome import Outcome
from domain.value_object import value_object


class TroubleKind(StrEnum):
    """What can be in trouble. The value is the name that `/readyz` shows."""

    CHANNEL = "channel"
    LEDGER = "ledger"
    BROKER = "queues"
    """There is no connection to the broker, so no queue is consumed."""
    ALARM = "broker alarm"
    """The broker is short of memory or disk, and takes no messages in."""
    QUEUE = "queue"
    """A queue is not consumed, or takes no copies."""
    TEMPLATES = "templates"
    SETTLEMENT = "settlement"
    """Messages are in hand and no message is settled, for no known reason."""
    SUPPRESSIONS = "suppressions"
    """The list of suppressions cannot be asked."""
    SUPPRESSIONS_WRITE = "suppressions write"
    """Addresses from the queues cannot be stored in the list."""
    SUPPRESSIONS_FILE = "suppressions file"
    """A file of the list cannot be used, and what it held before counts."""


@value_object()
class Trouble:
    """Something that stops work until it is over. `name`: of the channel or the queue."""

    kind: TroubleKind
    name: str = ""

    def __str__(self) -> str:
        """The name that `/readyz` shows."""
        if self.kind is TroubleKind.CHANNEL:
            return self.name
        return f"{self.kind} {self.name}" if self.name else str(self.kind)


LEDGER = Trouble(TroubleKind.LEDGER)
BROKER = Trouble(TroubleKind.BROKER)
ALARM = Trouble(TroubleKind.ALARM)
TEMPLATES = Trouble(TroubleKind.TEMPLATES)
SETTLEMENT = Trouble(TroubleKind.SETTLEMENT)
SUPPRESSIONS = Trouble(TroubleKind.SUPPRESSIONS)
SUPPRESSIONS_WRITE = Trouble(TroubleKind.SUPPRESSIONS_WRITE)
SUPPRESSIONS_FILE = Trouble(TroubleKind.SUPPRESSIONS_FILE)


def channel_trouble(channel: str) -> Trouble:
    """The channel is paused."""
    return Trouble(TroubleKind.CHANNEL, channel)


def queue_trouble(queue: str) -> Trouble:
    """The queue cannot be used."""
    return Trouble(TroubleKind.QUEUE, queue)


@value_object()
class NotificationDispatched:
    """A notification from `queue` was dispatched on its channel, with this outcome.
    `correlation_id` is that of its message, `traceparent` that of the work on it, well-formed.
    `waited`: seconds since it was published, or since the later time that it asked for; None where
    the message does not say when it was published."""

    queue: str
    notification: Notification
    outcome: Outcome
    correlation_id: str | None = None
    traceparent: str | None = None
    waited: float | None = None


@value_object()
class MessageMalformed:
    """A message could not be read and is dead-lettered. `id` is what `failed show` takes. The rest
    is as the message had it."""

    queue: str
    id: str
    reason: FailureReason
    error: str
    correlation_id: str | None = None
    traceparent: str | None = None
    content_type: str | None = None


@value_object()
class TroubleBegan:
    """A trouble began or goes on. `retry_in`: seconds until the next try; None where the code that
    reports it does not wait for a fixed time. `is_login`: the other side refuses our login."""

    trouble: Trouble
    error: str
    retry_in: float | None = None
    is_login: bool = False


@value_object()
class TroubleEnded:
    """A trouble is over. Also emitted where there was no trouble."""

    trouble: Trouble


@value_object()
class TroubleUncertain:
    """It is not known whether the trouble goes on: no message waits for it now."""

    trouble: Trouble


@value_object()
class QueueRecreated:
    """A queue that was in use was deleted with its messages, and is created again."""

    queue: str


@value_object(kw_only=True)
class TemplatesChanged:
    """A template set was found, later or at the start.

    `version` is the set in use. `faults`: what is wrong with the set that was found. Unless it
    `is_refused`, it is in use without the templates that have a fault. `unknown`: files whose names
    are probably wrong. `examples`: what is wrong with sample messages, which break no template.
    """

    version: str
    faults: tuple[str, ...] = ()
    is_refused: bool = False
    unknown: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()


@value_object()
class StylesNotInlined:
    """The mails of a template go out as they are written: their styles could not be inlined.
    `version`: that of the template set."""

    template: str
    error: str
    version: str


@value_object()
class UnknownCodeReceived:
    """A provider answered with a code that is in no table."""

    channel: str
    code: str


@value_object()
class TurnAwaited:
    """A message waited for its turn, since the provider of the channel takes only so many."""

    channel: str
    seconds: float


Event = (
    NotificationDispatched
    | MessageMalformed
    | TroubleBegan
    | TroubleEnded
    | TroubleUncertain
    | QueueRecreated
    | TemplatesChanged
    | StylesNotInlined
    | UnknownCodeReceived
    | TurnAwaited
)
