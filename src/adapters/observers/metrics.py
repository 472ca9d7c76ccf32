"""Numbers for Prometheus, in its text format
(https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format)."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from domain.events import (
    LEDGER,
    SETTLEMENT,
    Event,
    MessageMalformed,
    NotificationDispatched,
    TemplatesChanged,
    Trouble,
    TroubleBegan,
    TroubleEnded,
    TroubleKind,
    UnknownCodeReceived,
    channel_trouble,
)
from domain.outcome import Deferred, Sent

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_OTHER = "other"
"""The label of a channel or template that is not ours: a producer may invent any number."""

_MAX_CODES = 20
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})

_RELAY_FACTS = {
    "rate": "Mails a second that the relay takes, where it has said so by a refusal.",
    "connections": "Connections at once that the relay takes.",
    "session_mails": "Mails over one connection that the relay takes.",
    "mail_recipients": "Recipients of one mail that the relay takes.",
    "closed_until": "When the next mail may go to the relay, in seconds since the epoch.",
}

_LASTING = frozenset({TroubleKind.CHANNEL, TroubleKind.LEDGER, TroubleKind.SETTLEMENT})
"""Troubles that have a gauge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSources:
    """What is asked for when the metrics are read. `relays`: what is learned about each relay:
    relay -> name of a fact -> number. `in_hand`: messages, and their bytes."""

    has_template: Callable[[str], bool]
    templates_version: Callable[[], str]
    relays: Callable[[], Mapping[str, Mapping[str, float]]] = dict
    in_hand: Callable[[], tuple[int, int]] = lambda: (0, 0)
    dropped_lines: Callable[[], int] | None = None


class Metrics:
    """Counts what happened, as an EventSink. `queue_channels`: queue to channel."""

    def __init__(
        self,
        sources: MetricSources,
        *,
        channels: Collection[str],
        queue_channels: Mapping[str, str],
    ) -> None:
        self._sources = sources
        self._channels = channels
        self._queue_channels = queue_channels
        self._labels: dict[tuple[str, str], tuple[str, str]] = {}
        self._outcomes: Counter[tuple[str, str, str, str]] = Counter()
        self._codes: dict[str, Counter[str]] = {}
        self._troubles: set[Trouble] = set()

    def emit(self, event: Event) -> None:
        """See EventSink. A notification counts once for each different thing that became of it,
        however many recipients."""
        match event:
            case NotificationDispatched(notification=notification, outcome=outcome):
                key = notification.channel, notification.template
                channel, template = self._labels.get(key) or self._label(*key)
                fates = {
                    ("sent_earlier" if result.earlier else "sent", "")
                    if isinstance(result, Sent)
                    else ("deferred", "")
                    if isinstance(result, Deferred)
                    else ("dead_lettered", str(result.reason))
                    for result in outcome.results
                }
                for fate, reason in fates:
                    self._outcomes[channel, template, fate, reason] += 1
            case MessageMalformed(queue, _, reason):
                channel = self._channel(self._queue_channels.get(queue, ""))
                self._outcomes[channel, "", "dead_lettered", str(reason)] += 1
            case TroubleBegan(trouble) if trouble.kind in _LASTING:
                self._troubles.add(trouble)
            case TroubleEnded(trouble):
                self._troubles.discard(trouble)
            case UnknownCodeReceived(channel, code):
                self._count_code(channel, code)
            case TemplatesChanged():
                self._labels.clear()

    def _label(self, channel: str, template: str) -> tuple[str, str]:
        """The labels. They are kept for those that are ours: a producer may invent any number."""
        is_ours = self._sources.has_template(template)
        labels = self._channel(channel), template if is_ours else _OTHER
        if is_ours and channel in self._channels:
            self._labels[channel, template] = labels
        return labels

    def _channel(self, channel: str) -> str:
        return channel if channel in self._channels else _OTHER

    def _count_code(self, channel: str, code: str) -> None:
        """Those beyond a handful are counted together, since they come from outside."""
        counts = self._codes.setdefault(channel, Counter())
        counts[code if code in counts or len(counts) < _MAX_CODES else _OTHER] += 1

    def render(self) -> str:
        """All metrics as text."""
        sources, troubles = self._sources, self._troubles
        count, size = sources.in_hand()
        lines = [
            "# HELP dispatcher_notifications_total What became of notifications, by attempt.",
            "# TYPE dispatcher_notifications_total counter",
        ]
        names = ("channel", "template", "outcome", "reason")
        for labels, number in sorted(self._outcomes.items()):
            sample = _sample("notifications_total", number, dict(zip(names, labels, strict=True)))
            lines.append(sample)
        lines += self._unknown_codes()
        if sources.dropped_lines is not None:
            lines += _family("log_lines_dropped_total", "counter", "Log lines not written.")
            lines.append(_sample("log_lines_dropped_total", sources.dropped_lines()))
        lines += _gauge("in_flight", "Messages in hand.")
        lines.append(_sample("in_flight", count))
        lines += _gauge("in_hand_bytes", "Bytes of the messages in hand.")
        lines.append(_sample("in_hand_bytes", size))
        lines += _gauge(
            "settlement_stalled", "1 while messages are in hand and no message is settled."
        )
        lines.append(_sample("settlement_stalled", int(SETTLEMENT in troubles)))
        lines += _gauge("channel_paused", "1 while what the channel needs is away.")
        for channel in self._channels:
            is_paused = channel_trouble(channel) in troubles
            lines.append(_sample("channel_paused", int(is_paused), {"channel": channel}))
        lines += _gauge("ledger_paused", "1 while the ledger is away.")
        lines.append(_sample("ledger_paused", int(LEDGER in troubles)))
        lines += self._relay_facts()
        lines += _gauge("templates_version", "The template set in use, as a label.")
        lines.append(_sample("templates_version", 1, {"version": sources.templates_version()}))
        return "\n".join(lines) + "\n"

    def _unknown_codes(self) -> list[str]:
        samples = [
            _sample("unknown_codes_total", number, {"channel": channel, "code": code})
            for channel, counts in self._codes.items()
            for code, number in sorted(counts.items())
        ]
        if not samples:
            return []
        return [
            "# HELP dispatcher_unknown_codes_total Answers of a provider that are in no table.",
            "# TYPE dispatcher_unknown_codes_total counter",
            *samples,
        ]

    def _relay_facts(self) -> list[str]:
        relays = self._sources.relays()
        lines = []
        for fact, text in _RELAY_FACTS.items():
            known = {relay: facts[fact] for relay, facts in relays.items() if fact in facts}
            if known:
                lines += _gauge(f"relay_{fact}", text)
                lines += [
                    _sample(f"relay_{fact}", round(n, 3), {"relay": r}) for r, n in known.items()
                ]
        return lines


def _gauge(name: str, text: str) -> list[str]:
    return _family(name, "gauge", text)


def _family(name: str, kind: str, text: str) -> list[str]:
    return [f"# HELP dispatcher_{name} {text}", f"# TYPE dispatcher_{name} {kind}"]


def _sample(name: str, value: float, labels: Mapping[str, str] | None = None) -> str:
    inside = ",".join(f'{key}="{text.translate(_ESCAPES)}"' for key, text in (labels or {}).items())
    return f"dispatcher_{name}{{{inside}}} {value}" if inside else f"dispatcher_{name} {value}"
