"""The list of suppressions in a file that changes under the worker."""

import asyncio
import stat
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest
import structlog

from adapters.suppressions.file import FileSuppressions
from adapters.suppressions.lines import LinesBroken
from domain.suppressions import SuppressionsUnavailable
from entrypoints.suppressing import canonical_address
from tests.contracts.suppressions import an_entry

ANN, BOB = "ann@example.com", "bob@example.com"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "suppressions.txt"


def opened(path: Path) -> FileSuppressions:
    return FileSuppressions(path, canonical_address, "email")


def listed(store: FileSuppressions) -> set[str]:
    return {entry.address for entry in asyncio.run(store.entries())}


def look(store: FileSuppressions, times: int = 2) -> None:
    for _ in range(times):
        asyncio.run(store.look())


def by_rename(path: Path, text: str) -> None:
    new = path.with_name("new")
    new.write_text(text)
    new.replace(path)


def lines_of(logs: Sequence[object]) -> list[str]:
    return [str(entry["event"]) for entry in logs if isinstance(entry, dict)]


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
    look(store)

    assert listed(store) == {ANN, BOB}


def test_a_file_that_is_being_written_is_not_taken_yet(path: Path) -> None:
    path.write_text(f"{ANN}\n{BOB}\n")
    store = opened(path)

    path.write_text("")  # an editor has opened it anew
    look(store, times=1)
    path.write_text(f"{ANN}\n")
    look(store, times=1)
    path.write_text(f"{ANN}\n{BOB}\n# done\n")
    look(store, times=1)
    assert listed(store) == {ANN, BOB}
    look(store, times=1)

    assert listed(store) == {ANN, BOB}


def test_a_broken_file_keeps_the_last_good_list_and_is_reported_once(path: Path) -> None:
    path.write_text(f"{ANN}\n")
    store = opened(path)

    with structlog.testing.capture_logs() as logs:
        path.write_text(f"{BOB}\nnot an address\n")
        look(store, times=5)
        assert listed(store) == {ANN}
        path.write_text(f"{BOB}\n")
        look(store)

    assert listed(store) == {BOB}
    assert lines_of(logs) == [
        "the suppressions cannot be read; the last good list counts",
        "suppressions changed",
    ]
    assert logs[0]["error"].startswith("line 2: ")


def test_a_file_that_vanishes_keeps_the_last_good_list(path: Path) -> None:
    path.write_text(f"{ANN}\n")
    store = opened(path)

    with structlog.testing.capture_logs() as logs:
        path.unlink()
        look(store, times=4)

    assert listed(store) == {ANN}
    assert lines_of(logs) == ["the suppressions cannot be read; the last good list counts"]


@pytest.mark.parametrize("content", [b"ann@example.com\n\xff\n", b"ann\n"])
def test_a_broken_file_at_the_start_names_its_lines(path: Path, content: bytes) -> None:
    path.write_bytes(content)

    with pytest.raises(LinesBroken, match=r"line [12]: "):
        opened(path)


def test_what_people_wrote_stays_when_an_entry_comes_and_goes(path: Path) -> None:
    text = "# by hand\n\nann@example.com asked   by phone"
    path.write_text(text)
    store = opened(path)

    asyncio.run(store.add(an_entry(BOB, reason="bounce")))
    assert path.read_text() == f"{text}\nemail:{BOB} 2026-01-31 bounce\n"
    asyncio.run(store.remove("email", ANN))

    assert path.read_text() == f"# by hand\n\nemail:{BOB} 2026-01-31 bounce\n"
    assert listed(store) == {BOB}


def test_an_address_is_removed_however_it_is_written(path: Path) -> None:
    path.write_text(f"Ann@Example.COM\nemail:{ANN} twice\n{BOB}\n")
    store = opened(path)

    assert asyncio.run(store.remove("email", ANN))

    assert path.read_text() == f"{BOB}\n"


def test_our_own_entry_counts_at_once_and_is_no_change_to_report(path: Path) -> None:
    store = opened(path)

    with structlog.testing.capture_logs() as logs:
        asyncio.run(store.add(an_entry(ANN)))
        assert listed(store) == {ANN}
        look(store, times=3)

    assert logs == []


def test_a_broken_file_takes_no_entry_and_says_which_line(path: Path) -> None:
    path.write_text(f"{ANN}\n")
    store = opened(path)
    path.write_text(f"{ANN}\nnot an address\n")

    with pytest.raises(SuppressionsUnavailable, match=r"txt: line 2: .*; fix the file"):
        asyncio.run(store.add(an_entry(BOB)))

    assert path.read_text() == f"{ANN}\nnot an address\n"


def test_the_file_keeps_its_rights_and_a_link_stays_one(path: Path, tmp_path: Path) -> None:
    real = tmp_path / "real.txt"
    real.write_text(f"{ANN}\n")
    real.chmod(0o664)
    path.symlink_to(real)
    store = opened(path)

    asyncio.run(store.add(an_entry(BOB)))

    assert path.is_symlink()
    assert BOB in real.read_text()
    assert stat.S_IMODE(real.stat().st_mode) == 0o664


def test_a_new_file_is_for_its_owner_alone(path: Path) -> None:
    asyncio.run(opened(path).add(an_entry(ANN)))

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert listed(opened(path)) == {ANN}


def test_a_folder_that_is_gone_is_an_absence(path: Path) -> None:
    store = FileSuppressions(path.parent / "absent" / "list", canonical_address, "email")

    with pytest.raises(SuppressionsUnavailable, match="cannot be written: No such file"):
        asyncio.run(store.add(an_entry(ANN)))


def test_a_date_is_kept(path: Path) -> None:
    asyncio.run(opened(path).add(an_entry(ANN, since=date(2026, 2, 28))))

    (entry,) = asyncio.run(opened(path).entries())
    assert entry.since == date(2026, 2, 28)
