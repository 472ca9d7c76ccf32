"""What measures a worker: only where the metrics are asked for, so that it costs nothing
elsewhere."""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from domain.breaker import Breaker
from domain.ledger import DeliveryLedger
from domain.ports import Notifier, TemplateRenderer

if TYPE_CHECKING:
    from adapters.observers.metrics import Metrics
    from entrypoints.container import Container


def metrics(container: "Container") -> "Metrics | None":
    """The metrics of this process; None where no address is set to read them from."""
    settings, log, in_hand = container.settings(), container.log(), container.in_hand()
    if settings.http is None:
        return None
    from adapters.observers.gauges import Gauges
    from adapters.observers.metrics import Metrics

    readiness, learned = container.readiness(), container.learned()

    def breakers() -> Mapping[str, tuple[int, float]]:
        found = container.dispatcher().breakers().items()
        return {name: (_state(one), _seconds_open(one, container)) for name, one in found}

    return Metrics(
        channels=settings.configured_channels,
        queue_channels=settings.queue_channels,
        # The renderer emits events, so it is asked for late.
        has_template=lambda name: name in container.renderer().snapshot.templates,
        gauges=Gauges(
            channels=settings.configured_channels,
            queues=tuple(settings.active_queues),
            templates_version=lambda: container.renderer().snapshot.version,
            in_hand=lambda: (in_hand.count, in_hand.size),
            ages=in_hand.ages,
            breakers=breakers,
            relays=learned.snapshot,
            pools=learned.connections,
            troubles=lambda: readiness.troubles,
            dropped_lines=lambda: log.dropped,
            outcome_events=container.outcome_exchange(),
        ),
    )


def _state(breaker: Breaker) -> int:
    if not breaker.is_open:
        return 0
    return 1 if breaker.is_probing else 2


def _seconds_open(breaker: Breaker, container: "Container") -> float:
    if not breaker.is_open:
        return 0.0
    return max(timedelta(0), container.clock().now() - breaker.pause.since).total_seconds()


def renderer(one: TemplateRenderer, metrics: "Metrics | None") -> TemplateRenderer:
    """The renderer, timed where there are metrics."""
    if metrics is None:
        return one
    from adapters.observers.timing import TimedRenderer

    return TimedRenderer(one, metrics.render)


def ledger(one: DeliveryLedger, metrics: "Metrics | None") -> DeliveryLedger:
    """The same for the ledger."""
    if metrics is None:
        return one
    from adapters.observers.timing import TimedLedger

    return TimedLedger(one, metrics.ledger)


def notifiers(all_: Mapping[str, Notifier], metrics: "Metrics | None") -> Mapping[str, Notifier]:
    """The same for the notifiers, by channel."""
    if metrics is None:
        return all_
    from adapters.observers.timing import TimedNotifier

    return {name: TimedNotifier(one, metrics.send[name]) for name, one in all_.items()}
