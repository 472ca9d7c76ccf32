"""Outcome events for other programs: what became of each notification, as CloudEvents 1.0 in
structured mode (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md).
"""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import quote
from uuid import uuid4

from adapters.observers.logs import mask_addresses
from domain.errors import FailureReason
from domain.events import Event, MessageMalformed, NotificationDispatched
from domain.notification import JsonValue, Notification
from domain.outcome import Deferred, Outcome, Rejected, Result, Sent

CONTENT_TYPE = "application/cloudevents+json"
SENT, DEFERRED, DEAD_LETTERED = "sent", "deferred", "dead_lettered"
TYPE = "dispatcher.notification."
"""What the `type` of each event begins with; one of the three words above follows."""

_CLOUDEVENTS = "application/cloudevents"

NONCHARACTERS = "".join(chr(plane << 16 | low) for plane in range(17) for low in (0xFFFE, 0xFFFF))
"""The last two code points of each plane."""
_NOT_IN_A_STRING = re.compile(rf"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef{NONCHARACTERS}]")
"""What CloudEvents' type String does not have (section "Type System")."""

TakeEvent = Callable[[str, str, bytes], None]
"""Takes an event to publish: its routing key, its id, and its body. Returns at once."""


class _About(NamedTuple):
    """What all events of one message have in common."""

    queue: str
    channel: str
    subject: str
    correlation_id: str | None
    traceparent: str | None


class OutcomeEvents:
    """Makes the events of each outcome: one for those that it was sent to, and as the queues get
    copies, one for each wait and one for each reason. No event names a recipient."""

    TYPES = (NotificationDispatched, MessageMalformed)
    """What it wants to get."""

    def __init__(
        self,
        take: TakeEvent,
        queue_channels: Mapping[str, str],
        *,
        hidden: Collection[str] = (),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`queue_channels`: queue to channel. `hidden`: metadata that is left out; a channel's own,
        such as a button's link, may be as good as a password."""
        self._take = take
        self._queue_channels = queue_channels
        self._hidden = frozenset(hidden)
        self._now = now

    def emit(self, event: Event) -> None:
        """See EventSink."""
        match event:
            case NotificationDispatched(queue, notification, outcome):
                about = _About(
                    queue,
                    notification.channel,
                    notification.id,
                    event.correlation_id,
                    event.traceparent,
                )
                common = self._common(notification, outcome)
                for kind, data in _fates(outcome):
                    self._give(kind, about, common | data)
            case MessageMalformed(queue, id_, reason, error):
                if (event.content_type or "").startswith(_CLOUDEVENTS):
                    return  # an event that was led into a work queue: one more would never end
                channel = self._queue_channels.get(queue, queue)
                about = _About(queue, channel, id_, event.correlation_id, event.traceparent)
                self._give(DEAD_LETTERED, about, _refusal(reason, error))

    def _common(self, notification: Notification, outcome: Outcome) -> dict[str, JsonValue]:
        data: dict[str, JsonValue] = {
            "template": notification.template,
            "attempt": outcome.attempt,
        }
        if notification.metadata:
            metadata = {k: v for k, v in notification.metadata.items() if k not in self._hidden}
            if metadata:
                data["metadata"] = metadata
        return data

    def _give(self, kind: str, about: _About, data: Mapping[str, JsonValue]) -> None:
        subject = attribute(about.subject)
        correlation_id = about.correlation_id or about.subject
        exact: dict[str, JsonValue] = {} if subject == about.subject else {"id": about.subject}
        event: dict[str, Any] = {
            "specversion": "1.0",
            "id": str(uuid4()),
            "source": f"/dispatcher/{quote(about.queue, safe='')}",
            "type": TYPE + kind,
            "subject": subject,
            "time": self._now().isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "correlationid": attribute(correlation_id),
            "datacontenttype": "application/json",
            "data": {"queue": about.queue, "channel": about.channel, **exact, **data},
        }
        if about.traceparent:
            event["traceparent"] = about.traceparent
        self._take(f"{about.channel}.{kind}", event["id"], _json(event))


def attribute(text: str) -> str:
    """The text as an attribute may have it: each character that CloudEvents forbids is
    percent-encoded, in UTF-8."""
    if text.isprintable():  # then it has none of these
        return text
    return _NOT_IN_A_STRING.sub(lambda one: quote(one[0].encode("utf-8", "surrogatepass")), text)


def _fates(outcome: Outcome) -> Iterator[tuple[str, dict[str, JsonValue]]]:
    """Each different thing that became of it, with what is said of it alone."""
    for is_earlier in (False, True):
        sent = [r for r in outcome.results if isinstance(r, Sent) and r.earlier is is_earlier]
        if sent:
            yield SENT, {**_whom(outcome, sent), "sent_earlier": is_earlier}
    waits: dict[float, list[Deferred]] = {}
    for deferred in outcome.deferred:
        waits.setdefault(deferred.delay.total_seconds(), []).append(deferred)
    for seconds, late in waits.items():
        error = mask_addresses(_errors(late))
        yield DEFERRED, {**_whom(outcome, late), "retry_in_seconds": seconds, "error": error}
    reasons: dict[FailureReason, list[Rejected]] = {}
    for rejected in outcome.rejected:
        reasons.setdefault(rejected.reason, []).append(rejected)
    for reason, lost in reasons.items():
        yield DEAD_LETTERED, {**_whom(outcome, lost), **_refusal(reason, _errors(lost))}


def _whom(outcome: Outcome, results: Sequence[Result]) -> dict[str, JsonValue]:
    """How many they are, and the Message-IDs of the mails that left for them."""
    ids = outcome.message_ids_of(results)
    return {"recipients": len(results), **({"message_ids": ids} if ids else {})}


def _errors(results: Sequence[Deferred] | Sequence[Rejected]) -> str:
    return "; ".join(dict.fromkeys([result.error for result in results]))


def _refusal(reason: FailureReason, error: str) -> dict[str, JsonValue]:
    return {"reason": str(reason), "error": mask_addresses(error)}


def _json(event: dict[str, Any]) -> bytes:
    # In ASCII, since half a surrogate pair in a text has no UTF-8.
    try:
        return json.dumps(event, allow_nan=False, separators=(",", ":")).encode("ascii")
    except ValueError:  # 1e999 is JSON, but no number
        del event["data"]["metadata"]
        return json.dumps(event, separators=(",", ":")).encode("ascii")
