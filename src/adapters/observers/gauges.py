"""What is asked for when the metrics are read, and how it is put together where several processes
report it."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple, Protocol

from prometheus_client import Metric
from prometheus_client.registry import Collector

from domain.events import LEDGER, SETTLEMENT, Trouble, channel_trouble
from domain.value_object import value_object

PREFIX = "dispatcher_"


class _Spec(NamedTuple):
    """A metric. `is_summed`: the numbers of several processes are added up; else the highest of
    them stands for all."""

    kind: str
    text: str
    labels: tuple[str, ...] = ()
    is_summed: bool = False


_SPECS = {
    "log_lines_dropped_total": _Spec("counter", "Log lines not written.", is_summed=True),
    "in_flight": _Spec("gauge", "Messages in hand.", is_summed=True),
    "in_hand_bytes": _Spec("gauge", "Bytes of the messages in hand.", is_summed=True),
    "oldest_in_hand_seconds": _Spec(
        "gauge", "For how long the oldest message of the queue is in hand.", ("queue",)
    ),
    "queue_age_seconds": _Spec(
        "gauge", "How long the message that was taken last had waited in the queue.", ("queue",)
    ),
    "settlement_stalled": _Spec(
        "gauge", "1 while messages are in hand and no message is settled."
    ),
    "channel_paused": _Spec("gauge", "1 while what the channel needs is away.", ("channel",)),
    "ledger_paused": _Spec("gauge", "1 while the ledger is away."),
    "breaker_state": _Spec(
        "gauge", "0: messages go through; 1: one tries; 2: all wait.", ("breaker",)
    ),
    "breaker_open_seconds": _Spec(
        "gauge", "For how long messages have waited, 0 while they go through.", ("breaker",)
    ),
    "relay_rate": _Spec(
        "gauge", "Mails a second that the relay takes, where it has said so by a refusal.",
        ("relay",),
    ),
    "relay_connections": _Spec("gauge", "Connections at once that the relay takes.", ("relay",)),
    "relay_session_mails": _Spec(
        "gauge", "Mails over one connection that the relay takes.", ("relay",)
    ),
    "relay_mail_recipients": _Spec(
        "gauge", "Recipients of one mail that the relay takes.", ("relay",)
    ),
    "relay_closed_until": _Spec(
        "gauge", "When the next mail may go to the relay, in seconds since the epoch.", ("relay",)
    ),
    "pool_connections": _Spec(
        "gauge", "Connections to the relay, by what they do.", ("relay", "state"), is_summed=True
    ),
    "pool_waiting": _Spec(
        "gauge", "Mails that wait for a connection.", ("relay",), is_summed=True
    ),
    "pool_opened_total": _Spec(
        "counter", "Connections to the relay that were opened.", ("relay",), is_summed=True
    ),
    "outcome_events_published_total": _Spec(
        "counter", "Outcome events that the broker has confirmed.", is_summed=True
    ),
    "outcome_events_dropped_total": _Spec(
        "counter", "Outcome events that are not published.", is_summed=True
    ),
    "outcome_events_waiting": _Spec(
        "gauge", "Outcome events that wait to be published.", is_summed=True
    ),
    "templates_version": _Spec("gauge", "The template set in use, as a label.", ("version",)),
}  # fmt: skip
"""Name -> what it is, in the order in which they are shown."""

SUMMED = frozenset(f"{PREFIX}{name}" for name, spec in _SPECS.items() if spec.is_summed)
"""Those whose numbers are added up over processes."""

_Rows = list[tuple[tuple[str, ...], float]]
"""The values of the labels, and the number."""


class OutcomeEventCounts(Protocol):
    """What became of outcome events so far, and how many wait to be published."""

    published: int
    dropped: int

    @property
    def waiting(self) -> int: ...


@value_object(kw_only=True, eq=False)
class Gauges(Collector):
    """The state of a worker, as prometheus-client collects it.

    `in_hand`: messages, and their bytes. `ages`: queue -> how long the message taken last had
    waited before, and for how long the oldest is in hand, in seconds; of the queues with messages
    in hand. `breakers`: name -> its state, and for how long it is open, in seconds. `relays`: relay
    -> name of a fact -> number. `pools`: relay -> state -> connections, with `waiting` mails and
    `opened` connections.
    """

    channels: Collection[str]
    queues: Collection[str]
    templates_version: Callable[[], str]
    in_hand: Callable[[], tuple[int, int]] = lambda: (0, 0)
    ages: Callable[[], Mapping[str, tuple[float, float]]] = dict
    breakers: Callable[[], Mapping[str, tuple[int, float]]] = dict
    relays: Callable[[], Mapping[str, Mapping[str, float]]] = dict
    pools: Callable[[], Mapping[str, Mapping[str, int]]] = dict
    troubles: Callable[[], Collection[Trouble]] = tuple
    dropped_lines: Callable[[], int] | None = None
    outcome_events: OutcomeEventCounts | None = None

    def collect(self) -> Iterable[Metric]:
        """What is true now. A metric without a number is left out."""
        rows = self._work() | self._troubles() | self._relays() | self._pools()
        for name, spec in _SPECS.items():
            if rows.get(name):
                metric = Metric(f"{PREFIX}{name}".removesuffix("_total"), spec.text, spec.kind)
                for values, number in rows[name]:
                    labels = dict(zip(spec.labels, values, strict=True))
                    metric.add_sample(f"{PREFIX}{name}", labels, number)
                yield metric

    def _work(self) -> dict[str, _Rows]:
        (count, size), ages = self.in_hand(), self.ages()
        found = {queue: ages.get(queue, (0.0, 0.0)) for queue in self.queues}
        rows: dict[str, _Rows] = {
            "in_flight": [((), count)],
            "in_hand_bytes": [((), size)],
            "queue_age_seconds": [((queue,), age) for queue, (age, _) in found.items()],
            "oldest_in_hand_seconds": [((queue,), held) for queue, (_, held) in found.items()],
            "templates_version": [((self.templates_version(),), 1)],
        }
        if self.dropped_lines is not None:
            rows["log_lines_dropped_total"] = [((), self.dropped_lines())]
        if (events := self.outcome_events) is not None:
            rows["outcome_events_published_total"] = [((), events.published)]
            rows["outcome_events_dropped_total"] = [((), events.dropped)]
            rows["outcome_events_waiting"] = [((), events.waiting)]
        return rows

    def _troubles(self) -> dict[str, _Rows]:
        troubles, breakers = self.troubles(), self.breakers()
        return {
            "settlement_stalled": [((), int(SETTLEMENT in troubles))],
            "channel_paused": [
                ((channel,), int(channel_trouble(channel) in troubles)) for channel in self.channels
            ],
            "ledger_paused": [((), int(LEDGER in troubles))],
            "breaker_state": [((name,), state) for name, (state, _) in breakers.items()],
            "breaker_open_seconds": [((name,), since) for name, (_, since) in breakers.items()],
        }

    def _relays(self) -> dict[str, _Rows]:
        rows: dict[str, _Rows] = {}
        for relay, facts in self.relays().items():
            for fact, number in facts.items():
                rows.setdefault(f"relay_{fact}", []).append(((relay,), round(number, 3)))
        return rows

    def _pools(self) -> dict[str, _Rows]:
        rows: dict[str, _Rows] = {}
        for relay, pool in self.pools().items():
            for state, number in pool.items():
                if state == "opened":
                    rows.setdefault("pool_opened_total", []).append(((relay,), number))
                elif state == "waiting":
                    rows.setdefault("pool_waiting", []).append(((relay,), number))
                else:
                    rows.setdefault("pool_connections", []).append(((relay, state), number))
        return rows
