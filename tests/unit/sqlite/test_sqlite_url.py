"""Addresses of SQLite files."""

from pathlib import Path

import pytest

from adapters.sqlite.url import parse_sqlite_url


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///queue.db", "queue.db"),
        ("sqlite:///./var/queue.db", "var/queue.db"),
        ("sqlite:////var/lib/queue.db", "/var/lib/queue.db"),
        ("sqlite:///a%20b.db", "a%20b.db"),
    ],
)
def test_three_slashes_are_relative_and_four_absolute(url: str, path: str) -> None:
    assert parse_sqlite_url(url) == Path(path)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://queue.db",
        "sqlite:///",
        "sqlite:///var/",
        "sqlite:///:memory:",
        "sqlite:///queue.db?mode=ro",
        "amqp://localhost",
        "",
    ],
)
def test_anything_else_is_refused_with_what_is_expected(url: str) -> None:
    with pytest.raises(ValueError, match=r"sqlite:///|must be a file|takes no options"):
        parse_sqlite_url(url)
