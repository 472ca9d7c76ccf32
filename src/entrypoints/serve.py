"""A running worker: consume until a signal to stop, keep templates fresh, watch limits."""

import asyncio
import os
import resource
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import structlog

from adapters.inbound.contract import (
    Acked,
    Consumer,
    Handler,
    InboundMessage,
    SessionEnded,
    Settlement,
)
from entrypoints.background import in_background

TEMPLATE_POLL = 0.5
"""Seconds between looks at the template folder: an edit must show within a second."""

_LIMIT_POLL = 0.5

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLimits:
    """When a worker ends by itself; None: never. Seconds, and MiB of resident memory."""

    messages: int | None = None
    seconds: float | None = None
    memory: int | None = None


async def serve(
    *,
    consumer: Consumer,
    handler: Handler,
    acked: Acked,
    session_ended: SessionEnded,
    refresh_templates: Callable[[], object],
    stop_waiting: Callable[[], None],
    close: Callable[[], Awaitable[None]],
    limits: WorkerLimits,
    drain: bool,
    last_words: Callable[[], None] = lambda: None,
    alongside: Sequence[Callable[[], Coroutine[None, None, None]]] = (),
    within: Sequence[AbstractAsyncContextManager[object]] = (),
) -> None:
    """Consume until a signal, a limit, or (with `drain`) empty queues. A second signal exits at
    once with code 1, after `last_words`; what was in hand is handed out again by the broker. What
    runs `alongside` is cancelled at the end. What is in `within` is entered before anything is
    consumed and left when all is settled, before `close`."""

    def stop(cause: str) -> None:
        log.info("stopping", cause=cause)
        stop_waiting()
        consumer.stop()

    limited = handler if limits.messages is None else _Counted(handler, limits.messages, stop)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(_signals(stop, last_words))
        work = [
            _keep_fresh(refresh_templates),
            _watch(limits, stop),
            *(start() for start in alongside),
        ]
        for each in work:
            await stack.enter_async_context(in_background(each))
        stack.push_async_callback(close)
        for context in within:
            await stack.enter_async_context(context)
        await consumer.run(limited, drain=drain, acked=acked, session_ended=session_ended)


class _Counted:
    """Lets a number of messages through, then stops; later ones are handed back."""

    def __init__(self, handler: Handler, limit: int, stop: Callable[[str], None]) -> None:
        self._handler = handler
        self._left = limit
        self._stop = stop

    async def __call__(self, message: InboundMessage) -> Settlement:
        if self._left == 0:
            raise asyncio.CancelledError
        self._left -= 1
        settlement = await self._handler(message)
        if self._left == 0:
            self._stop("message limit reached")
        return settlement


@asynccontextmanager
async def _signals(
    stop: Callable[[str], None], last_words: Callable[[], None]
) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    received: list[str] = []

    def on_signal(name: str) -> None:
        if received:
            last_words()
            os._exit(1)
        received.append(name)
        stop(name)

    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, on_signal, number.name)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


async def _keep_fresh(refresh: Callable[[], object]) -> None:
    while True:
        await asyncio.sleep(TEMPLATE_POLL)
        refresh()


async def _watch(limits: WorkerLimits, stop: Callable[[str], None]) -> None:
    loop = asyncio.get_running_loop()
    end = None if limits.seconds is None else loop.time() + limits.seconds
    while True:
        if end is not None and loop.time() >= end:
            return stop("time limit reached")
        if limits.memory is not None and peak_memory() > limits.memory:
            return stop("memory limit reached")
        await asyncio.sleep(_LIMIT_POLL if end is None else min(_LIMIT_POLL, end - loop.time()))


def peak_memory() -> float:
    """The process's highest resident memory so far, in MiB."""
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
