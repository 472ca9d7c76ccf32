"""Lines that a command takes out of the file that people edit."""

import asyncio
from pathlib import Path

import pytest

from adapters.suppressions.lines import EMPTY
from domain.suppressions import SuppressionsUnavailable
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
    return tmp_path / "suppressions.txt"


def test_what_people_wrote_stays_as_it_is_but_for_the_line_that_is_removed(path: Path) -> None:
    path.write_bytes(
        b"\xef\xbb\xbf# by hand\r\n\r\nANN@example.com asked   by phone\r\nbob@example.com"
    )
    store = opened(path)

    assert remove(store, ANN, CY) == [True, False]

    assert path.read_bytes() == b"\xef\xbb\xbf# by hand\r\n\r\nbob@example.com"
    assert listed(store) == {BOB}


def test_an_address_is_removed_however_it_is_written(path: Path) -> None:
    path.write_text(f"Ann@Example.COM\nemail:{ANN} twice\n{BOB}\n")
    store = opened(path)

    assert remove(store, ANN) == [True]

    assert path.read_text() == f"{BOB}\n"


def test_a_list_without_its_last_address_says_so_and_other_workers_take_it(path: Path) -> None:
    path.write_text(f"{ANN}\n")
    store, other = opened(path), opened(path)
    add(store, BOB)
    look(other)

    assert remove(store, ANN, BOB) == [True, True]
    look(other)

    assert listed(store) == listed(other) == set()
    assert path.read_text() == f"{EMPTY}\n"
    assert listed(opened(path, may_be_empty=False)) == set()


def test_a_removal_waits_for_a_save_to_end_and_loses_nothing(path: Path) -> None:
    path.write_text(f"{ANN}\n{BOB}\n")
    store = opened(path, rest=0.3)

    async def main() -> list[bool]:
        with path.open("w") as editor:
            editor.write(f"{ANN}\n")
            editor.flush()
            removing = asyncio.create_task(store.remove("email", [ANN]))
            await asyncio.sleep(0.1)
            editor.write(f"{BOB}\n{CY}\n")
        return list(await removing)

    assert asyncio.run(main()) == [True]
    assert path.read_text() == f"{BOB}\n{CY}\n"
    assert listed(store) == {BOB, CY}


def test_a_broken_edited_file_takes_no_removal_but_entries_are_stored(path: Path) -> None:
    path.write_text(f"{ANN}\n")
    store = opened(path)
    path.write_text(f"{ANN}\nnot an address\n")

    with pytest.raises(SuppressionsUnavailable, match=r"txt: line 2: .*; fix the file"):
        remove(store, ANN)
    assert add(store, BOB) == [True]

    assert path.read_text() == f"{ANN}\nnot an address\n"
    assert BOB in added_to(path).read_text()


def test_a_link_stays_one_and_its_file_keeps_its_rights(path: Path, tmp_path: Path) -> None:
    real = tmp_path / "folder/real.txt"
    real.parent.mkdir()
    real.write_text(f"{ANN}\n{BOB}\n")
    real.chmod(0o664)
    path.symlink_to(real)
    store = opened(path)

    remove(store, BOB)
    add(store, CY)

    assert path.is_symlink()
    assert real.read_text() == f"{ANN}\n"
    assert real.stat().st_mode & 0o7777 == 0o664
    assert added_to(path).exists()


def test_a_list_by_hand_without_its_last_address_starts_again_in_production(path: Path) -> None:
    path.write_text(f"{ANN}\n")
    store = opened(path)

    assert remove(store, BOB) == [False]
    assert not added_to(path).exists()
    assert remove(store, ANN) == [True]

    assert listed(opened(path, may_be_empty=False)) == set()
    assert add(store, BOB) == [True]
