"""Makes events of what the dispatcher and the handler report by calls of their own."""

from domain.errors import MalformedMessage
from domain.events import (
    LEDGER,
    MessageMalformed,
    NotificationDispatched,
    TroubleBegan,
    TroubleEnded,
    channel_trouble,
)
from domain.notification import Notification
from domain.outcome import Outcome
from domain.ports import EventSink


class Hooks:
    """Gives all of it to `events`."""

    def __init__(self, events: EventSink) -> None:
        self._events = events

    def delivered(self, queue: str, notification: Notification, outcome: Outcome) -> None:
        """See Observer."""
        self._events.emit(NotificationDispatched(queue, notification, outcome))

    def malformed(self, queue: str, key: str, error: MalformedMessage) -> None:
        """See Observer."""
        self._events.emit(MessageMalformed(queue, key, error.reason, str(error)))

    def pause(self, name: str, error: str | None) -> None:
        """A channel, or the ledger, is paused by `error`; None: it goes on."""
        trouble = LEDGER if name == str(LEDGER) else channel_trouble(name)
        self._events.emit(TroubleEnded(trouble) if error is None else TroubleBegan(trouble, error))
