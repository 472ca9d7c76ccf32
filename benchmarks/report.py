"""What the runs say: the targets first, then a table for each group of cases. Markdown."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.cases import (
    DELAY,
    DRAMATIQ,
    FIFTY,
    HANDWRITTEN,
    IDLE,
    ONE_PROCESS,
    OURS,
    TEN,
    TWO_PROCESSES,
)
from benchmarks.measure import Figures

Table = Mapping[str, Figures]
Round = Mapping[str, Table]
"""What one round measured, by table and by row."""

_CONNECTIONS = 10
_COLUMNS = {
    "rate": ("mails/s", "{:,.0f}"),
    "recipients": ("recipients/s", "{:,.0f}"),
    "cpu": ("CPU s per 1,000", "{:.3f}"),
    "start": ("s to the first mail", "{:.2f}"),
    "first start": ("where it makes its queues", "{:.2f}"),
    "memory": ("peak memory, MiB", "{:.0f}"),
}
_HIDDEN = {"memory": {"start"}, "peers": {"start"}}
_TITLES = {
    "peers": "Equal work: HTML and text, a server that answers at once",
    "slow server": f"A server that answers the final dot after {DELAY * 1000:.0f} ms",
    "processes": "Processes",
    "queue length": "Queue length",
    "message size": "Message size",
    "recipients": "Recipients",
    "encryption": "Encryption to a server in Python",
    "memory": "Memory of a worker that waits",
    "start": "Start",
    "embedded": "Embedded queue into a Maildir, start-up included",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One line of the first table. `of`: its value in one round."""

    what: str
    of: Callable[[Round], float]
    must: float
    aim: float | None = None
    is_limit: bool = False
    """Whether less is better."""
    digits: int = 2

    def measured(self, rounds: Sequence[Round]) -> float | None:
        """The median of the rounds' own values; None where its cases were not run."""
        try:
            return median(self.of(one) for one in rounds)
        except LookupError:
            return None

    def verdict(self, value: float) -> str:
        """Which of the two it reaches."""
        if self.aim is not None and self._holds(value, self.aim):
            return "aim"
        return "must" if self._holds(value, self.must) else "**missed**"

    def show(self, value: float | None) -> str:
        """A value, as exact as the target is."""
        return "" if value is None else f"{value:,.{self.digits}f}"

    def _holds(self, value: float, bound: float) -> bool:
        return value <= bound if self.is_limit else value >= bound


def _ratio(table: str, name: str, other: str, figure: str = "rate") -> Callable[[Round], float]:
    return lambda one: one[table][name][figure] / one[table][other][figure]


def _longest(one: Round) -> Figures:
    return list(one["queue length"].values())[-1]


def _shortest(one: Round) -> Figures:
    return next(iter(one["queue length"].values()))


def _only(table: str, figure: str) -> Callable[[Round], float]:
    return lambda one: next(iter(one[table].values()))[figure]


TARGETS = (
    Target(what="mails/s against (a)", of=_ratio("peers", OURS, HANDWRITTEN), must=4.5, aim=6),
    Target(
        what="worker CPU against (a)",
        of=_ratio("peers", OURS, HANDWRITTEN, "cpu"),
        must=0.24,
        aim=0.18,
        is_limit=True,
    ),
    Target(
        what="mails/s against (c) on two processes",
        of=_ratio("peers", OURS, DRAMATIQ),
        must=3.5,
        aim=5,
    ),
    Target(
        what="10 ms server, 10 connections: share of 1,000/s",
        of=lambda one: one["slow server"][TEN]["rate"] * DELAY / _CONNECTIONS,
        must=0.85,
        aim=0.95,
    ),
    Target(
        what="10 ms server, 50 connections: against (a)",
        of=_ratio("slow server", FIFTY, HANDWRITTEN),
        must=20,
        aim=28,
        digits=1,
    ),
    Target(
        what="two processes against one",
        of=_ratio("processes", TWO_PROCESSES, ONE_PROCESS),
        must=1.4,
        aim=1.6,
    ),
    Target(
        what="resident memory, idle, MiB",
        of=lambda one: one["memory"][IDLE]["memory"],
        must=48,
        aim=40,
        is_limit=True,
        digits=0,
    ),
    Target(
        what="resident memory, peak, longest queue, MiB",
        of=lambda one: _longest(one)["memory"],
        must=52,
        aim=44,
        is_limit=True,
        digits=0,
    ),
    Target(
        what="CPU per mail, longest queue against shortest",
        of=lambda one: _longest(one)["cpu"] / _shortest(one)["cpu"],
        must=1.05,
        is_limit=True,
    ),
    Target(
        what="start to first mail, s", of=_only("start", "start"), must=0.6, aim=0.4, is_limit=True
    ),
    Target(
        what="embedded queue into a Maildir, mails/s",
        of=_only("embedded", "rate"),
        must=1000,
        aim=1500,
        digits=0,
    ),
)


def targets(rounds: Sequence[Round]) -> str:
    """Every target whose cases were run, with what it reaches."""
    rows = [
        (one.what, one.show(value), one.show(one.must), one.show(one.aim), one.verdict(value))
        for one in TARGETS
        if (value := one.measured(rounds)) is not None
    ]
    return markdown(("what", "measured", "must", "aim", "reaches"), rows)


def several(runs: Mapping[str, Sequence[Round]]) -> str:
    """The targets of some runs next to each other, by their dates."""
    heads = ("what", "must", *(date.removesuffix(" UTC")[-5:] for date in runs))
    rows = []
    for one in TARGETS:
        values = [one.measured(rounds) for rounds in runs.values()]
        rows.append((one.what, one.show(one.must), *map(one.show, values)))
    return markdown(heads, rows)


def details(rounds: Sequence[Round]) -> Iterator[tuple[str, str]]:
    """Title and table of each group of cases: medians of the rounds."""
    for table, cases in rounds[0].items():
        used = [name for name in _COLUMNS if any(name in figures for figures in cases.values())]
        used = [name for name in used if name not in _HIDDEN.get(table, ())]
        rows = [
            (name, *(_cell([one[table][name] for one in rounds], column) for column in used))
            for name in cases
        ]
        yield _TITLES[table], markdown(("", *(_COLUMNS[name][0] for name in used)), rows)


def _cell(runs: Sequence[Figures], column: str) -> str:
    if column not in runs[0]:
        return ""
    return _COLUMNS[column][1].format(median(figures[column] for figures in runs))


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose columns also line up as plain text."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        first, *others = zip(cells, widths, strict=True)
        padded = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
        return f"| {' | '.join(padded)} |"

    rule = [":" + "-" * (widths[0] - 1), *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join([line(heads), line(rule), *map(line, rows)])
