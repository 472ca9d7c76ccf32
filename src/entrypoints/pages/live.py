"""Open pages learn at once that there is something new, and fetch it."""

import asyncio
import os
import stat
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from watchfiles import Change, awatch
from watchfiles.main import FileChange

from entrypoints.cli.application import words

_STILL_HERE = 15.0  # seconds after which a silent stream says that it is open
_LOOK_AGAIN = 500  # milliseconds after which it is asked whether the folder is still the same
_GATHER = 40  # milliseconds without a change after which a change is over

FolderIdentity = tuple[str, int, int]
Changes = AsyncIterator[set[FileChange]]
Watch = Callable[..., Changes]
"""See awatch of watchfiles."""


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

    async def changes(self, after: int, pause: float | None = None) -> AsyncIterator[int | None]:
        """Each version after this one, until the streams end; one that is over is left out. None
        for each `pause` without one."""
        while not self._is_closed:
            changed = self._changed
            if after != self.version:
                after = self.version
                yield after
                continue
            try:
                await asyncio.wait_for(changed.wait(), pause)
            except TimeoutError:
                yield None

    async def respond(self, request: Request) -> Response:
        """The route `/events`."""
        headers, kind = {"X-Accel-Buffering": "no"}, "text/event-stream"
        if request.scope.get("method") == "HEAD":
            return Response(media_type=kind)
        return StreamingResponse(self._stream(), media_type=kind, headers=headers)

    async def _stream(self) -> AsyncIterator[str]:
        yield "retry: 500\n\n"
        async for version in self.changes(0, _STILL_HERE):
            yield ": still here\n\n" if version is None else f"data: {version}\n\n"


@asynccontextmanager
async def watched(
    folder: Path, changed: Callable[[], None], watch: Watch = awatch
) -> AsyncIterator[None]:
    """Call `changed` within a tenth of a second after something in the folder was saved. The folder
    may be missing, come back or be exchanged."""
    watching = asyncio.create_task(_watch(folder, changed, watch))
    try:
        yield
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


async def _watch(folder: Path, changed: Callable[[], None], watch: Watch) -> None:
    """Whatever goes wrong, it goes on: else pages would stay as they are and look new."""
    seen, is_polled = _identity(folder), False
    while True:
        try:
            while seen is not None:
                changes = watch(
                    seen[0],
                    watch_filter=_is_meant,
                    step=_GATHER,
                    rust_timeout=_LOOK_AGAIN,
                    yield_on_timeout=True,
                    force_polling=is_polled or None,
                )
                seen = await _follow(folder, seen, changes, changed)
        except Exception as error:  # noqa: BLE001 - such as too few inotify watches
            if not is_polled and _identity(folder) is not None:
                words(f"{folder}: looking for changes by reading it ({_cause(error)})")
                is_polled = True
            changed()
        await asyncio.sleep(_LOOK_AGAIN / 1000)
        now = _identity(folder)
        if now != seen:
            changed()
        seen = now


async def _follow(
    folder: Path, seen: FolderIdentity, changes: Changes, changed: Callable[[], None]
) -> FolderIdentity | None:
    """Say each change until another folder is there in its place, or none, which is returned."""
    is_first = True  # something may have been saved before it was watched
    async for found in changes:
        now = _identity(folder)
        if found or is_first or now != seen:
            changed()
        is_first = False
        if now != seen:
            return now
    return seen


def _identity(folder: Path) -> FolderIdentity | None:
    """What distinguishes the folder from another of its name; None where there is no folder."""
    try:
        found = folder.stat()
    except OSError:
        return None
    is_folder = stat.S_ISDIR(found.st_mode)
    return (os.path.realpath(folder), found.st_dev, found.st_ino) if is_folder else None


def _cause(error: BaseException) -> BaseException:
    """The first of the errors that a task group gathers."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _is_meant(_change: Change, path: str) -> bool:
    """Whether it is no file that an editor keeps for itself."""
    name = os.path.basename(path)  # noqa: PTH119 - for each of many changes
    return not (name.startswith(".") or name.endswith("~"))
