"""Servers in a thread of their own, for tests whose worker is another process."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any, TypeVar

_Server = TypeVar("_Server", bound=AbstractAsyncContextManager[Any])


@contextmanager
def loop_in_thread() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop that runs in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@contextmanager
def in_thread(server: _Server) -> Iterator[_Server]:
    """Run `server` in a loop of its own.

    Rules may be added and the log read from the test's thread.
    """
    with loop_in_thread() as loop:
        try:
            asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(10)
            yield server
        finally:
            asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result(10)
