"""Open pages learn of a change at once."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import StreamingResponse
from watchfiles import awatch
from watchfiles.main import FileChange

from entrypoints.pages.live import Refreshes, watched

SOON = 1.0  # seconds


def test_a_stream_begins_with_the_number_of_now_and_has_each_later_one() -> None:
    async def main() -> None:
        refreshes = Refreshes()
        reply = await refreshes.respond(Request({"type": "http"}))
        assert isinstance(reply, StreamingResponse)
        assert reply.media_type == "text/event-stream"
        stream = aiter(reply.body_iterator)
        first = refreshes.version

        assert await anext(stream) == "retry: 500\n\n"
        assert await anext(stream) == f"data: {first}\n\n"
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0.01)
        refreshes.announce()
        assert await asyncio.wait_for(waiting, SOON) == f"data: {first + 1}\n\n"
        refreshes.announce()
        refreshes.announce()
        assert await anext(stream) == f"data: {first + 3}\n\n"
        refreshes.close()
        with pytest.raises(StopAsyncIteration):
            await anext(stream)

    asyncio.run(main())


def seen_after(folder: Path, *steps: Callable[[], object]) -> list[float]:
    """How long after each step it was seen that something has changed."""

    async def main() -> list[float]:
        changed = asyncio.Event()
        found = []
        async with watched(folder, changed.set):
            await asyncio.sleep(0.7)  # until it is watched, and was announced for the first time
            for step in steps:
                changed.clear()
                began = time.monotonic()
                step()
                await asyncio.wait_for(changed.wait(), 5)
                found.append(time.monotonic() - began)
                await asyncio.sleep(0.3)
        return found

    return asyncio.run(main())


def test_a_saved_a_new_and_a_removed_file_are_seen_within_a_second(tmp_path: Path) -> None:
    file, inner = tmp_path / "a.jinja2", tmp_path / "order"
    file.write_text("a")

    times = seen_after(
        tmp_path,
        lambda: file.write_text("b"),
        inner.mkdir,
        lambda: (inner / "html.jinja2").write_text("c"),
        file.unlink,
    )

    assert max(times) < SOON


def test_a_file_that_an_editor_exchanges_is_seen(tmp_path: Path) -> None:
    file, aside = tmp_path / "a.jinja2", tmp_path / ".a.jinja2.swp"
    file.write_text("a")
    aside.write_text("b")

    assert max(seen_after(tmp_path, lambda: aside.rename(file))) < SOON


def test_a_folder_that_comes_goes_and_is_exchanged_is_followed(tmp_path: Path) -> None:
    folder, other = tmp_path / "templates", tmp_path / "other"
    for release in ("1", "2"):
        (tmp_path / release).mkdir()

    def link(release: str) -> None:
        os.symlink(release, other)
        other.rename(folder)

    times = seen_after(
        folder,
        lambda: link("1"),
        lambda: link("2"),
        lambda: (tmp_path / "2/a.jinja2").write_text("a"),
        folder.unlink,
        lambda: link("1"),
    )

    assert max(times) < 2 * SOON


@pytest.mark.parametrize(
    "errors",
    [
        [ExceptionGroup("in a task group", [OSError(28, "no watches left")])],
        [RuntimeError("no watches left"), PermissionError(13, "stat"), ValueError("polling")],
    ],
)
def test_whatever_goes_wrong_while_it_is_watched_a_change_is_seen(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    errors: list[Exception],
) -> None:
    left = list(errors)

    async def failing(*args: Any, **options: Any) -> AsyncIterator[set[FileChange]]:
        if left:
            raise left.pop(0)
        async for found in awatch(*args, **options):
            yield found

    async def main() -> float:
        changed = asyncio.Event()
        async with watched(tmp_path, changed.set, failing):
            while left:
                await asyncio.sleep(0.05)
            await asyncio.sleep(1.5)
            changed.clear()
            began = time.monotonic()
            (tmp_path / "a.jinja2").write_text("a")
            await asyncio.wait_for(changed.wait(), 5)
            return time.monotonic() - began

    assert asyncio.run(main()) < 2 * SOON
    assert capsys.readouterr().err.count("looking for changes by reading it") == 1


def test_what_was_saved_before_a_folder_is_watched_is_announced(tmp_path: Path) -> None:
    async def main() -> None:
        changed = asyncio.Event()
        async with watched(tmp_path, changed.set):
            await asyncio.wait_for(changed.wait(), 2 * SOON)

    asyncio.run(main())


def test_who_asks_for_the_head_of_the_stream_is_answered() -> None:
    request = Request({"type": "http", "method": "HEAD"})

    reply = asyncio.run(Refreshes().respond(request))

    assert not isinstance(reply, StreamingResponse)
    assert str(reply.media_type) == "text/event-stream"
