"""One log line for each thing that happened."""

from collections import Counter
from collections.abc import Collection

import structlog

from domain.events import (
    Event,
    MessageMalformed,
    NotificationDispatched,
    QueueRecreated,
    TemplatesChanged,
    TroubleBegan,
    TroubleEnded,
    TroubleKind,
)
from domain.outcome import Outcome, Sent

log = structlog.get_logger()

_BEGAN = {
    TroubleKind.CHANNEL: "channel is paused: what it needs is away",
    TroubleKind.LEDGER: "ledger is away; nothing is sent",
    TroubleKind.BROKER: "broker is unreachable; waiting",
    TroubleKind.ALARM: "broker takes no messages in; waiting",
    TroubleKind.QUEUE: "queue cannot be used; waiting",
    TroubleKind.SETTLEMENT: "no message is settled",
}
_LOGIN_REFUSED = "broker refuses our login; waiting"
_TRIED_AGAIN = frozenset({TroubleKind.BROKER, TroubleKind.QUEUE})
"""Troubles that are usually over soon: warnings."""

_REFUSED = "templates are broken; the last good set stays in use"
_BROKEN = "a template is broken; its messages are dead-lettered until it is fixed"

_ENDED = {
    TroubleKind.CHANNEL: "channel goes on: what it needs is back",
    TroubleKind.LEDGER: "ledger is back",
    TroubleKind.BROKER: "broker is connected",
    TroubleKind.ALARM: "broker takes messages in again",
    TroubleKind.SETTLEMENT: "messages are settled again",
}


class EventLog:
    """Logs outcomes: info for sent, warning for what waits, error for what is dead. Logs troubles
    as they begin and end."""

    def __init__(self, *, hidden: Collection[str] = ()) -> None:
        """`hidden`: metadata that is not logged; a channel's own, such as a button's link, may be
        as good as a password."""
        self._hidden = frozenset(hidden)

    def emit(self, event: Event) -> None:
        """See EventSink."""
        if not isinstance(event, NotificationDispatched):
            _log_state(event)
            return
        notification, outcome = event.notification, event.outcome
        about: dict[str, object] = {
            "id": notification.id,
            "channel": notification.channel,
            "template": notification.template,
            "queue": event.queue,
            "attempt": outcome.attempt,
        }
        if notification.metadata:
            metadata = {k: v for k, v in notification.metadata.items() if k not in self._hidden}
            if metadata:
                about["metadata"] = metadata
        sent = earlier = 0
        for result in outcome.results:
            if isinstance(result, Sent):
                if result.earlier:
                    earlier += 1
                else:
                    sent += 1
        if sent:
            log.info("notification sent", **about, recipients=sent)
        if earlier:
            log.info("notification was sent before", **about, recipients=earlier)
        if sent + earlier < len(outcome.results):
            _log_unsent(about, outcome)


def _log_unsent(about: dict[str, object], outcome: Outcome) -> None:
    """One line for each cause of not reaching some."""
    waits = Counter((result.delay, result.error) for result in outcome.deferred)
    for (delay, error), count in waits.items():
        log.warning(
            "notification deferred",
            **about,
            recipients=count,
            retry_in_seconds=delay.total_seconds(),
            error=error,
        )
    refusals = Counter((result.reason, result.error) for result in outcome.rejected)
    for (reason, error), count in refusals.items():
        log.error(
            "notification dead-lettered",
            **about,
            recipients=count,
            reason=str(reason),
            error=error,
        )


def _log_state(event: Event) -> None:
    match event:
        case MessageMalformed(queue, id_, reason, error):
            log.error("message dead-lettered", id=id_, queue=queue, reason=str(reason), error=error)
        case TroubleBegan():
            _log_trouble(event)
        case TroubleEnded(trouble) if trouble.kind in _ENDED:
            about = {"channel": trouble.name} if trouble.name else {}
            log.info(_ENDED[trouble.kind], **about)
        case QueueRecreated(queue):
            log.error("queue was deleted and is created again", queue=queue)
        case TemplatesChanged():
            _log_templates(event)


def _log_trouble(event: TroubleBegan) -> None:
    kind, name = event.trouble.kind, event.trouble.name
    about: dict[str, object] = {str(kind): name} if name else {}
    about["error"] = event.error
    if event.retry_in is not None:
        about["seconds"] = round(event.retry_in, 1)
    is_login = event.is_login and kind is TroubleKind.BROKER
    report = log.warning if kind in _TRIED_AGAIN and not is_login else log.error
    report(_LOGIN_REFUSED if is_login else _BEGAN[kind], **about)


def _log_templates(event: TemplatesChanged) -> None:
    faults, version = "; ".join(event.faults), event.version
    if event.is_refused or faults:
        text = _REFUSED if event.is_refused else _BROKEN
        log.error(text, fault=faults, templates_version=version)
    else:
        log.info("templates changed", templates_version=version)
    for file in event.unknown:
        log.error("a file among the templates is not used", fault=file)
