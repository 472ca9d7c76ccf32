"""Open pages learn at once that there is something new, and fetch it."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from watchfiles import Change, awatch

from entrypoints.cli.application import words

_STILL_HERE = 15.0  # seconds after which a silent stream says that it is open
_LOOK_AGAIN = 500  # milliseconds after which it is asked whether the folder is still the same
_GATHER = 40  # milliseconds without a change after which a change is over


class Refreshes:
    """What `/events` sends: a number that grows with each change. A page that has a smaller one
    fetches itself again, so no change is missed between the page and its stream."""

    def __init__(self) -> None:
        self.version = time.time_ns() // 1_000_000  # greater than that of an earlier run
        self._changed = asyncio.Event()
        self._is_closed = False

    def announce(self) -> None:
        """There is something new. To be called on the loop's thread."""
        self.version += 1
        self._wake()

    def close(self) -> None:
        """End all streams, so that the server can end."""
        self._is_closed = True
        self._wake()

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def changes(self, after: int) -> AsyncIterator[int]:
        """Each version after this one, until the streams end; one that is over is left out."""
        while not self._is_closed:
            if after == self.version:
                await self._changed.wait()
                continue
            after = self.version
            yield after

    async def respond(self, _request: Request) -> Response:
        """The route `/events`."""
        headers = {"X-Accel-Buffering": "no"}
        return StreamingResponse(self._stream(), media_type="text/event-stream", headers=headers)

    async def _stream(self) -> AsyncIterator[str]:
        yield "retry: 500\n\n"
        sent = 0
        while not self._is_closed:
            changed = self._changed
            if sent != self.version:
                sent = self.version
                yield f"data: {sent}\n\n"
                continue
            try:
                await asyncio.wait_for(changed.wait(), _STILL_HERE)
            except TimeoutError:
                yield ": still here\n\n"


@asynccontextmanager
async def watched(folder: Path, changed: Callable[[], None]) -> AsyncIterator[None]:
    """Call `changed` within a tenth of a second after something in the folder was saved. The folder
    may be missing, come back or be exchanged."""
    watching = asyncio.create_task(_watch(folder, changed))
    try:
        yield
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


async def _watch(folder: Path, changed: Callable[[], None]) -> None:
    is_polled: bool | None = None
    is_missing = False
    while True:
        try:
            if is_missing:
                await asyncio.sleep(_LOOK_AGAIN / 1000)
                _identity(folder)
                is_missing = False
                changed()
            await _watch_one(folder, changed, is_polled=is_polled)
        except (FileNotFoundError, NotADirectoryError):
            if not is_missing:
                changed()
            is_missing = True
        except (OSError, RuntimeError) as error:  # such as too few inotify watches
            if is_polled:
                raise
            words(f"{folder}: looking for changes by reading it ({error})")
            is_polled = True


async def _watch_one(folder: Path, changed: Callable[[], None], *, is_polled: bool | None) -> None:
    """Watch until another folder is there in its place. Raises FileNotFoundError."""
    before = base, *_ = _identity(folder)
    changes = awatch(
        base,
        watch_filter=_is_meant,
        step=_GATHER,
        rust_timeout=_LOOK_AGAIN,
        yield_on_timeout=True,
        force_polling=is_polled,
    )
    async for found in changes:
        if found:
            changed()
        if _identity(folder) != before:
            changed()
            return


def _identity(folder: Path) -> tuple[str, int, int]:
    """What distinguishes the folder from another of its name. Raises FileNotFoundError."""
    seen = folder.stat()
    return os.path.realpath(folder), seen.st_dev, seen.st_ino


def _is_meant(_change: Change, path: str) -> bool:
    """Whether it is no file that an editor keeps for itself."""
    name = os.path.basename(path)  # noqa: PTH119 - for each of many changes
    return not (name.startswith(".") or name.endswith("~"))
