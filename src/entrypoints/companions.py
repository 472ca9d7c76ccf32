"""What a worker keeps up while it consumes: probes and alerts, where they are asked for."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from adapters.channels import CHANNELS
from entrypoints.alerts.all_clear import AllClear
from entrypoints.container import Container
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
    if any(CHANNELS[name].has_relays for name in settings.active_channels):
        kept.append(_relay_watch(container).at_work())
    if settings.http is not None:
        kept.append(_probes(container, settings.http))
    if settings.alerts_to:
        kept.append(container.alerter().at_work())
        all_clear = AllClear(
            policy=container.alerts(),
            dead_letters=container.dead_letters(),
            channels=settings.queue_channels,
        )
        kept.append(all_clear.at_work())
    return kept


def _worker_watch(container: Container) -> WorkerWatch:
    in_hand = container.in_hand()
    return WorkerWatch(
        store=container.paces(),
        pauses=container.dispatcher().pauses,
        in_hand=in_hand.by_queue,
        settled_at=lambda: in_hand.settled_at,
    )


def _relay_watch(container: Container) -> RelayWatch:
    container.channel_notifiers()  # made by now, so that each has named what it shares
    learned = container.learned()
    return RelayWatch(store=container.paces(), snapshot=learned.snapshot, refresh=learned.refresh)


@asynccontextmanager
async def _probes(container: Container, address: HttpAddress) -> AsyncIterator[None]:
    from adapters.observers.health import HealthPages, listen

    readiness, consumer = container.readiness(), container.consumer()
    pages = HealthPages(
        troubles=lambda: readiness.causes(is_consuming=consumer.is_ready),
        metrics=container.metrics().render,
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
