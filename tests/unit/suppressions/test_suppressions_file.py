"""The file of suppressions that people edit, while a worker reads it."""

import asyncio
import resource
from pathlib import Path

import pytest
import structlog

from adapters.suppressions.lines import EMPTY, LinesBroken
from domain.events import SUPPRESSIONS_FILE, TroubleBegan, TroubleEnded
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
    return tmp_path / "suppressions.txt"


def troubles(events: FakeEvents) -> list[str]:
    found = []
    for event in events.events:
        assert isinstance(event, TroubleBegan | TroubleEnded)
        assert event.trouble == SUPPRESSIONS_FILE
        found.append(event.error if isinstance(event, TroubleBegan) else "")
    return found


def test_a_file_that_does_not_exist_is_an_empty_list_until_it_is_made(path: Path) -> None:
    store = opened(path)
    assert listed(store) == set()

    path.write_text(f"{ANN}\n")
    look(store)

    assert listed(store) == {ANN}


@pytest.mark.parametrize("is_renamed", [True, False], ids=["by rename", "in place"])
def test_a_change_is_taken_at_the_second_look(path: Path, is_renamed: bool) -> None:
    path.write_text(f"{ANN}\n")
    store = opened(path)

    text = f"{ANN}\n{BOB} asked\n"
    if is_renamed:
        by_rename(path, text)
    else:
        path.write_text(text)
    with structlog.testing.capture_logs() as logs:
        look(store)

    assert listed(store) == {ANN, BOB}
    assert [entry["event"] for entry in logs] == ["suppressions changed"]


def test_a_file_that_is_saved_in_place_must_rest_and_a_renamed_one_need_not(path: Path) -> None:
    path.write_text(f"{ANN}\n{BOB}\n")
    store = opened(path, rest=0.2)

    path.write_text(f"{ANN}\n")  # a program is still writing it
    look(store, times=4)
    assert listed(store) == {ANN, BOB}
    look(store, pause=0.25)
    assert listed(store) == {ANN}
    by_rename(path, f"{ANN}\n{BOB}\n")
    look(store)

    assert listed(store) == {ANN, BOB}


def test_a_file_that_is_removed_and_written_in_pieces_counts_once_it_is_whole(path: Path) -> None:
    path.write_text(f"{ANN}\n{BOB}\n")
    store = opened(path, rest=0.3)

    path.rename(path.with_name("old"))  # so that the next one has another inode
    with path.open("w") as program:
        program.write(f"{ANN}\n")
        program.flush()
        look(store, times=3)
        assert listed(store) == {ANN, BOB}
        program.write(f"{BOB}\n{CY}\n")
    look(store)
    assert listed(store) == {ANN, BOB}
    look(store, pause=0.35)

    assert listed(store) == {ANN, BOB, CY}


def test_a_broken_file_keeps_the_last_good_list_and_is_a_trouble_until_it_is_good(
    path: Path,
) -> None:
    path.write_text(f"{ANN}\n")
    events = FakeEvents()
    store = opened(path, events=events)

    path.write_text(f"{BOB}\nnot an address\n")
    look(store, times=5)
    assert listed(store) == {ANN}
    path.write_text(f"{BOB}\n")
    look(store)

    assert listed(store) == {BOB}
    began, ended = troubles(events)
    assert began.startswith(f"{path}: line 2: ")
    assert not ended


def test_a_file_that_vanishes_keeps_the_last_good_list_and_no_entry_is_taken(path: Path) -> None:
    path.write_text(f"{ANN}\n")
    events = FakeEvents()
    store = opened(path, events=events)

    path.unlink()
    look(store, times=4)
    with pytest.raises(SuppressionsUnavailable, match="txt: is gone; put it back"):
        add(store, BOB)
    look(store, times=2)

    assert listed(store) == {ANN}
    assert troubles(events) == [f"{path}: is gone; put it back"]
    assert list(path.parent.iterdir()) == []


def test_a_volume_that_comes_back_ends_the_trouble(path: Path) -> None:
    path.write_text(f"{ANN}\n")
    events = FakeEvents()
    store = opened(path, events=events)

    away = path.rename(path.with_name("away"))
    look(store, times=2)
    away.rename(path)
    look(store, times=2)

    assert listed(store) == {ANN}
    assert troubles(events)[1:] == [""]


@pytest.mark.parametrize("text", ["", "# none left\n"])
@pytest.mark.parametrize("is_renamed", [True, False], ids=["by rename", "in place"])
def test_an_emptied_file_is_not_believed_unless_it_says_so(
    path: Path, text: str, is_renamed: bool
) -> None:
    path.write_text(f"{ANN}\n")
    events = FakeEvents()
    store = opened(path, events=events)

    if is_renamed:
        by_rename(path, text)
    else:
        path.write_text(text)
    look(store, times=3)
    assert listed(store) == {ANN}
    assert "holds no address" in troubles(events)[0]
    path.write_text(f"{text}{EMPTY}\n")
    look(store)

    assert listed(store) == set()
    assert troubles(events)[1:] == [""]


def test_a_read_error_that_passes_is_tried_again_without_another_change(path: Path) -> None:
    path.write_text(f"{ANN}\n")
    events = FakeEvents()
    store = opened(path, events=events)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    async def main() -> None:
        await asyncio.to_thread(str)  # a thread to read in is there
        path.write_text(f"{ANN}\n{BOB}\n")
        await store.look()
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
        try:
            await store.look()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert "Too many open files" in troubles(events)[0]
        await store.look()

    asyncio.run(main())

    assert listed(store) == {ANN, BOB}
    assert troubles(events)[1:] == [""]


@pytest.mark.parametrize("content", [b"ann@example.com\n\xff\n", b"ann\n"])
def test_a_broken_file_at_the_start_names_its_lines(path: Path, content: bytes) -> None:
    path.write_bytes(content)

    with pytest.raises(LinesBroken, match=r"line [12]: "):
        opened(path)


def test_in_production_a_list_that_is_missing_or_empty_is_none(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        opened(path, may_be_empty=False)
    path.write_text("# nothing\n")
    with pytest.raises(LinesBroken, match="holds no address"):
        opened(path, may_be_empty=False)
    path.write_text(f"{EMPTY}\n")
    with pytest.raises(LinesBroken, match=r"is missing, and .* holds no address") as broken:
        opened(path, may_be_empty=False)
    assert broken.value.path == added_to(path)
    added_to(path).write_text(f"{EMPTY}\n")

    assert listed(opened(path, may_be_empty=False)) == set()


def test_in_production_a_list_with_an_address_needs_no_other_file(path: Path) -> None:
    path.write_text(f"{ANN}\n")

    assert listed(opened(path, may_be_empty=False)) == {ANN}


def test_what_people_wrote_stays_as_it_is_when_an_entry_comes(path: Path) -> None:
    text = b"\xef\xbb\xbf# by hand\r\n\r\nann@example.com asked   by phone"
    path.write_bytes(text)
    store = opened(path)

    add(store, BOB)

    assert path.read_bytes() == text
    assert listed(store) == listed(opened(path)) == {ANN, BOB}


def test_while_a_file_is_saved_in_place_an_entry_is_stored_and_nothing_is_lost(path: Path) -> None:
    path.write_text(f"{ANN}\n{BOB}\n")
    store = opened(path)

    with path.open("w") as editor:
        editor.write(f"{ANN}\n")
        editor.flush()
        add(store, CY)
        assert listed(store) == {ANN, BOB, CY}
        editor.write(f"{BOB}\n")
    look(store)

    assert listed(store) == listed(opened(path)) == {ANN, BOB, CY}


def test_what_was_added_stays_when_the_file_is_replaced_by_an_older_version(path: Path) -> None:
    path.write_text(f"{ANN}\n")
    store = opened(path)
    add(store, BOB)

    by_rename(path, f"{ANN}\n{CY}\n")  # an editor that was opened before, or a deployment
    look(store)

    assert listed(store) == listed(opened(path)) == {ANN, BOB, CY}


def test_an_entry_is_stored_though_the_edited_file_has_it(path: Path) -> None:
    path.write_text(f"{ANN} asked\n")
    store = opened(path)

    assert add(store, ANN) == [False]
    assert asyncio.run(store.find("email", [ANN])) == [an_entry(ANN, reason="asked", since=None)]
    path.write_text(f"{BOB}\n")
    look(store)

    assert listed(store) == {ANN, BOB}
