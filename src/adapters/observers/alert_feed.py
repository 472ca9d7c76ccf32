"""The observer that feeds the alert policy."""

from collections.abc import Mapping
from datetime import timedelta

from adapters.observers.logs import mask_addresses
from domain.alerts import PATIENCE, AlertPolicy, DeadLetterCause
from domain.errors import FailureReason
from domain.events import (
    SETTLEMENT,
    TEMPLATES,
    Event,
    MessageMalformed,
    NotificationDispatched,
    QueueRecreated,
    TemplatesChanged,
    TroubleBegan,
    TroubleEnded,
    TroubleUncertain,
)
from domain.outcome import Rejected


class AlertFeed:
    """Gives dead letters and troubles to the policy, without addresses."""

    def __init__(self, policy: AlertPolicy, queue_channels: Mapping[str, str]) -> None:
        """`queue_channels`: queue to channel."""
        self._policy = policy
        self._queue_channels = queue_channels

    def emit(self, event: Event) -> None:
        match event:
            case NotificationDispatched(outcome=outcome):
                for result in outcome.results:
                    if isinstance(result, Rejected):
                        self._dead_letters(event)
                        break
            case MessageMalformed(queue, _, reason, error):
                # It names no template that we could trust.
                cause = DeadLetterCause(reason=reason, channel=self._queue_channels.get(queue))
                self._policy.dead_letter(cause, queue=queue, error=mask_addresses(error))
            case TroubleBegan(trouble, error):
                patience = timedelta(0) if trouble == SETTLEMENT else PATIENCE
                self._policy.trouble(trouble, mask_addresses(error), patience=patience)
            case TroubleEnded(trouble):
                self._policy.trouble(trouble, None)
            case TroubleUncertain(trouble):
                self._policy.unsure(trouble)
            case TemplatesChanged():
                fault = "; ".join(event.faults) or None
                self._policy.trouble(TEMPLATES, fault, patience=timedelta(0))
            case QueueRecreated():
                self._policy.recreated(event, "it was deleted, with the messages in it")

    def _dead_letters(self, event: NotificationDispatched) -> None:
        """A message leaves one dead letter for each reason. Who is suppressed is so on purpose."""
        notification = event.notification
        errors = {rejected.reason: rejected.error for rejected in event.outcome.rejected}
        errors.pop(FailureReason.SUPPRESSED, None)
        for reason, error in errors.items():
            cause = DeadLetterCause(
                reason=reason, template=notification.template, channel=notification.channel
            )
            self._policy.dead_letter(cause, queue=event.queue, error=mask_addresses(error))
