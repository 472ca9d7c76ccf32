"""Opening the file, and what is said when that cannot be done."""

import asyncio
import resource
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from adapters.inbound.contract import BrokerUnavailable
from adapters.sqlite.database import Database

SCHEMA = "CREATE TABLE note (text TEXT); CREATE INDEX note_by_text ON note (text)"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "queue.db"


def a_database(path: Path, *, version: int = 1, patience: float = 5.0) -> Database:
    return Database(path, schema=SCHEMA, version=version, patience=patience)


async def note(database: Database, text: str) -> None:
    await database.write(lambda c: c.execute("INSERT INTO note VALUES (?)", (text,)))


async def notes(database: Database) -> list[str]:
    rows = await database.read(lambda c: c.execute("SELECT text FROM note").fetchall())
    return [text for (text,) in rows]


def refusal(path: Path, *, version: int = 1) -> str:
    database = a_database(path, version=version)
    with closing(database), pytest.raises(BrokerUnavailable) as caught:
        asyncio.run(note(database, "x"))
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_a_missing_folder_and_file_are_made_for_their_owner_alone(path: Path) -> None:
    with closing(a_database(path)) as database:
        asyncio.run(note(database, "x"))

        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}


def test_what_was_written_is_there_for_the_next_process(path: Path) -> None:
    with closing(a_database(path)) as database:
        asyncio.run(note(database, "kept"))

    with closing(a_database(path)) as database:
        assert asyncio.run(notes(database)) == ["kept"]


def test_a_commit_waits_for_the_disk(path: Path) -> None:
    async def settings(database: Database) -> tuple[int, str]:
        return await database.read(
            lambda c: (
                c.execute("PRAGMA synchronous").fetchone()[0],
                c.execute("PRAGMA journal_mode").fetchone()[0],
            )
        )

    with closing(a_database(path)) as database:
        assert asyncio.run(settings(database)) == (2, "wal")  # 2 is FULL


def test_work_that_fails_leaves_nothing_behind(path: Path) -> None:
    def half(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO note VALUES ('half')")
        raise LookupError

    with closing(a_database(path)) as database:
        with pytest.raises(LookupError):
            asyncio.run(database.write(half))

        assert asyncio.run(notes(database)) == []


def test_a_folder_in_place_of_the_file_is_named(path: Path) -> None:
    path.mkdir(parents=True)

    assert "cannot be opened" in refusal(path)


def test_a_file_in_place_of_the_folder_is_named(path: Path) -> None:
    path.parent.write_text("in the way")

    assert f"check the folder {path.parent}" in refusal(path)


def test_a_file_that_is_no_database_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("a letter to my aunt\n" * 200)

    assert "no SQLite database" in refusal(path)
    assert path.read_text().startswith("a letter")


def test_the_database_of_another_program_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE theirs (x)")

    assert "another program" in refusal(path)
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT name FROM sqlite_schema").fetchall() == [("theirs",)]


def test_a_file_of_a_newer_version_is_left_alone(path: Path) -> None:
    with closing(a_database(path, version=2)) as newer:
        asyncio.run(note(newer, "x"))

    assert "another version" in refusal(path, version=1)


def test_a_damaged_file_is_said_to_be_damaged(path: Path) -> None:
    with closing(a_database(path)) as database:
        asyncio.run(note(database, "x" * 10_000))
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)

    assert "damaged" in refusal(path)


def test_a_disk_that_takes_no_more_is_reported_and_works_again_later(path: Path) -> None:
    with closing(a_database(path)) as database:
        asyncio.run(note(database, "before"))
        with largest_file(64 * 1024), pytest.raises(BrokerUnavailable, match="check the disk"):
            asyncio.run(note(database, "x" * 200_000))
        asyncio.run(note(database, "after"))

        assert asyncio.run(notes(database)) == ["before", "after"]


def test_a_file_deleted_under_us_is_made_again(path: Path) -> None:
    with closing(a_database(path)) as database, closing(a_database(path)) as other:
        asyncio.run(note(database, "lost"))
        path.unlink()
        asyncio.run(note(database, "new"))

        assert asyncio.run(notes(other)) == ["new"]


def test_waiting_for_another_process_blocks_nothing_else(path: Path) -> None:
    async def scenario(database: Database, other: sqlite3.Connection) -> int:
        other.execute("BEGIN IMMEDIATE")
        writing = asyncio.create_task(note(database, "x"))
        ticks = 0
        for _ in range(20):
            await asyncio.sleep(0.01)
            ticks += not writing.done()
        other.execute("COMMIT")
        await writing
        return ticks

    with closing(a_database(path)) as database:
        asyncio.run(note(database, "first"))
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            ticks = asyncio.run(scenario(database, other))

        assert ticks == 20
        assert asyncio.run(notes(database)) == ["first", "x"]


def test_a_file_that_stays_locked_is_unavailable(path: Path) -> None:
    with closing(a_database(path, patience=0.2)) as database:
        asyncio.run(note(database, "first"))
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(BrokerUnavailable, match=r"locked for 0\.2 seconds"):
                asyncio.run(note(database, "x"))


def test_many_may_open_a_new_file_at_once(path: Path) -> None:
    databases = [a_database(path) for _ in range(8)]

    async def scenario() -> None:
        await asyncio.gather(*(note(d, str(n)) for n, d in enumerate(databases)))

    asyncio.run(scenario())

    assert sorted(asyncio.run(notes(databases[0]))) == [str(n) for n in range(8)]
    for database in databases:
        database.close()


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file of this process may grow beyond `size` bytes: the kernel refuses the write."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
