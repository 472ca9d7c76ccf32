"""What traces a worker: only where the extra `otel` is installed and the standard variables ask for
spans, so that it costs nothing elsewhere."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import structlog

from adapters.inbound.contract import Handler, InboundMessage, Settlement
from adapters.message_format.headers import traceparent_of
from domain.ports import EventSink, Notifier, TemplateRenderer
from entrypoints.release import VERSION
from entrypoints.settings import Settings
from entrypoints.settings.sources import read_tracing

if TYPE_CHECKING:
    from adapters.observers.traces import Traces
    from entrypoints.container import Container

log = structlog.get_logger()


def traces(settings: Settings) -> "Traces | None":
    """What makes the spans; None where they are not asked for, or cannot be made."""
    asked = read_tracing()
    for trouble in asked.troubles:
        log.warning("traces are not exported as asked", detail=trouble)
    if not asked.is_on:
        return None
    try:
        from adapters.observers.traces import Traces
    except ImportError:
        log.warning(
            "no spans are exported: the extra is not installed",
            detail="pip install 'dispatcher-worker[otel]', or unset OTEL_EXPORTER_OTLP_ENDPOINT",
        )
        return None
    return Traces(VERSION, "dispatcher" if settings.is_embedded else "rabbitmq")


def handler(container: "Container") -> Handler:
    """What handles a message; with a span for each message where there are traces, which end with
    the container."""
    handle, traces = container.handler().handle, container.traces()
    if traces is None:
        return handle
    container.closing().push_async_callback(traces.close)
    receiving = traces.receiving

    async def traced(message: InboundMessage) -> Settlement:
        with receiving(message.queue, traceparent_of(message.headers)):
            return await handle(message)

    return traced


def renderer(one: TemplateRenderer, traces: "Traces | None") -> TemplateRenderer:
    """The same for the renderer."""
    if traces is None:
        return one
    from adapters.observers.traces import TracedRenderer

    return TracedRenderer(one, traces)


def notifiers(all_: Mapping[str, Notifier], traces: "Traces | None") -> Mapping[str, Notifier]:
    """The same for the notifiers, by channel."""
    if traces is None:
        return all_
    from adapters.observers.traces import TracedNotifier

    return {name: TracedNotifier(one, name, traces) for name, one in all_.items()}


def sinks(traces: "Traces | None") -> Collection[tuple[EventSink, Collection[type]]]:
    """The observers that write into spans."""
    return [] if traces is None else [(traces, traces.TYPES)]
