"""The metrics of a worker with one channel and one queue, and what Prometheus reads of them."""

from collections.abc import Callable, Mapping
from typing import Any

from adapters.observers.gauges import Gauges
from adapters.observers.metrics import Metrics


def some_metrics(
    has_template: Callable[[str], bool] = lambda name: name == "welcome", **sources: Any
) -> Metrics:
    values = {"templates_version": lambda: "v1", **sources}
    return Metrics(
        channels=("email",),
        queue_channels={"mails": "email"},
        has_template=has_template,
        gauges=Gauges(channels=("email",), queues=("mails",), **values),
    )


def sample(name: str, labels: Mapping[str, str]) -> str:
    inside = ",".join(f'{key}="{text}"' for key, text in sorted(labels.items()))
    return f"dispatcher_{name}{{{inside}}}" if inside else f"dispatcher_{name}"


def samples(metrics: Metrics) -> dict[str, float]:
    return samples_of(metrics.text())


def samples_of(text: str) -> dict[str, float]:
    """Each sample with its number."""
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#"]
    return {name: float(value) for name, value in lines}
