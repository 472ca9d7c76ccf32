"""What a worker keeps up while it consumes: probes and alerts, where they are asked for."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from entrypoints.container import Container
from entrypoints.drains import DrainWatch
from entrypoints.relay_watch import RelayWatch
from entrypoints.settings import Settings, SettingsInvalid
from entrypoints.settings.sources import variable
from entrypoints.settings.values import HttpAddress
from entrypoints.worker_states import WorkerWatch


def companions(
    container: Container, settings: Settings
) -> list[AbstractAsyncContextManager[object]]:
    """To be entered before the first message is taken, and left after the last."""
    kept: list[AbstractAsyncContextManager[object]] = [container.settlement_watch().at_work()]
    kept.append(_worker_watch(container).at_work())
    if "email" in settings.active_channels:
        kept.append(_relay_watch(container).at_work())
    if settings.http is not None:
        kept.append(_probes(container, settings.http))
    if settings.alerts_to:
        kept.append(container.alerter().at_work())
        drains = DrainWatch(
            policy=container.alerts(),
            dead_letters=container.dead_letters(),
            channels=settings.queue_channels,
        )
        kept.append(drains.at_work())
    return kept


def _worker_watch(container: Container) -> WorkerWatch:
    in_hand = container.in_hand()
    return WorkerWatch(
        store=container.paces(),
        pauses=container.once().pauses,
        in_hand=in_hand.by_queue,
        settled_at=lambda: in_hand.settled_at,
    )


def _relay_watch(container: Container) -> RelayWatch:
    container.email()
    learned = container.learned()
    return RelayWatch(store=container.paces(), snapshot=learned.snapshot, refresh=learned.refresh)


@asynccontextmanager
async def _probes(container: Container, address: HttpAddress) -> AsyncIterator[None]:
    from adapters.observers.health import HealthPages, listen

    vitals, metrics = container.vitals(), container.metrics()
    consumer, renderer = container.consumer(), container.renderer()
    pages = HealthPages(
        troubles=lambda: vitals.troubles(is_consuming=consumer.is_ready),
        metrics=lambda: metrics.render(
            paused=vitals.paused(),
            templates_version=renderer.version,
            is_stalled=vitals.is_stalled,
        ),
    )
    try:
        server = await listen(address.host, address.port, pages)
    except OSError as error:
        reason = error.strerror or str(error)
        raise SettingsInvalid(
            [f"{variable('http')}: cannot listen on {address}: {reason}"]
        ) from None
    try:
        yield
    finally:
        server.close()
