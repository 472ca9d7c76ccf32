"""The metrics of several processes as those of one."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import Metric
from prometheus_client.registry import Collector

from adapters.observers.gauges import SUMMED

_ADDED_UP = frozenset({"counter", "histogram"})

Families = list[Any]
"""Metrics as a report has them, which goes as JSON: name, type, help and samples of each; a sample
is its name, its labels and its number."""

_Key = tuple[str, tuple[tuple[str, str], ...]]


def families_of(metrics: Collector) -> Families:
    """The metrics as a process reports them."""
    return [
        [one.name, one.type, one.documentation, [[s.name, s.labels, s.value] for s in one.samples]]
        for one in metrics.collect()
    ]


@dataclass(slots=True)
class _Total:
    kind: str
    text: str
    numbers: dict[_Key, float] = field(default_factory=dict)

    def add(self, samples: Iterable[Any], combine: Callable[[float, float], float]) -> None:
        for name, labels, number in samples:
            key = name, tuple(labels.items())
            before = self.numbers.get(key)
            self.numbers[key] = number if before is None else combine(before, number)


class Totals(Collector):
    """Adds up what processes report. Counters and histograms are summed, and those of a process
    that has ended stay in the sums, which so never fall. Of the gauges, those in `SUMMED` are
    summed, and of the others the highest counts; those of a process that has ended are gone."""

    def __init__(self, own: Collector) -> None:
        """`own`: the metrics of the process that adds up."""
        self._own = own
        self._living: dict[int, Families] = {}
        self._ended: dict[str, _Total] = {}

    def report(self, life: int, families: Families) -> None:
        """Take what a process reports; it replaces its last report. `life`: its number, which no
        other process has had."""
        self._living[life] = families

    def end(self, life: int) -> None:
        """A process has ended: what it has counted stays."""
        for name, kind, text, samples in self._living.pop(life, []):
            if kind in _ADDED_UP:
                self._ended.setdefault(name, _Total(kind, text)).add(samples, _sum)

    def collect(self) -> Iterable[Metric]:
        """The metrics of all processes."""
        totals: dict[str, _Total] = {}
        for families in (*self._living.values(), families_of(self._own)):
            for name, kind, text, samples in families:
                is_summed = kind in _ADDED_UP or name in SUMMED
                total = totals.setdefault(name, _Total(kind, text))
                total.add(samples, _sum if is_summed else max)
        for name, ended in self._ended.items():
            total = totals.setdefault(name, _Total(ended.kind, ended.text))
            total.add(_samples(ended.numbers), _sum)
        for name, total in totals.items():
            metric = Metric(name, total.text, total.kind)
            for sample, labels, number in _samples(total.numbers):
                metric.add_sample(sample, labels, number)
            yield metric


def _samples(numbers: Mapping[_Key, float]) -> Iterable[tuple[str, dict[str, str], float]]:
    for (name, labels), number in numbers.items():
        yield name, dict(labels), number


def _sum(one: float, other: float) -> float:
    return one + other
