"""An OpenTelemetry collector of the tests' own: takes spans over OTLP/HTTP and keeps them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.http_server import Answer, HttpServer, Request

PATH = "/v1/traces"


@dataclass(frozen=True)
class CollectedSpan:
    """A span as it arrived; ids in hexadecimal digits, `parent` empty where there is none."""

    name: str
    kind: int
    trace_id: str
    span_id: str
    parent: str
    is_failed: bool
    status: str
    attributes: Mapping[str, Any]
    events: tuple[Mapping[str, Any], ...]
    resource: Mapping[str, Any]
    text: str


class Collector:
    """`server` listens; `spans` are those that arrived."""

    def __init__(self) -> None:
        self.server = HttpServer(default=self._take)
        self.spans: list[CollectedSpan] = []
        self.requests: list[Request] = []

    def named(self, name: str) -> list[CollectedSpan]:
        """The spans of this name, the first to begin first to arrive."""
        return [span for span in self.spans if span.name == name]

    def _take(self, request: Request) -> Answer:
        self.requests.append(request)
        if request.path != PATH or request.headers["content-type"] != "application/x-protobuf":
            return Answer(404)
        export = ExportTraceServiceRequest.FromString(request.body)
        for one in export.resource_spans:
            resource = _values(one.resource.attributes)
            for scope in one.scope_spans:
                self.spans += [_collected(span, resource) for span in scope.spans]
        return Answer(200, b"", headers={"Content-Type": "application/x-protobuf"})


def _collected(span: Any, resource: Mapping[str, Any]) -> CollectedSpan:
    return CollectedSpan(
        name=span.name,
        kind=span.kind,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        is_failed=span.status.code == span.status.STATUS_CODE_ERROR,
        status=span.status.message,
        attributes=_values(span.attributes),
        events=tuple(_values(event.attributes) for event in span.events),
        resource=resource,
        text=str(span),
    )


def _values(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}
