"""The file of suppressions that Dispatcher writes, and what may happen to it."""

import asyncio
import fcntl
import os
import resource
from pathlib import Path

import pytest

from adapters.suppressions.file import make_list
from domain.events import TroubleEnded
from domain.suppressions import SuppressionsUnavailable
from tests.contracts.suppressions import an_entry
from tests.fakes import FakeEvents
from tests.support.suppression_files import (
    ANN,
    BOB,
    CY,
    add,
    added_to,
    by_rename,
    listed,
    look,
    opened,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "suppressions.txt"
    make_list(path)
    return path


def test_half_a_line_of_a_process_that_died_is_no_entry_and_the_next_one_is_whole(
    path: Path,
) -> None:
    store = opened(path)
    add(store, ANN)
    with added_to(path).open("a") as file:
        file.write("email:bob@exam")

    look(store)
    add(store, CY)

    assert listed(store) == listed(opened(path)) == {ANN, CY}


@pytest.mark.parametrize("accident", ["gone", "emptied", "cut", "replaced"])
def test_after_an_accident_what_was_added_counts_and_no_more_is_taken(
    path: Path, accident: str
) -> None:
    events = FakeEvents()
    store, added = opened(path, events=events), added_to(path)
    add(store, ANN, BOB)
    text = added.read_text()
    if accident == "gone":
        added.unlink()
    elif accident == "emptied":
        added.write_text("")
    elif accident == "cut":
        added.write_text(text[: text.index(BOB)])
    else:
        by_rename(added, "")

    look(store)
    with pytest.raises(SuppressionsUnavailable, match=r"txt\.added: "):
        add(store, CY)
    assert listed(store) == {ANN, BOB}
    assert len(events.events) == 1
    by_rename(added, text)
    look(store)

    assert add(store, CY) == [True]
    assert listed(store) == listed(opened(path)) == {ANN, BOB, CY}


def test_what_another_process_takes_back_was_never_on_the_list(path: Path) -> None:
    events = FakeEvents()
    store, added = opened(path, patience=0.1, events=events), added_to(path)
    add(store, ANN)
    size = added.stat().st_size
    lock = os.open(path.parent, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    with added.open("a") as file:
        file.write(f"email:{BOB}\n")

    look(store, times=1)
    os.truncate(added, size)  # the disk could not keep it
    os.close(lock)

    assert listed(store) == {ANN}
    look(store)
    assert add(store, CY) == [True]
    assert listed(store) == listed(opened(path)) == {ANN, CY}
    assert isinstance(events.events[-1], TroubleEnded)


def test_a_disk_that_takes_no_more_leaves_the_file_as_it_was(path: Path) -> None:
    store = opened(path)
    add(store, ANN)
    before = added_to(path).read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    async def main() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 20, hard))
        try:
            await store.add([an_entry(BOB)])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    with pytest.raises(SuppressionsUnavailable, match="File too large"):
        asyncio.run(main())

    assert added_to(path).read_bytes() == before
    assert add(store, BOB) == [True]


def test_a_folder_that_is_gone_is_an_absence(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    store = opened(folder / "list")
    folder.rmdir()

    with pytest.raises(SuppressionsUnavailable, match=r"cannot be stored: .*folder: No such file"):
        add(store, ANN)
