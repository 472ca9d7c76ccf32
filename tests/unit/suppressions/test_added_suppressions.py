"""The file of suppressions that Dispatcher writes, by several processes at once."""

import asyncio
import fcntl
import os
import stat
from datetime import date
from pathlib import Path

import pytest

from adapters.suppressions.file import FileSuppressions, make_list
from domain.suppressions import EntryInvalid, SuppressionsUnavailable
from tests.contracts.suppressions import an_entry
from tests.support.suppression_files import (
    ANN,
    BOB,
    CY,
    add,
    added_to,
    listed,
    look,
    opened,
    remove,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "suppressions.txt"
    make_list(path)
    return path


def test_an_entry_counts_at_once_and_is_kept_with_its_date(path: Path) -> None:
    store = opened(path)

    assert asyncio.run(store.add([an_entry(ANN, since=date(2026, 2, 28))])) == [True]

    for one in (store, opened(path)):
        (entry,) = asyncio.run(one.entries())
        assert entry == an_entry(ANN, since=date(2026, 2, 28))


def test_what_another_process_has_added_counts_at_once_where_it_is_added_again(path: Path) -> None:
    store, other = opened(path), opened(path)
    add(other, ANN)

    assert add(store, ANN) == [False]

    assert listed(store) == {ANN}


def test_a_look_does_not_hide_an_entry_that_is_stored_meanwhile(path: Path) -> None:
    store, other = opened(path), opened(path)

    async def main() -> None:
        for number in range(8):
            await other.add([an_entry(f"o{number}@example.com")])
            await other.remove("email", [f"o{number}@example.com"])  # the file is another one now
            address = f"p{number}@example.com"
            looking = asyncio.create_task(store.look())
            adding = asyncio.create_task(store.add([an_entry(address)]))
            await adding
            await looking
            assert (await store.find("email", [address]))[0] is not None

    asyncio.run(main())


def test_others_see_each_entry_at_their_next_look_however_many_come(path: Path) -> None:
    store, other = opened(path), opened(path)

    for number in range(5):  # between any two looks one comes
        address = f"p{number}@example.com"
        add(store, address)
        look(other, times=1)
        assert address in listed(other)


def test_a_removal_is_seen_by_others_and_so_is_a_second_one_that_reuses_the_inode(
    path: Path,
) -> None:
    store, other = opened(path), opened(path)
    add(store, ANN, BOB, CY)
    look(other, times=1)

    remove(store, ANN)
    remove(store, BOB)
    add(store, "dee@example.com", "eve@example.com", "fay@example.com")
    look(other, times=1)

    assert listed(other) == listed(store)
    assert BOB not in listed(other)


def test_many_at_once_are_stored_in_few_writes(path: Path) -> None:
    store = opened(path)
    addresses = [f"p{number}@example.com" for number in range(500)]

    async def main() -> int:
        switches = 0
        before = added_to(path).stat().st_mtime_ns if added_to(path).exists() else 0
        adding = [asyncio.create_task(store.add([an_entry(one)])) for one in addresses]
        while not all(task.done() for task in adding):
            await asyncio.sleep(0)
            now = added_to(path).stat().st_mtime_ns if added_to(path).exists() else 0
            switches += now != before
            before = now
        assert all([(await task) == [True] for task in adding])
        return switches

    assert asyncio.run(main()) <= 5
    assert listed(opened(path)) == set(addresses)


def test_an_entry_that_is_no_longer_waited_for_is_stored_with_the_others(path: Path) -> None:
    store = opened(path)

    async def main() -> None:
        first, second = (asyncio.create_task(store.add([an_entry(one)])) for one in (ANN, BOB))
        await asyncio.sleep(0)
        first.cancel()
        assert await second == [True]

    asyncio.run(main())

    assert listed(store) == {ANN, BOB}


def test_a_process_that_keeps_the_lock_is_an_absence_and_not_a_standstill(path: Path) -> None:
    store = opened(path, patience=0.1)
    lock = os.open(path.parent, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)

    with pytest.raises(SuppressionsUnavailable, match="is locked by another process"):
        add(store, ANN)
    os.close(lock)

    assert add(store, ANN) == [True]


def test_no_file_is_left_but_the_two(path: Path) -> None:
    store = opened(path)
    path.with_name(f".{added_to(path).name}.new").write_text("of a process that died")

    add(store, ANN, BOB)
    remove(store, ANN)

    assert {one.name for one in path.parent.iterdir()} == {path.name, added_to(path).name}


@pytest.mark.parametrize(
    ("of_folder", "of_file"), [(0o755, 0o640), (0o2770, 0o660), (0o700, 0o600)]
)
def test_a_new_file_may_be_used_by_those_who_may_use_its_folder(
    path: Path, of_folder: int, of_file: int
) -> None:
    added_to(path).unlink()
    path.parent.chmod(of_folder)
    like = path.parent.stat()
    if os.geteuid() == 0:  # as under sudo
        os.chown(path.parent, 1234, 1235)
        like = path.parent.stat()

    add(opened(path), ANN)

    made = added_to(path).stat()
    assert stat.S_IMODE(made.st_mode) == of_file
    assert (made.st_uid, made.st_gid) == (like.st_uid, like.st_gid)


@pytest.mark.parametrize("address", ["BOB@example.com", "bob @example.com", "?", '"b\nb"@x.org'])
def test_an_entry_whose_line_would_not_be_read_as_it_is_refused_and_the_others_are_stored(
    path: Path, address: str
) -> None:
    def small(_channel: str, text: str) -> str:
        if text == "?":
            raise ValueError("is no address")
        return text.lower()

    store = FileSuppressions(path, small, "email")

    async def main() -> list[object]:
        asked = (ANN, address, CY)
        adding = [store.add([an_entry(one)]) for one in asked]
        return await asyncio.gather(*adding, return_exceptions=True)

    first, refused, last = asyncio.run(main())

    assert (first, last) == ([True], [True])
    assert isinstance(refused, EntryInvalid)
    assert listed(store) == listed(opened(path)) == {ANN, CY}


def test_a_list_is_made_once_and_not_where_one_was_lost(tmp_path: Path) -> None:
    path = tmp_path / "list"

    assert make_list(path)
    assert not make_list(path)
    assert listed(opened(path, may_be_empty=False)) == set()
    path.unlink()

    assert not make_list(path)
    assert not path.exists()


def test_a_store_that_is_closed_needs_nothing(path: Path) -> None:
    store: FileSuppressions = opened(path)

    asyncio.run(store.close())
