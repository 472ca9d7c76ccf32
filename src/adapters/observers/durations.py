"""Histograms that are cheap to observe, several times for each mail: a value is put into its bucket
when the numbers are read, or when many values wait."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from operator import add

from prometheus_client import Metric
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

# Values that wait for their bucket.
_MANY = 1024


class _Series:
    """The values of one label value."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        """How many values are within each bound, the last without one."""
        self._sum = 0.0
        self._waiting: list[float] = []

    def observe(self, seconds: float) -> None:
        self._waiting.append(seconds)
        if len(self._waiting) >= _MANY:
            self.numbers()

    def numbers(self) -> tuple[list[int], float]:
        """How many values are within each bound, the last without one; and their sum."""
        values, self._waiting = self._waiting, []
        self._sum += sum(values)
        values.sort()
        more = [*[bisect_right(values, bound) for bound in self._bounds], len(values)]
        self._counts = [*map(add, self._counts, more)]
        return self._counts, self._sum


class Durations(Collector):
    """One histogram of seconds, with one label or none. `bounds`: the upper bounds of the buckets,
    rising."""

    def __init__(self, name: str, text: str, bounds: Sequence[float], label: str = "") -> None:
        self._name, self._text, self._label = name, text, label
        self._bounds = bounds
        self._bound_names = [*map(floatToGoString, bounds), "+Inf"]
        self._series: dict[str, _Series] = {}

    def of(self, value: str = "") -> Callable[[float], None]:
        """What observes seconds for this value of the label."""
        return self._series.setdefault(value, _Series(self._bounds)).observe

    def collect(self) -> Iterable[Metric]:
        """See Collector."""
        labels = [self._label] if self._label else []
        family = HistogramMetricFamily(self._name, self._text, labels=labels)
        for value, series in self._series.items():
            counts, total = series.numbers()
            buckets = [*zip(self._bound_names, map(float, counts), strict=True)]
            family.add_metric([value] if labels else [], buckets, total)
        yield family
