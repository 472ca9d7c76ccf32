"""Numbers for Prometheus, in its text format
(https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format)."""

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import TypeVar

from adapters.observers.sink import LogSink
from domain.errors import MalformedMessage
from domain.notification import Notification
from domain.once import LEDGER
from domain.outcome import Outcome

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

_Given = TypeVar("_Given")
_Result = TypeVar("_Result")


class CodeCounter:
    """Counts a provider's codes; those beyond a handful together, since they come from outside."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def add(self, code: str) -> None:
        """One more answer with this code."""
        is_known = code in self.counts or len(self.counts) < _MAX_CODES
        self.counts[code if is_known else _OTHER] += 1


class Metrics:
    """Counts outcomes, as an observer of deliveries. `queue_channels`: queue to channel.
    `unknown_codes`: by channel, answers of its provider that we did not know. `relays` gives what
    is learned about each relay: relay -> name of a fact -> number.
    `log` counts the lines that it had to drop. `in_hand_bytes`: of messages."""

    def __init__(
        self,
        *,
        channels: Collection[str],
        queue_channels: Mapping[str, str],
        has_template: Callable[[str], bool],
        unknown_codes: Mapping[str, CodeCounter] | None = None,
        relays: Callable[[], Mapping[str, Mapping[str, float]]] = dict,
        log: LogSink | None = None,
        in_hand_bytes: Callable[[], int] = lambda: 0,
    ) -> None:
        self._channels = channels
        self._queue_channels = queue_channels
        self._has_template = has_template
        self._unknown_codes = unknown_codes or {}
        self._relays = relays
        self._log = log
        self._in_hand_bytes = in_hand_bytes
        self._outcomes: Counter[tuple[str, str, str, str]] = Counter()
        self._in_flight = 0

    def delivered(self, queue: str, notification: Notification, outcome: Outcome) -> None:
        """One for each different thing that became of a notification, however many recipients."""
        channel = self._label(notification.channel)
        template = notification.template
        if not self._has_template(template):
            template = _OTHER
        fates = {("sent_earlier" if sent.earlier else "sent", "") for sent in outcome.sent}
        fates |= {("deferred", "") for _ in outcome.deferred}
        fates |= {("dead_lettered", str(rejected.reason)) for rejected in outcome.rejected}
        for fate, reason in fates:
            self._outcomes[channel, template, fate, reason] += 1

    def malformed(self, queue: str, key: str, error: MalformedMessage) -> None:
        """A message without a notification."""
        channel = self._label(self._queue_channels.get(queue, ""))
        self._outcomes[channel, "", "dead_lettered", str(error.reason)] += 1

    def counting(
        self, handle: Callable[[_Given], Awaitable[_Result]]
    ) -> Callable[[_Given], Awaitable[_Result]]:
        """`handle`, with what it has in hand counted as in flight."""

        async def counted(given: _Given) -> _Result:
            self._in_flight += 1
            try:
                return await handle(given)
            finally:
                self._in_flight -= 1

        return counted

    def render(
        self, *, paused: Collection[str], templates_version: str, is_stalled: bool = False
    ) -> str:
        """All metrics as text. `paused`: names of channels, and of the ledger. `is_stalled`:
        whether messages are in hand and no message is settled."""
        lines = [
            "# HELP dispatcher_notifications_total What became of notifications, by attempt.",
            "# TYPE dispatcher_notifications_total counter",
        ]
        names = ("channel", "template", "outcome", "reason")
        for labels, number in sorted(self._outcomes.items()):
            sample = _sample("notifications_total", number, dict(zip(names, labels, strict=True)))
            lines.append(sample)
        lines += self._codes()
        if self._log is not None:
            lines += _family("log_lines_dropped_total", "counter", "Log lines not written.")
            lines.append(_sample("log_lines_dropped_total", self._log.dropped))
        lines += _gauge("in_flight", "Messages in hand.")
        lines.append(_sample("in_flight", self._in_flight))
        lines += _gauge("in_hand_bytes", "Bytes of the messages in hand.")
        lines.append(_sample("in_hand_bytes", self._in_hand_bytes()))
        lines += _gauge(
            "settlement_stalled", "1 while messages are in hand and no message is settled."
        )
        lines.append(_sample("settlement_stalled", int(is_stalled)))
        lines += _gauge("channel_paused", "1 while what the channel needs is away.")
        for channel in self._channels:
            lines.append(_sample("channel_paused", int(channel in paused), {"channel": channel}))
        lines += _gauge("ledger_paused", "1 while the ledger is away.")
        lines.append(_sample("ledger_paused", int(LEDGER in paused)))
        lines += self._relay_facts()
        lines += _gauge("templates_version", "The template set in use, as a label.")
        lines.append(_sample("templates_version", 1, {"version": templates_version}))
        return "\n".join(lines) + "\n"

    def _codes(self) -> list[str]:
        samples = [
            _sample("unknown_codes_total", number, {"channel": channel, "code": code})
            for channel, counter in self._unknown_codes.items()
            for code, number in sorted(counter.counts.items())
        ]
        if not samples:
            return []
        return [
            "# HELP dispatcher_unknown_codes_total Answers of a provider that are in no table.",
            "# TYPE dispatcher_unknown_codes_total counter",
            *samples,
        ]

    def _relay_facts(self) -> list[str]:
        relays = self._relays()
        lines = []
        for fact, text in _RELAY_FACTS.items():
            known = {relay: facts[fact] for relay, facts in relays.items() if fact in facts}
            if known:
                lines += _gauge(f"relay_{fact}", text)
                lines += [
                    _sample(f"relay_{fact}", round(n, 3), {"relay": r}) for r, n in known.items()
                ]
        return lines

    def _label(self, channel: str) -> str:
        return channel if channel in self._channels else _OTHER


def _gauge(name: str, text: str) -> list[str]:
    return _family(name, "gauge", text)


def _family(name: str, kind: str, text: str) -> list[str]:
    return [f"# HELP dispatcher_{name} {text}", f"# TYPE dispatcher_{name} {kind}"]


def _sample(name: str, value: float, labels: Mapping[str, str] | None = None) -> str:
    inside = ",".join(f'{key}="{text.translate(_ESCAPES)}"' for key, text in (labels or {}).items())
    return f"dispatcher_{name}{{{inside}}} {value}" if inside else f"dispatcher_{name} {value}"
