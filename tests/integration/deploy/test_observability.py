"""compose.yaml's Prometheus with our files, asked by its API after a worker has sent mails."""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
import yaml

from tests.support.compose_stack import PROMETHEUS, Stack, running_stack
from tests.support.tools import ROOT
from tests.support.worker import wait_until

pytestmark = pytest.mark.slow

RULES = ROOT / "deploy/prometheus/rules.yml"
DASHBOARD = ROOT / "deploy/grafana/dashboards/dispatcher.json"
_LABEL = re.compile(r"{{(\w+)}}")

# Only where a mail was put off, where a relay has a limit, and with several processes.
_MAY_BE_EMPTY = {
    'sum by (channel, reason) (rate(dispatcher_notifications_total{outcome="deferred"}[5m]))',
    "max by (relay) (dispatcher_relay_rate)",
    "sum by (instance) (increase(dispatcher_process_restarts_total[10m]))",
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Five mails are sent, one is a dead letter, and Prometheus has seen both twice."""
    folder = tmp_path_factory.mktemp("observability")
    with running_stack(folder, images=[PROMETHEUS]) as stack:
        stack.start("prometheus")
        wait_until(lambda: [t["health"] for t in targets(stack)] == ["up"], on_failure=stack.log)
        stack.send(5)
        bad = ("send", "welcome", "--to", "ann@example.com", "--data", "{}")
        stack.compose("run", "--rm", "dispatcher", *bad)
        seen = 'sum(count_over_time(dispatcher_notifications_total{outcome="dead_lettered"}[1m]))'
        wait_until(lambda: (value(stack, seen) or 0) >= 2, seconds=60, on_failure=stack.log)
        yield stack


def ask(stack: Stack, path: str, **query: object) -> Any:
    """What Prometheus' API answers. It must warn of nothing."""
    status, body = stack.get("prometheus.localhost", f"/api/v1/{path}?{urlencode(query)}")
    answer = json.loads(body)
    assert status == 200, answer
    assert set(answer) == {"status", "data"}, (query, answer)
    return answer["data"]


def result(stack: Stack, query: str) -> list[dict[str, Any]]:
    return list(ask(stack, "query", query=query)["result"])


def value(stack: Stack, query: str) -> float | None:
    """The query's only number; None where it has no result."""
    found = result(stack, query)
    return float(found[0]["value"][1]) if found else None


def targets(stack: Stack) -> list[dict[str, Any]]:
    return list(ask(stack, "targets")["activeTargets"])


def rules(stack: Stack) -> dict[str, dict[str, Any]]:
    groups = ask(stack, "rules")["groups"]
    return {rule["name"]: rule for group in groups for rule in group["rules"]}


def test_prometheus_finds_the_worker_and_counts_its_mails(stack: Stack) -> None:
    [target] = targets(stack)

    assert target["labels"]["job"] == "dispatcher"
    assert target["scrapeUrl"].endswith(":8080/metrics")
    assert (target["health"], target["lastError"]) == ("up", "")
    assert value(stack, 'sum(dispatcher_notifications_total{outcome="sent"})') == 5


def test_each_rule_is_loaded_and_evaluated_without_an_error(stack: Stack) -> None:
    written = yaml.safe_load(RULES.read_text())
    names = [rule["alert"] for group in written["groups"] for rule in group["rules"]]
    wait_until(lambda: all(rule["health"] != "unknown" for rule in rules(stack).values()))

    evaluated = rules(stack)

    health = {name: (rule["health"], rule.get("lastError")) for name, rule in evaluated.items()}
    assert health == dict.fromkeys(names, ("ok", None))


def test_each_query_of_the_dashboard_has_data_with_the_labels_of_its_legend(stack: Stack) -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    queries = [(one["expr"], one["legendFormat"]) for panel in panels for one in panel["targets"]]

    empty = set()
    for query, legend in queries:
        found = result(stack, query)
        if not found:
            empty.add(query)
        for series in found:
            assert set(_LABEL.findall(legend)) <= set(series["metric"]), query

    assert empty == _MAY_BE_EMPTY


def test_the_first_dead_letter_of_a_cause_is_shown_and_raises_an_alert(stack: Stack) -> None:
    [panel] = [
        panel
        for panel in json.loads(DASHBOARD.read_text())["panels"]
        if panel["title"] == "Dead letters in the last hour"
    ]
    wait_until(lambda: rules(stack)["DispatcherDeadLetters"]["state"] == "firing", seconds=60)

    [alert] = rules(stack)["DispatcherDeadLetters"]["alerts"]

    named = {"channel": "email", "template": "welcome", "reason": "template_undefined"}
    assert named.items() <= alert["labels"].items()
    assert value(stack, panel["targets"][0]["expr"]) == 1


def test_an_alert_is_pending_while_no_worker_answers(stack: Stack) -> None:
    def state() -> str:
        return str(rules(stack)["DispatcherNoWorker"]["state"])

    before = state()
    stack.compose("pause", "dispatcher")  # a stopped one would forget what it has counted
    try:
        wait_until(lambda: state() == "pending", seconds=90)
    finally:
        stack.compose("unpause", "dispatcher")
    wait_until(lambda: state() == "inactive", seconds=90)
    assert before == "inactive"
