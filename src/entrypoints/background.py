"""Work that goes on next to the messages and never stands in their way."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager

import structlog

log = structlog.get_logger()


@asynccontextmanager
async def in_background(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Do the work while this is entered, and cancel it at the end. A fault of it is logged."""
    task = asyncio.create_task(_guarded(work))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _guarded(work: Coroutine[None, None, None]) -> None:
    try:
        await work
    except Exception:  # the mails go on without it, but not in silence
        log.exception("background work failed")
