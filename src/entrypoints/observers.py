"""Who gets what became of each message."""

from collections.abc import Mapping

from adapters.inbound.handler import Observer
from adapters.observers.logs import mask_addresses
from domain.alerts import AlertPolicy, DeadLetterCause
from domain.errors import MalformedMessage
from domain.notification import Notification
from domain.outcome import Outcome
from entrypoints.harmless import harmless


class Observers:
    """Several observers as one. What one of them raises reaches neither the others nor the
    delivery."""

    def __init__(self, *observers: Observer) -> None:
        self._on_delivered = [harmless(observer.delivered) for observer in observers]
        self._on_malformed = [harmless(observer.malformed) for observer in observers]

    def delivered(self, queue: str, notification: Notification, outcome: Outcome) -> None:
        """See Observer."""
        for tell in self._on_delivered:
            tell(queue, notification, outcome)

    def malformed(self, queue: str, key: str, error: MalformedMessage) -> None:
        """See Observer."""
        for tell in self._on_malformed:
            tell(queue, key, error)


class DeadLetterAlerts:
    """Reports dead letters to the alerts, by their cause. `queue_channels`: queue to channel."""

    def __init__(self, alerts: AlertPolicy, queue_channels: Mapping[str, str]) -> None:
        self._alerts = alerts
        self._queue_channels = queue_channels

    def delivered(self, queue: str, notification: Notification, outcome: Outcome) -> None:
        """A message leaves one letter for each reason."""
        errors = {rejected.reason: rejected.error for rejected in outcome.rejected}
        for reason, error in errors.items():
            cause = DeadLetterCause(
                reason=reason, template=notification.template, channel=notification.channel
            )
            self._alerts.dead_letter(cause, queue=queue, error=mask_addresses(error))

    def malformed(self, queue: str, key: str, error: MalformedMessage) -> None:
        """A letter that names no template we could trust."""
        cause = DeadLetterCause(reason=error.reason, channel=self._queue_channels.get(queue))
        self._alerts.dead_letter(cause, queue=queue, error=mask_addresses(str(error)))
