"""A running worker: consume until a signal to stop, and all that goes on meanwhile."""

import asyncio
import gc
import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext
from functools import partial
from pathlib import Path

import structlog

from adapters.inbound.contract import Handler, InboundMessage, Settlement
from adapters.observers.sink import LogSink
from adapters.templates.limits import STATM
from entrypoints import suppressing, tracing
from entrypoints.container import Container
from entrypoints.settings import Settings
from entrypoints.settings.sources import read_supervision
from entrypoints.start import announce
from entrypoints.watching.alerts import LOOK_PAUSE
from entrypoints.watching.periodic import EVERY, TICK, WorkerNotes, repeated, when
from entrypoints.watching.service_manager import READY, STOPPING, ServiceManager

# Reference counts free what a mail leaves behind; cycles are rare, and looking for them costs.
_GARBAGE_THRESHOLD = 10_000

# Seconds for the log of a worker that must exit at once.
_LAST_WORDS = 0.2

_PATIENCE = 5.0  # seconds for the last notes of a worker that ends
_RELEASE_PAUSE = 30.0  # seconds until the releaser starts again after a fault of it

log = structlog.get_logger()


async def serve(
    settings: Settings,
    sink: LogSink,
    *,
    limit: int | None = None,
    seconds: float | None = None,
    memory: int | None = None,
    drain: bool = False,
    reports_to: int | None = None,
) -> None:
    """Consume until a signal, a limit (of messages, seconds, or MiB of resident memory), or (with
    `drain`) empty queues. A second signal exits at once with code 1; what was in hand is handed out
    again by the broker. `reports_to`: see `answering`."""
    container = Container(settings=settings, log=sink, traces=tracing.traces(settings))
    renderer, handle = container.renderer(), suppressing.handler(container)
    consumer, ledger = container.consumer(), container.ledger_access()
    announce(settings, renderer.snapshot.version)
    _collect_seldom()
    manager, causes = ServiceManager(*read_supervision()), set[str]()

    def stop(cause: str) -> None:
        if cause not in causes:
            causes.add(cause)
            manager.report(STOPPING)
            log.info("stopping", cause=cause)
            container.clock().stop()
            consumer.stop()

    _stop_on_signals(stop, sink)
    if seconds is not None:
        asyncio.get_running_loop().call_later(seconds, stop, "time limit reached")
    handle = handle if limit is None else _at_most(limit, handle, stop)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(container.closing().aclose)
        await stack.enter_async_context(answering(container, reports_to, stop))
        await _enter_companions(stack, container, manager, memory, stop)
        manager.report(READY)
        await consumer.run(
            handle, drain=drain, before_ack=ledger.acked, session_ended=ledger.session_ended
        )


def _collect_seldom() -> None:
    gc.freeze()  # what start-up made lives as long as the process
    gc.set_threshold(_GARBAGE_THRESHOLD)


async def _enter_companions(
    stack: AsyncExitStack,
    container: Container,
    manager: ServiceManager,
    memory: int | None,
    stop: Callable[[str], None],
) -> None:
    """Begin what goes on next to the messages; it ends once all of them are settled."""
    settings, renderer, releaser = container.settings(), container.renderer(), container.releaser()
    watch = container.settlement_watch()
    notes = WorkerNotes(
        container.paces(), container.in_hand(), container.learned(), container.dispatcher().pauses
    )

    refresh = when(renderer.refresh, releaser.templates_changed)
    looks: list[Callable[[], object]] = [refresh, watch.look, *suppressing.looks(container)]
    if memory is not None:
        looks.append(when(lambda: memory_used() > memory, partial(stop, "memory limit reached")))
    if manager.period is not None:
        looks.append(when(lambda: not watch.standstill(), manager.alive))
    releaser.templates_changed()  # what was fixed while no worker ran is released, too
    for look in looks:
        await stack.enter_async_context(repeated(look, TICK))
    if settings.auto_release:
        await stack.enter_async_context(repeated(releaser.run, _RELEASE_PAUSE))
    at_work = repeated(notes.renew, EVERY, at_end=notes.withdraw, patience=_PATIENCE)
    await stack.enter_async_context(at_work)
    if (outcomes := container.outcome_exchange()) is not None:
        await stack.enter_async_context(outcomes.at_work())
    if settings.alerts_to:
        await stack.enter_async_context(container.alerter().at_work())
        search, fault = container.all_clear().look, "looking for remaining dead letters failed"
        await stack.enter_async_context(repeated(search, LOOK_PAUSE, fault=fault))


def _at_most(count: int, handler: Handler, stop: Callable[[str], None]) -> Handler:
    """The handler for so many messages, then stop; later ones are handed back."""
    left = count

    async def handle(message: InboundMessage) -> Settlement:
        nonlocal left
        if left == 0:
            raise asyncio.CancelledError
        left -= 1
        settlement = await handler(message)
        if left == 0:
            stop("message limit reached")
        return settlement

    return handle


def _stop_on_signals(stop: Callable[[str], None], sink: LogSink) -> None:
    received: list[str] = []

    def on_signal(name: str) -> None:
        if received:
            sink.close(_LAST_WORDS)
            os._exit(1)
        received.append(name)
        stop(name)

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal, number.name)


def memory_used() -> float:
    """The process's resident memory in MiB; without /proc the highest so far."""
    try:
        return int(Path(STATM).read_text().split()[1]) * resource.getpagesize() / 2**20
    except OSError:
        unit = 1024 * 1024 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def answering(
    container: Container, reports_to: int | None, stop: Callable[[str], None]
) -> AbstractAsyncContextManager[None]:
    """Answer the probes; with `reports_to`, the number of the file that leads to the parent
    process, let the parent answer. Enter it before the companions: the last report has what these
    count as they end."""
    address, metrics = container.settings().http, container.metrics()
    readiness, consumer = container.readiness(), container.consumer()
    standstill = container.settlement_watch().standstill

    def troubles() -> Mapping[str, str]:
        return readiness.causes(is_consuming=consumer.is_ready)

    if reports_to is not None:
        from entrypoints.watching.reports import Report, reporting

        def report() -> Report:
            found = [] if metrics is None else metrics.families()
            return Report(causes=troubles(), standstill=standstill(), metrics=found)

        return reporting(reports_to, report, partial(stop, "the parent process has ended"))
    if address is None or metrics is None:
        return nullcontext()
    from adapters.observers.health import HealthPages
    from entrypoints.watching.probes import probes

    pages = HealthPages(troubles=troubles, metrics=metrics.text, standstill=standstill)
    return probes(pages, address)
