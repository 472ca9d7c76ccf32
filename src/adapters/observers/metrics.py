"""Numbers for Prometheus (https://prometheus.github.io/client_python/): what is counted as it
happens, and what is asked for when they are read."""

import re
from collections.abc import Callable, Collection, Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    disable_created_metrics,
    generate_latest,
    values,
)
from prometheus_client.registry import Collector

from adapters.observers.durations import Durations
from adapters.observers.gauges import Gauges
from adapters.observers.totals import Families, families_of
from domain.events import (
    BROKER,
    Event,
    MessageMalformed,
    NotificationDispatched,
    TemplatesChanged,
    TroubleBegan,
    TroubleEnded,
    TurnAwaited,
    UnknownCodeReceived,
)
from domain.outcome import Deferred, Outcome, Sent

LEDGER_CALLS = ("start", "sending", "sent", "finish", "acked")

# The label of a channel or template that is not ours: a producer may invent any number.
_OTHER = "other"

_MAX_CODES = 20
_SENT = "sent", ""
_LABELS = ("channel", "template", "outcome", "reason")
_FRACTION = re.compile(r"\.0$", re.MULTILINE)

# The upper bounds of the buckets, in seconds.
_END_TO_END = (0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21600, 86400)
_SEND = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_RENDER = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2)
_LEDGER = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2)
_PACE_WAIT = (0.01, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
# An environment made for another program may name a folder for shared files: not for ours.
values.ValueClass = values.MutexValue
# Else there are twice the series, and a sum over processes would mean nothing.
disable_created_metrics()  # type: ignore[no-untyped-call]


def text_of(metrics: Collector) -> str:
    """The metrics in Prometheus' text format. Whole numbers have no fraction: a script that looks
    for `dispatcher_in_flight 0` finds it."""
    return _FRACTION.sub("", generate_latest(metrics).decode())


class Metrics:
    """Counts what happened, as an EventSink, and has what the clocks of `timing` observe.

    Every label is one of a few: a channel that is configured, a template of the set in use, a
    reason of ours. What a message brings beyond these counts as `other`. What is needed for each
    message is looked up once for its labels and kept."""

    def __init__(
        self,
        *,
        channels: Collection[str],
        queue_channels: Mapping[str, str],
        has_template: Callable[[str], bool],
        gauges: Gauges,
    ) -> None:
        """`queue_channels`: queue to channel. `gauges` is asked when the metrics are read."""
        self._channels = channels
        self._queue_channels = queue_channels
        self._has_template = has_template
        self.registry = CollectorRegistry(auto_describe=False)
        self._notifications = self._counter(
            "notifications_total", "What became of notifications, by attempt.", *_LABELS
        )
        self._unknown_codes = self._counter(
            "unknown_codes_total", "Answers of a provider that are in no table.", "channel", "code"
        )
        self._reconnects = self._counter(
            "broker_reconnects_total", "Connections to the broker after it was away."
        )
        self.registry.register(gauges)
        self._end_to_end = self._by_channel(
            "end_to_end_seconds", "From publishing until it was sent.", _END_TO_END
        )
        self.send = self._by_channel("send_seconds", "One message to the provider.", _SEND)
        self._pace_wait = self._by_channel(
            "pace_wait_seconds", "Waits for a turn at a provider with a pace.", _PACE_WAIT
        )
        self.render = self._durations("render_seconds", "One rendering.", _RENDER).of()
        ledger = self._durations("ledger_seconds", "One call of the ledger.", _LEDGER, "call")
        self.ledger = {call: ledger.of(call) for call in LEDGER_CALLS}
        self._counts: dict[tuple[str, str, str, str], Callable[[], None]] = {}
        self._codes: dict[str, set[str]] = {}
        self._is_broker_away = False

    def text(self) -> str:
        """All metrics in Prometheus' text format."""
        return text_of(self.registry)

    def families(self) -> Families:
        """All metrics as this process reports them to its parent."""
        return families_of(self.registry)

    def emit(self, event: Event) -> None:
        """See EventSink."""
        match event:
            case NotificationDispatched(notification=notification, outcome=outcome):
                fates = self._count_outcome(notification.channel, notification.template, outcome)
                observe = self._end_to_end.get(notification.channel)
                if observe is not None and event.waited is not None and _SENT in fates:
                    observe(event.waited)
            case MessageMalformed(queue, _, reason):
                channel = self._channel(self._queue_channels.get(queue, ""))
                self._notifications.labels(channel, "", "dead_lettered", str(reason)).inc()
            case TurnAwaited(channel, seconds) if channel in self._pace_wait:
                self._pace_wait[channel](seconds)
            case UnknownCodeReceived(channel, code):
                # Those beyond a handful are counted together, since they come from outside.
                known = self._codes.setdefault(channel, set())
                if code in known or len(known) < _MAX_CODES:
                    known.add(code)
                self._unknown_codes.labels(channel, code if code in known else _OTHER).inc()
            case TroubleBegan(trouble) if trouble == BROKER:
                self._is_broker_away = True
            case TroubleEnded(trouble) if trouble == BROKER and self._is_broker_away:
                self._is_broker_away = False
                self._reconnects.inc()
            case TemplatesChanged():
                self._counts.clear()

    def _count_outcome(
        self, channel: str, template: str, outcome: Outcome
    ) -> Collection[tuple[str, str]]:
        """A notification counts once for each different thing that became of it, however many
        recipients. Returns these."""
        fates = {
            (("sent_earlier", "") if result.earlier else _SENT)
            if isinstance(result, Sent)
            else ("deferred", "")
            if isinstance(result, Deferred)
            else ("dead_lettered", str(result.reason))
            for result in outcome.results
        }
        for fate, reason in fates:
            key = channel, template, fate, reason
            (self._counts.get(key) or self._counter_of(key))()
        return fates

    def _counter_of(self, key: tuple[str, str, str, str]) -> Callable[[], None]:
        """What counts one more. It is kept where the labels are ours."""
        channel, template, fate, reason = key
        is_ours = self._has_template(template)
        label = template if is_ours else _OTHER
        count = self._notifications.labels(self._channel(channel), label, fate, reason).inc
        if is_ours and channel in self._channels:
            self._counts[key] = count
        return count

    def _channel(self, channel: str) -> str:
        return channel if channel in self._channels else _OTHER

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"dispatcher_{name}", text, labels, registry=self.registry)

    def _durations(
        self, name: str, text: str, bounds: tuple[float, ...], label: str = ""
    ) -> Durations:
        durations = Durations(f"dispatcher_{name}", text, bounds, label)
        self.registry.register(durations)
        return durations

    def _by_channel(
        self, name: str, text: str, bounds: tuple[float, ...]
    ) -> Mapping[str, Callable[[float], None]]:
        durations = self._durations(name, text, bounds, "channel")
        return {channel: durations.of(channel) for channel in self._channels}
