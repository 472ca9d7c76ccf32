"""One log line for each thing that became of a message."""

from collections import Counter
from collections.abc import Iterable
from typing import TypeVar

import structlog

from domain.errors import MalformedMessage
from domain.notification import Notification
from domain.outcome import Outcome

log = structlog.get_logger()

_T = TypeVar("_T")


class DeliveryLog:
    """Logs outcomes: info for sent, warning for what waits, error for what is dead."""

    def delivered(self, queue: str, notification: Notification, outcome: Outcome) -> None:
        """One line for the recipients reached, and one for each cause of not reaching some."""
        entry = log.bind(
            id=notification.id,
            channel=notification.channel,
            template=notification.template,
            queue=queue,
            attempt=outcome.attempt,
            **({"metadata": dict(notification.metadata)} if notification.metadata else {}),
        )
        if outcome.sent:
            entry.info("notification sent", recipients=len(outcome.sent))
        for (delay, error), count in _counted((r.delay, r.error) for r in outcome.deferred):
            entry.warning(
                "notification deferred",
                recipients=count,
                retry_in_seconds=delay.total_seconds(),
                error=error,
            )
        for (reason, error), count in _counted((r.reason, r.error) for r in outcome.rejected):
            entry.error(
                "notification dead-lettered", recipients=count, reason=str(reason), error=error
            )

    def malformed(self, queue: str, key: str, error: MalformedMessage) -> None:
        """One line with all faults."""
        log.error(
            "message dead-lettered", id=key, queue=queue, reason=str(error.reason), error=str(error)
        )


def _counted(causes: Iterable[_T]) -> Iterable[tuple[_T, int]]:
    return Counter(causes).items()
