"""Every EventSink keeps the same contract."""

from collections.abc import Callable, Iterator

import pytest
from structlog.testing import capture_logs

from adapters.observers.alert_feed import AlertFeed
from adapters.observers.gauges import Gauges
from adapters.observers.health import Readiness
from adapters.observers.metrics import Metrics
from adapters.observers.subscribers import EventLog, FanOut
from domain.alerts import AlertPolicy
from domain.ports import EventSink, NoObserver
from tests.contracts.event_sink import EventSinkContract
from tests.fakes import FakeClock, FakeEvents


def _metrics() -> Metrics:
    return Metrics(
        channels=("email",),
        queue_channels={"mails": "email"},
        has_template=lambda _: True,
        gauges=Gauges(channels=("email",), queues=("mails",), templates_version=lambda: "v1"),
    )


def _feed() -> AlertFeed:
    return AlertFeed(AlertPolicy(FakeClock()), {"mails": "email"})


def _fan_out() -> FanOut:
    return FanOut(EventLog(), _metrics(), _feed(), (Readiness(), Readiness.TYPES))


SINKS: dict[str, Callable[[], EventSink]] = {
    "log": EventLog,
    "metrics": _metrics,
    "readiness": Readiness,
    "alerts": _feed,
    "fan_out": _fan_out,
    "no_observer": NoObserver,
    "fake": FakeEvents,
}


class TestEventSinks(EventSinkContract):
    @pytest.fixture(params=SINKS)
    def sink(self, request: pytest.FixtureRequest) -> Iterator[EventSink]:
        with capture_logs() as logs:
            yield SINKS[request.param]()
        assert not [entry for entry in logs if "observer" in entry]
