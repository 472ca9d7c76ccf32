"""The observer that writes the log, and the sink that gives each event to all observers."""

from collections.abc import Collection, Sequence
from datetime import timedelta

import structlog

from adapters.observers.logs import MESSAGE_ID
from domain.errors import FailureReason
from domain.events import (
    Event,
    MessageMalformed,
    NotificationDispatched,
    QueueRecreated,
    StylesNotInlined,
    TemplatesChanged,
    TroubleBegan,
    TroubleEnded,
    TroubleKind,
)
from domain.outcome import Outcome, Result, Sent
from domain.ports import EventSink
from domain.trace import trace_id

log = structlog.get_logger()

_BEGAN = {
    TroubleKind.CHANNEL: "channel is paused: what it needs is away",
    TroubleKind.LEDGER: "ledger is away; nothing is sent",
    TroubleKind.BROKER: "broker is unreachable; waiting",
    TroubleKind.ALARM: "broker takes no messages in; waiting",
    TroubleKind.QUEUE: "queue cannot be used; waiting",
    TroubleKind.SETTLEMENT: "no message is settled",
    TroubleKind.SUPPRESSIONS: "suppressions cannot be asked; nothing is sent",
    TroubleKind.SUPPRESSIONS_WRITE: "addresses to suppress cannot be stored; waiting",
    TroubleKind.SUPPRESSIONS_FILE: "the suppressions cannot be read; the last good list counts",
}
_LOGIN_REFUSED = "broker refuses our login; waiting"
# Troubles that are usually over soon: warnings.
_TRIED_AGAIN = frozenset({TroubleKind.BROKER, TroubleKind.QUEUE})

_REFUSED = "templates are broken; the last good set stays in use"
_BROKEN = "a template is broken; its messages are dead-lettered until it is fixed"
_AS_WRITTEN = "styles are not inlined; the template's mails go out as they are written"

_ENDED = {
    TroubleKind.CHANNEL: "channel goes on: what it needs is back",
    TroubleKind.LEDGER: "ledger is back",
    TroubleKind.BROKER: "broker is connected",
    TroubleKind.ALARM: "broker takes messages in again",
    TroubleKind.SETTLEMENT: "messages are settled again",
    TroubleKind.SUPPRESSIONS: "suppressions can be asked again",
    TroubleKind.SUPPRESSIONS_WRITE: "addresses to suppress can be stored again",
    TroubleKind.SUPPRESSIONS_FILE: "the suppressions can be read again",
}


class FanOut:
    """One EventSink that gives each event to all who subscribe to it. What a subscriber raises
    reaches neither the others nor whoever emits; each kind of fault is logged once."""

    def __init__(self, *subscribers: EventSink | tuple[EventSink, Collection[type]]) -> None:
        """Each alone gets all events; with types, those of these types."""
        self._subscribers = [one if isinstance(one, tuple) else (one, ()) for one in subscribers]
        self._by_type: dict[type, tuple[EventSink, ...]] = {}
        self._known_faults: set[tuple[type, type]] = set()

    def emit(self, event: Event) -> None:
        kind = type(event)
        if kind not in self._by_type:
            found = (sink for sink, types in self._subscribers if not types or kind in types)
            self._by_type[kind] = tuple(found)
        for sink in self._by_type[kind]:
            try:
                sink.emit(event)
            except Exception as error:
                fault = (type(sink), type(error))
                if fault not in self._known_faults:
                    self._known_faults.add(fault)
                    log.exception(
                        "an observer failed; deliveries go on without it",
                        observer=type(sink).__name__,
                        exc_info=error,
                    )


class EventLog:
    """Logs outcomes: info for sent, warning for what waits, error for what is dead. Logs troubles
    as they begin and end."""

    def __init__(self, *, hidden: Collection[str] = ()) -> None:
        """`hidden`: metadata that is not logged; a channel's own, such as a button's link, may be
        as good as a password."""
        self._hidden = frozenset(hidden)

    def emit(self, event: Event) -> None:
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
        if event.traceparent:
            about["trace_id"] = trace_id(event.traceparent)
        given = notification.metadata
        if given and (shown := {k: v for k, v in given.items() if k not in self._hidden}):
            about["metadata"] = shown
        sent: list[Result] = []
        earlier = 0
        for result in outcome.results:
            if isinstance(result, Sent):
                if result.earlier:
                    earlier += 1
                else:
                    sent.append(result)
        if sent:
            mails = _mails(outcome, sent)
            log.info("notification sent", **about, **mails, recipients=len(sent))
        if earlier:
            log.info("notification was sent before", **about, recipients=earlier)
        if len(sent) + earlier < len(outcome.results):
            _log_unsent(about, outcome)


def _mails(outcome: Outcome, results: Sequence[Result]) -> dict[str, object]:
    """The Message-ID of the mail that left for these; a list of them where each got one of their
    own, nothing where no mail left."""
    ids = outcome.message_ids_of(results) if outcome.message_ids else None
    return {MESSAGE_ID: ids[0] if len(ids) == 1 else ids} if ids else {}


def _log_unsent(about: dict[str, object], outcome: Outcome) -> None:
    """One line for each cause of not reaching some."""
    waits: dict[tuple[timedelta, str], list[Result]] = {}
    for deferred in outcome.deferred:
        waits.setdefault((deferred.delay, deferred.error), []).append(deferred)
    for (delay, error), results in waits.items():
        log.warning(
            "notification deferred",
            **about,
            **_mails(outcome, results),
            recipients=len(results),
            retry_in_seconds=delay.total_seconds(),
            error=error,
        )
    refusals: dict[tuple[FailureReason, str], list[Result]] = {}
    for rejected in outcome.rejected:
        refusals.setdefault((rejected.reason, rejected.error), []).append(rejected)
    for (reason, error), results in refusals.items():
        log.error(
            "notification dead-lettered",
            **about,
            **_mails(outcome, results),
            recipients=len(results),
            reason=str(reason),
            error=error,
        )


def _log_state(event: Event) -> None:
    match event:
        case MessageMalformed(queue, id_, reason, error):
            trace = {"trace_id": trace_id(event.traceparent)} if event.traceparent else {}
            about: dict[str, object] = {"id": id_, "queue": queue, "reason": str(reason), **trace}
            log.error("message dead-lettered", **about, error=error)
        case TroubleBegan():
            _log_trouble(event)
        case TroubleEnded(trouble) if trouble.kind in _ENDED:
            about = {"channel": trouble.name} if trouble.name else {}
            log.info(_ENDED[trouble.kind], **about)
        case QueueRecreated(queue):
            log.error("queue was deleted and is created again", queue=queue)
        case TemplatesChanged():
            _log_templates(event)
        case StylesNotInlined(template, error):
            log.warning(_AS_WRITTEN, template=template, error=error)


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
    for fault in event.examples:
        log.warning("an example of a template is broken; messages do not need it", fault=fault)
