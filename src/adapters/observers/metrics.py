"""Numbers for Prometheus, in its text format
(https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format)."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from domain.events import (
    LEDGER,
    SETTLEMENT,
    Event,
    MessageMalformed,
    NotificationDispatched,
    TemplatesChanged,
    Trouble,
    UnknownCodeReceived,
    channel_trouble,
)
from domain.outcome import Deferred, Sent

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_OTHER = "other"
"""The label of a channel or template that is not ours: a producer may invent any number."""

_MAX_CODES = 20
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})

_METRICS = {
    "notifications_total": ("counter", "What became of notifications, by attempt."),
    "unknown_codes_total": ("counter", "Answers of a provider that are in no table."),
    "log_lines_dropped_total": ("counter", "Log lines not written."),
    "in_flight": ("gauge", "Messages in hand."),
    "in_hand_bytes": ("gauge", "Bytes of the messages in hand."),
    "settlement_stalled": ("gauge", "1 while messages are in hand and no message is settled."),
    "channel_paused": ("gauge", "1 while what the channel needs is away."),
    "ledger_paused": ("gauge", "1 while the ledger is away."),
    "relay_rate": (
        "gauge",
        "Mails a second that the relay takes, where it has said so by a refusal.",
    ),
    "relay_connections": ("gauge", "Connections at once that the relay takes."),
    "relay_session_mails": ("gauge", "Mails over one connection that the relay takes."),
    "relay_mail_recipients": ("gauge", "Recipients of one mail that the relay takes."),
    "relay_closed_until": (
        "gauge",
        "When the next mail may go to the relay, in seconds since the epoch.",
    ),
    "outcome_events_published_total": ("counter", "Outcome events that the broker has confirmed."),
    "outcome_events_dropped_total": ("counter", "Outcome events that are not published."),
    "outcome_events_waiting": ("gauge", "Outcome events that wait to be published."),
    "templates_version": ("gauge", "The template set in use, as a label."),
}
"""Name -> type and help, in the order in which they are shown."""


class OutcomeEventCounts(Protocol):
    """What became of outcome events so far, and how many wait to be published."""

    published: int
    dropped: int

    @property
    def waiting(self) -> int: ...


_Sample = tuple[Mapping[str, str], float]
"""Labels, and the number."""


@dataclass(slots=True, kw_only=True)
class Metrics:
    """Counts what happened, as an EventSink. `queue_channels`: queue to channel.

    The rest is asked for when the metrics are read. `relays`: what is learned about each relay:
    relay -> name of a fact -> number. `in_hand`: messages, and their bytes. `troubles` last."""

    channels: Collection[str]
    queue_channels: Mapping[str, str]
    has_template: Callable[[str], bool]
    templates_version: Callable[[], str]
    relays: Callable[[], Mapping[str, Mapping[str, float]]] = dict
    in_hand: Callable[[], tuple[int, int]] = lambda: (0, 0)
    troubles: Callable[[], Collection[Trouble]] = tuple
    dropped_lines: Callable[[], int] | None = None
    outcome_events: OutcomeEventCounts | None = None
    _labels: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict, init=False)
    _outcomes: Counter[tuple[str, str, str, str]] = field(default_factory=Counter, init=False)
    _codes: dict[str, Counter[str]] = field(default_factory=dict, init=False)

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
                channel = self._channel(self.queue_channels.get(queue, ""))
                self._outcomes[channel, "", "dead_lettered", str(reason)] += 1
            case UnknownCodeReceived(channel, code):
                # Those beyond a handful are counted together, since they come from outside.
                counts = self._codes.setdefault(channel, Counter())
                is_apart = code in counts or len(counts) < _MAX_CODES
                counts[code if is_apart else _OTHER] += 1
            case TemplatesChanged():
                self._labels.clear()

    def _label(self, channel: str, template: str) -> tuple[str, str]:
        """The labels. They are kept for those that are ours: a producer may invent any number."""
        is_ours = self.has_template(template)
        labels = self._channel(channel), template if is_ours else _OTHER
        if is_ours and channel in self.channels:
            self._labels[channel, template] = labels
        return labels

    def _channel(self, channel: str) -> str:
        return channel if channel in self.channels else _OTHER

    def render(self) -> str:
        """All metrics as text."""
        samples, lines = self._samples(), []
        for name, (kind, text) in _METRICS.items():
            if name in samples:
                lines += [f"# HELP dispatcher_{name} {text}", f"# TYPE dispatcher_{name} {kind}"]
                lines += [_line(name, *sample) for sample in samples[name]]
        return "\n".join(lines) + "\n"

    def _samples(self) -> Mapping[str, Sequence[_Sample]]:
        troubles = self.troubles()
        count, size = self.in_hand()
        names = ("channel", "template", "outcome", "reason")
        samples: dict[str, list[_Sample]] = {
            "notifications_total": [
                (dict(zip(names, labels, strict=True)), number)
                for labels, number in sorted(self._outcomes.items())
            ],
            "in_flight": [({}, count)],
            "in_hand_bytes": [({}, size)],
            "settlement_stalled": [({}, int(SETTLEMENT in troubles))],
            "channel_paused": [
                ({"channel": channel}, int(channel_trouble(channel) in troubles))
                for channel in self.channels
            ],
            "ledger_paused": [({}, int(LEDGER in troubles))],
            "templates_version": [({"version": self.templates_version()}, 1)],
        }
        for channel, counts in self._codes.items():
            samples.setdefault("unknown_codes_total", []).extend(
                ({"channel": channel, "code": code}, n) for code, n in sorted(counts.items())
            )
        if self.dropped_lines is not None:
            samples["log_lines_dropped_total"] = [({}, self.dropped_lines())]
        if (events := self.outcome_events) is not None:
            samples["outcome_events_published_total"] = [({}, events.published)]
            samples["outcome_events_dropped_total"] = [({}, events.dropped)]
            samples["outcome_events_waiting"] = [({}, events.waiting)]
        for relay, facts in self.relays().items():
            for fact, number in facts.items():
                sample = {"relay": relay}, round(number, 3)
                samples.setdefault(f"relay_{fact}", []).append(sample)
        return samples


def _line(name: str, labels: Mapping[str, str], value: float) -> str:
    inside = ",".join(f'{key}="{text.translate(_ESCAPES)}"' for key, text in labels.items())
    return f"dispatcher_{name}{{{inside}}} {value}" if inside else f"dispatcher_{name} {value}"
