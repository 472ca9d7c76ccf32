"""Spans by OpenTelemetry (the extra `otel`): one for each message in hand, and in it one for each
rendering and each call of a provider. What the standard `OTEL_*` variables say, the SDK reads."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from adapters.observers.logs import mask_addresses
from domain.content import Content, Envelope
from domain.errors import DeliveryError
from domain.events import Event, MessageMalformed, NotificationDispatched
from domain.notification import Notification, Recipient
from domain.outcome import Outcome
from domain.ports import AboutToSend, Answers, Notifier, RenderRequest, TemplateRenderer, proceed
from domain.trace import HEADER, TRACE, well_formed

_PATIENCE = 5.0
"""Seconds that a worker which ends spends on the spans that are left."""

_SERVICE = "dispatcher"
_UNNAMED = "unknown_service"
_PROPAGATOR = TraceContextTextMapPropagator()

_BETWEEN_LINES = 60.0
_LONGEST_DETAIL = 300

log = structlog.get_logger()


class _Problems(logging.Handler):
    """Logs what the library reports, once a minute at most: a collector that is away would be
    several lines for each batch."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._next = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _BETWEEN_LINES
            detail = record.getMessage()[:_LONGEST_DETAIL]
            log.warning("OpenTelemetry has a problem; deliveries go on", detail=detail)


_library = logging.getLogger("opentelemetry")
_library.propagate = False
_library.handlers[:] = [_Problems()]
for _name in ("urllib3", "requests"):
    logging.getLogger(_name).setLevel(logging.ERROR)


class Traces:
    """Makes the spans, and exports them in the background. As an EventSink it writes what became of
    a message into the message's span."""

    TYPES = (NotificationDispatched, MessageMalformed)
    """What it wants to get."""

    def __init__(self, release: str, system: str) -> None:
        """`system`: the broker's name among OpenTelemetry's messaging systems."""
        resource = Resource.create({SERVICE_VERSION: release})
        if str(resource.attributes[SERVICE_NAME]).startswith(_UNNAMED):
            resource = resource.merge(Resource({SERVICE_NAME: _SERVICE}))
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer(_SERVICE, release)
        self._system = system

    @contextmanager
    def receiving(self, queue: str, traceparent: str | None) -> Iterator[None]:
        """The span of a message from a queue, in the trace that it came with, if it came with
        one."""
        given = traceparent and well_formed(traceparent)
        attributes = {
            "messaging.system": self._system,
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.destination.name": queue,
        }
        # Without one it begins a trace, whatever else is under way in this process.
        context = _PROPAGATOR.extract({HEADER: given} if given else {}, Context())
        with self._tracer.start_as_current_span(
            f"process {queue}",
            context,
            SpanKind.CONSUMER,
            attributes,
            record_exception=False,  # its text may hold an address
            set_status_on_exception=False,
        ) as span:
            before = TRACE.set(_traceparent(span))
            try:
                yield
            finally:
                TRACE.reset(before)

    @contextmanager
    def span(self, name: str, kind: SpanKind, attributes: Mapping[str, str]) -> Iterator[Span]:
        """A span in that of the message; its `traceparent` is passed on meanwhile. A DeliveryError
        is its status."""
        with self._tracer.start_as_current_span(
            name,
            kind=kind,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            before = TRACE.set(_traceparent(span))
            try:
                yield span
            except DeliveryError as error:
                _failed(span, error)
                raise
            finally:
                TRACE.reset(before)

    def emit(self, event: Event) -> None:
        """See EventSink."""
        span = trace.get_current_span()
        match event:
            case NotificationDispatched(notification=notification, outcome=outcome):
                about: dict[str, str | int] = {
                    "id": notification.id,
                    "channel": notification.channel,
                    "template": notification.template,
                    "attempt": outcome.attempt,
                    "recipients": len(outcome.results),
                }
                span.add_event("outcome", _of_outcome(outcome) | about)
                span.set_attribute("messaging.message.id", notification.id)
                if outcome.rejected:
                    error = mask_addresses(outcome.rejected[0].error)
                    span.set_status(Status(StatusCode.ERROR, error))
            case MessageMalformed(id=id_, reason=reason, error=error):
                span.set_attribute("messaging.message.id", id_)
                span.add_event("outcome", {"id": id_, "dead_lettered": str(reason)})
                span.set_status(Status(StatusCode.ERROR, mask_addresses(error)))

    async def close(self) -> None:
        """Export what is left, for at most some seconds."""
        # Not the loop's own threads: these would be waited for, however long it takes.
        exporting = threading.Thread(target=self._provider.shutdown, daemon=True, name="traces")
        exporting.start()
        end = time.monotonic() + _PATIENCE
        while exporting.is_alive() and time.monotonic() < end:  # noqa: ASYNC110 - it is a thread
            await asyncio.sleep(0.02)


class TracedRenderer:
    """A TemplateRenderer with a span for each rendering."""

    def __init__(self, renderer: TemplateRenderer, traces: Traces) -> None:
        self._render = renderer.render
        self._traces = traces
        self.envelope_of: Callable[[str], Envelope] = renderer.envelope_of

    def render(self, request: RenderRequest) -> Content:
        """See TemplateRenderer."""
        about = {"dispatcher.template": request.template, "dispatcher.channel": request.channel}
        with self._traces.span(f"render {request.template}", SpanKind.INTERNAL, about):
            return self._render(request)


class TracedNotifier:
    """A Notifier with a span for each message, with all that it waits for in it."""

    def __init__(self, notifier: Notifier, channel: str, traces: Traces) -> None:
        self._notify = notifier.notify
        self._channel = channel
        self._traces = traces
        self.one_by_one = notifier.one_by_one
        self.check, self.close = notifier.check, notifier.close

    async def notify(
        self,
        notification: Notification,
        content: Content,
        recipients: Sequence[Recipient],
        about_to_send: AboutToSend = proceed,
    ) -> Answers:
        """See Notifier."""
        about = {"dispatcher.channel": self._channel, "messaging.message.id": notification.id}
        with self._traces.span(f"send {self._channel}", SpanKind.CLIENT, about) as span:
            answers = await self._notify(notification, content, recipients, about_to_send)
            errors = [error for error in answers.values() if error is not None]
            span.set_attribute("dispatcher.recipients", len(answers))
            span.set_attribute("dispatcher.refused", len(errors))
            if errors:
                _failed(span, errors[0])
            return answers


def _failed(span: Span, error: DeliveryError) -> None:
    span.set_attribute("error.type", type(error).__name__)
    span.set_status(Status(StatusCode.ERROR, mask_addresses(str(error))))


def _traceparent(span: Span) -> str:
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier, trace.set_span_in_context(span))
    return carrier[HEADER]


def _of_outcome(outcome: Outcome) -> dict[str, str | int]:
    """What became of it, as a span's event may hold it."""
    sent, deferred = outcome.sent, outcome.deferred
    found: dict[str, str | int] = {"sent": len(sent)} if sent else {}
    if deferred:
        found["deferred"] = len(deferred)
        found["error"] = mask_addresses(deferred[0].error)
    if outcome.rejected:
        found["dead_lettered"] = str(outcome.rejected[0].reason)
        found["error"] = mask_addresses(outcome.rejected[0].error)
    if ids := outcome.message_ids_of(outcome.results):
        found["message_id"] = ids[0]
    return found
