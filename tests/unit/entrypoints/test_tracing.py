"""When spans are exported: only where the standard variables ask for it, and it can be done."""

import sys

import pytest
from structlog.testing import capture_logs

from entrypoints import tracing
from entrypoints.settings.sources import read_tracing
from tests.unit.entrypoints.loading import load

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}


@pytest.mark.parametrize(
    ("environ", "is_on"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "mailer"}, False),
        (ENDPOINT, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://collector:4318"}, False),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({**ENDPOINT, "OTEL_TRACES_EXPORTER": "none"}, False),
        ({**ENDPOINT, "OTEL_SDK_DISABLED": "true"}, False),
        ({**ENDPOINT, "OTEL_SDK_DISABLED": "false"}, True),
        ({**ENDPOINT, "OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
    ],
)
def test_the_standard_variables_ask_for_spans(environ: dict[str, str], is_on: bool) -> None:
    assert read_tracing(environ) == (is_on, ())


def test_what_cannot_be_done_is_named_and_the_rest_is_done() -> None:
    grpc = read_tracing({**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})
    both = read_tracing({"OTEL_TRACES_EXPORTER": "otlp, console"})
    zipkin = read_tracing({**ENDPOINT, "OTEL_TRACES_EXPORTER": "zipkin"})

    assert (grpc.is_on, both.is_on, zipkin.is_on) == (True, True, False)
    [text] = grpc.troubles
    assert text.startswith("OTEL_EXPORTER_OTLP_PROTOCOL: grpc is not supported")
    assert both.troubles == ("OTEL_TRACES_EXPORTER: console is not supported; otlp and none are",)
    assert "zipkin" in zipkin.troubles[0]


def test_without_the_extra_a_worker_says_so_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENDPOINT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delitem(sys.modules, "adapters.observers.traces", raising=False)
    for name in [one for one in sys.modules if one.partition(".")[0] == "opentelemetry"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)  # as if it were not installed

    with capture_logs() as lines:
        assert tracing.traces(load({})) is None

    [line] = lines
    assert line["event"] == "no spans are exported: the extra is not installed"
    assert "dispatcher-worker[otel]" in line["detail"]
