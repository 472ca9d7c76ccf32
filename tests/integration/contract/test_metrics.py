"""Names, types and labels of the metrics, after a run with every outcome."""

import re
from typing import Any

import pytest

from tests.integration.contract.outside import golden
from tests.integration.contract.scene import Scene

METRICS: dict[str, Any] = golden("metrics")
OUTCOMES: list[list[str]] = golden("outcomes")

_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

Samples = dict[str, list[tuple[dict[str, str], float]]]


def samples_of(text: str) -> Samples:
    """Name -> labels and value of each sample."""
    found: Samples = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            match = _SAMPLE.match(line)
            assert match is not None, line
            labels = dict(_LABEL.findall(match[2] or ""))
            found.setdefault(match[1], []).append((labels, float(match[3])))
    return found


def types_of(text: str) -> dict[str, str]:
    return dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_has_its_type_and_labels(scene: Scene, name: str) -> None:
    samples = samples_of(scene.metrics)

    assert types_of(scene.metrics)[name] == METRICS[name]["type"]
    for labels, _value in samples[name]:
        assert sorted(labels) == sorted(METRICS[name]["labels"])


def test_every_name_begins_with_the_same_word(scene: Scene) -> None:
    assert all(name.startswith("dispatcher_") for name in samples_of(scene.metrics))


def test_every_outcome_is_counted_under_its_labels(scene: Scene) -> None:
    samples = samples_of(scene.metrics)["dispatcher_notifications_total"]

    names = METRICS["dispatcher_notifications_total"]["labels"]
    found = {tuple(labels[name] for name in names) for labels, _value in samples}

    assert found == {tuple(row) for row in OUTCOMES}


def test_the_counts_are_those_of_the_run(scene: Scene) -> None:
    samples = samples_of(scene.metrics)["dispatcher_notifications_total"]
    dead = [value for labels, value in samples if labels["outcome"] == "dead_lettered"]
    malformed = [value for labels, value in samples if labels["reason"] == "malformed"]

    assert malformed == [len(scene.malformed)]
    assert sum(dead) == len(scene.letters) - 1  # the broker itself gave up on one


def test_each_channel_has_a_sample_of_its_own(scene: Scene) -> None:
    samples = samples_of(scene.metrics)["dispatcher_channel_paused"]

    assert {labels["channel"] for labels, _value in samples} == {"email", "telegram", "slack"}


def test_a_provider_s_unknown_code_is_counted(scene: Scene) -> None:
    assert samples_of(scene.metrics)["dispatcher_unknown_codes_total"] == [
        ({"channel": "slack", "code": "brand_new_error"}, 3)
    ]


def test_a_worker_that_serves_is_ready(scene: Scene) -> None:
    assert scene.ready == {"ready": True, "causes": []}


def test_a_stopped_worker_ends_with_success(scene: Scene) -> None:
    assert scene.exit_code == 0
