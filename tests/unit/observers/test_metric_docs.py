"""The page of the metrics, the alert rules and the dashboard name the metrics that there are."""

import re

import pytest

from adapters.channels.shared.learned import Fact
from adapters.observers.gauges import SUMMED, Gauges
from adapters.observers.metrics import Metrics, text_of
from adapters.observers.sink import LogSink
from adapters.observers.totals import Totals
from entrypoints.supervise import Supervisor
from tests.support.worker import ROOT

_NAME = re.compile(r"`(dispatcher_[a-z_]+)`")
_QUERIED = re.compile(r"\bdispatcher_[a-z_]+")
_POOL = ("in_use", "idle", "opening", "waiting", "opened")


class _Events:
    published = dropped = waiting = 0


def exposed() -> dict[str, str]:
    """Each metric with its type, of a worker that has all of them to show."""
    gauges = Gauges(
        channels=("email",),
        queues=("email",),
        templates_version=lambda: "v1",
        breakers=lambda: {"email": (0, 0.0)},
        relays=lambda: {"relay": {str(fact): 1.0 for fact in Fact}},
        pools=lambda: {"relay": dict.fromkeys(_POOL, 1)},
        dropped_lines=lambda: 0,
        outcome_events=_Events(),
    )
    metrics = Metrics(
        channels=("email",), queue_channels={}, has_template=lambda _: True, gauges=gauges
    )
    sums = Totals(Supervisor([], 2, LogSink(None)))
    sums.report(1, metrics.families())
    return dict(re.findall(r"^# TYPE (\w+) (\w+)$", text_of(sums), re.MULTILINE))


def test_every_metric_is_documented_and_every_documented_one_exists() -> None:
    page = (ROOT / "docs/monitoring.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| `dispatcher_")]

    documented = [name for row in rows for name in _NAME.findall(row.split(" | ")[0])]

    assert sorted(documented) == sorted(exposed())


@pytest.mark.parametrize(
    "file", ["prometheus/rules.yml", "grafana/dashboards/dispatcher.json"], ids=str
)
def test_rules_and_dashboards_ask_for_samples_that_there_are(file: str) -> None:
    samples: set[str] = set()
    for name, kind in exposed().items():
        parts = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
        samples |= {name + part for part in parts}

    queried = set(_QUERIED.findall((ROOT / "deploy" / file).read_text()))

    assert queried
    assert queried <= samples


def test_the_page_names_the_gauges_that_are_added_up() -> None:
    page = (ROOT / "docs/monitoring.md").read_text()
    listed = page.partition("These gauges are added up:")[2].partition("\n- ")[0]

    summed = {name for name in SUMMED if not name.endswith("_total")}

    assert set(_NAME.findall(listed)) == summed
