"""The files that version 0.1.0 has written are read, and may be given back to it."""

import sqlite3
import time
from contextlib import closing
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from tests.support.worker import ROOT, run_command

OLD = ROOT / "tests/data/0.1.0"


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    """A home with both files of the older version, and a maildir."""
    home = tmp_path / "home"
    home.mkdir()
    for name in ("queue", "ledger"):
        with closing(sqlite3.connect(home / f"{name}.db")) as file:
            file.executescript((OLD / f"{name}.sql").read_text())
    with closing(sqlite3.connect(home / "ledger.db", isolation_level=None)) as file:
        # What is older than the retention is deleted, and the dump gets older each day.
        file.execute("UPDATE delivery SET written_at = ?", [int(time.time()) - 3600])
    return {
        "home": str(home),
        "templates_dir": str(ROOT / "templates"),
        "email_url": f"maildir:{tmp_path / 'mail'}",
        "email_from": "Shop <shop@example.com>",
    }


def recipients(folder: Path) -> list[str]:
    mails = [path.read_bytes() for path in (folder / "mail").rglob("*") if path.is_file()]
    return sorted(message_from_bytes(mail, policy=policy.default)["To"] for mail in mails)


def columns(path: Path) -> dict[str, list[tuple[str, str]]]:
    """Each table's columns and their types."""
    with closing(sqlite3.connect(path)) as file:
        tables = [
            name for (name,) in file.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        ]
        return {
            table: [(row[1], row[2]) for row in file.execute(f"PRAGMA table_info({table})")]
            for table in tables
            if not table.startswith("sqlite_")
        }


def test_what_waits_is_delivered_and_what_was_sent_is_not_sent_again(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    done = run_command("worker", "--drain", settings=settings, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert recipients(tmp_path) == ["carl@example.com"]
    with closing(sqlite3.connect(Path(settings["home"]) / "queue.db")) as file:
        assert file.execute("SELECT queue FROM message").fetchall() == [("email.dead",)]


def test_its_dead_letter_is_listed_and_sent_once_it_is_put_right(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    listed = run_command("failed", "list", settings=settings, cwd=tmp_path)
    assert "dead-1" in listed.stdout
    assert "template_undefined" in listed.stdout

    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/welcome.jinja2").write_text("Hello")  # no variable is missing now
    settings |= {"templates_dir": str(tmp_path / "templates")}
    again = run_command("failed", "retry", "dead-1", "--yes", settings=settings, cwd=tmp_path)
    assert again.returncode == 0, again.stderr + again.stdout
    run_command("worker", "--drain", settings=settings, cwd=tmp_path)

    assert recipients(tmp_path) == ["bob@example.com", "carl@example.com"]


def test_the_files_have_the_version_and_the_columns_that_the_older_one_reads(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    new = settings | {"home": str(tmp_path / "new")}
    data = '{"name": "Ann", "link": "https://example.org/a"}'
    sent = run_command(
        *("send", "welcome", "--to", "ann@example.com", "--subject", "Hello", "--data", data),
        settings=new,
        cwd=tmp_path,
    )
    assert sent.returncode == 0, sent.stderr
    run_command("worker", "--drain", settings=new, cwd=tmp_path)

    for name in ("queue.db", "ledger.db"):
        old, ours = Path(settings["home"]) / name, Path(new["home"]) / name
        assert columns(ours).items() >= columns(old).items()
        with closing(sqlite3.connect(ours)) as file:
            assert file.execute("PRAGMA user_version").fetchone() == (1,)
