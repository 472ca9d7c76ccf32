"""One log line for each thing that became of a message."""

from collections import Counter
from collections.abc import Iterable
from typing import TypeVar

import structlog

from domain.errors import MalformedMessage
from domain.notification import Notification
from domain.outcome import Outcome

log = structlog.get_logger()

_WISHES = frozenset(("telegram", "slack"))
"""Metadata that is a channel's to read; a button's link may be as good as a password."""

_T = TypeVar("_T")


class DeliveryLog:
    """Logs outcomes: info for sent, warning for what waits, error for what is dead."""

    def delivered(self, queue: str, notification: Notification, outcome: Outcome) -> None:
        """One line for the recipients reached, and one for each cause of not reaching some."""
        about: dict[str, object] = {
            "id": notification.id,
            "channel": notification.channel,
            "template": notification.template,
            "queue": queue,
            "attempt": outcome.attempt,
        }
        metadata = {k: v for k, v in notification.metadata.items() if k not in _WISHES}
        if metadata:
            about["metadata"] = metadata
        earlier = sum(1 for result in outcome.sent if result.earlier)
        if sent := len(outcome.sent) - earlier:
            log.info("notification sent", **about, recipients=sent)
        if earlier:
            log.info("notification was sent before", **about, recipients=earlier)
        if sent + earlier == len(outcome.results):
            return
        for (delay, error), count in _counted((r.delay, r.error) for r in outcome.deferred):
            log.warning(
                "notification deferred",
                **about,
                recipients=count,
                retry_in_seconds=delay.total_seconds(),
                error=error,
            )
        for (reason, error), count in _counted((r.reason, r.error) for r in outcome.rejected):
            log.error(
                "notification dead-lettered",
                **about,
                recipients=count,
                reason=str(reason),
                error=error,
            )

    def malformed(self, queue: str, key: str, error: MalformedMessage) -> None:
        """One line with all faults."""
        log.error(
            "message dead-lettered", id=key, queue=queue, reason=str(error.reason), error=str(error)
        )


def _counted(causes: Iterable[_T]) -> Iterable[tuple[_T, int]]:
    return Counter(causes).items()
